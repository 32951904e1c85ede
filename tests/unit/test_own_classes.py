"""Objects of a plain class of the project have no JSON: FC324 where a queue's function takes or returns them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_core import rules
from tests.support.projects import compile_files

_HEAD = """
import abc, dataclasses, enum
from typing import Generic, NamedTuple, Optional, Protocol, TypedDict, TypeVar
from pydantic import BaseModel
from flashc import Endpoint
from elsewhere import Base, decorated

T = TypeVar("T")
class Thing:
    def __init__(self, a): self.a = a
class Sub(Thing): ...
class Box(Generic[T]): ...
class Made(abc.ABC): ...
@dataclasses.dataclass
class Holder:
    thing: Thing
@dataclasses.dataclass
class Point:
    x: int
class Model(BaseModel):
    x: int
class Row(TypedDict):
    x: int
class Pair(NamedTuple):
    x: int
class Colour(enum.Enum):
    RED = 1
class Like(Protocol):
    x: int
class Foreign(Base): ...
@decorated
class Changed: ...
class Mapping(dict): ...
"""


def _messages(tmp_path: Path, function: str) -> list[str]:
    text = f"{_HEAD}\n@Endpoint(name='w', cpu='cpu3c-1-2')\n{function}\n"
    compiled = compile_files(tmp_path, {"w.py": text, "requirements.txt": "elsewhere\npydantic\n"})
    wanted = rules.ANNOTATION_WITHOUT_ENCODING
    return [each.message for each in compiled.diagnostics if each.rule is wanted]


@pytest.mark.parametrize(
    ("annotation", "name"),
    [
        *(("Thing", "Thing"), ("Sub", "Sub"), ("Box[int]", "Box"), ("Made", "Made")),
        *(("Optional[Thing]", "Thing"), ("list[Thing]", "Thing"), ("'Thing'", "Thing")),
        *(("dict[str, tuple[Thing, int]]", "Thing"), ("Holder", "Thing")),
    ],
)
def test_a_plain_class_is_reported(annotation: str, name: str, tmp_path: Path) -> None:
    assert _messages(tmp_path, f"def run(v: {annotation}) -> int: ...") == [
        f"the argument `v` is never a `{name}`, which JSON can't carry"
    ]
    assert _messages(tmp_path, f"def run() -> {annotation}: ...") == [
        f"the result of `run` can't be sent as a `{name}`, which JSON can't carry"
    ]


@pytest.mark.parametrize(
    "annotation",
    ["Point", "Model", "Row", "Pair", "Colour", "Like", "Foreign", "Changed", "Mapping", "object"]
    + ["list[Point]", "T", "type[Thing]", "Unknown"],
)
def test_what_travels_or_is_not_known_is_not_reported(annotation: str, tmp_path: Path) -> None:
    assert _messages(tmp_path, f"def run(v: {annotation}) -> {annotation}: ...") == []


def test_the_method_of_a_class_is_checked(tmp_path: Path) -> None:
    found = _messages(tmp_path, "class W:\n    def run(self, v: Thing) -> 'W': return self")
    assert [each.partition(",")[0] for each in found] == [
        "the result of `run` can't be sent as a `W`",
        "the argument `v` is never a `Thing`",
    ]

"""What flashc knows about models of pydantic is what pydantic computes; the rest is unknown."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from flashc.evaluator.values import Known, Unknown, concrete
from tests.properties.test_constants import evaluated, part_unknown

_HEAD = (
    "from typing import Annotated, Generic, Optional, TypeVar\n"
    "from pydantic import BaseModel, Field\n"
    "T = TypeVar('T')\n"
    "Hidden = Annotated[int, Field(exclude=True)]\n"
)


def computed(text: str, monkeypatch: pytest.MonkeyPatch) -> object:
    """Return the name `v` that Python and pydantic compute."""
    module = ModuleType("m")
    monkeypatch.setitem(sys.modules, "m", module)
    exec(compile(text, "m.py", "exec", dont_inherit=True), module.__dict__)
    return module.__dict__["v"]


@pytest.mark.parametrize(
    "field",
    [
        "x: Annotated[int, Field(exclude=True)] = 2",
        "x: Annotated[Annotated[int, Field(exclude=True)], Field(ge=0)] = 2",
        "x: 'Annotated[int, Field(exclude=True)]' = 2",
        "x: Hidden = 2",
        "x: 'Hidden' = 2",
        "x: int = Field(2, exclude=True)",
    ],
)
@pytest.mark.parametrize(
    "shown", ["M().model_dump()", "len(Sub().model_dump())", "Outer().model_dump()"]
)
def test_fields_that_pydantic_leaves_out_of_a_dump_are_not_in_it(
    field: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        f"{_HEAD}class M(BaseModel):\n    {field}\n    y: int = 3\n\n"
        "class Sub(M):\n    z: int = 4\n\n"
        "class Outer(BaseModel):\n    inner: M = Field(default_factory=M)\n\n"
        f"v = {shown}\n"
    )
    found = evaluated(text).frames["m"].names["v"]
    if part_unknown(found) is None:
        assert concrete(found) == computed(text, monkeypatch)


def test_a_type_of_another_library_may_leave_a_field_out_of_a_dump() -> None:
    text = "import unknown_lib\nclass M(BaseModel):\n    x: unknown_lib.Size = 2\nv = M().model_dump()\n"
    assert isinstance(evaluated(_HEAD + text).frames["m"].names["v"], Unknown)


@pytest.mark.parametrize(
    "field",
    ["int", "Optional[int]", "int | None", "'int'", "'int | None'", "Annotated[int, Field(ge=1)]"],
)
def test_plain_fields_are_in_a_dump(field: str) -> None:
    text = f"{_HEAD}class M(BaseModel):\n    x: {field} = 2\nv = M().model_dump()\n"
    found = evaluated(text).frames["m"].names["v"]
    assert part_unknown(found) is None
    assert isinstance(found, Known)
    assert concrete(found) == {"x": 2}


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("x: 'Annotated[int, Field(alias=\\'k\\')]' = 2", "k=5"),
        ("x: Annotated[int, Field(alias='k')] = 2", "k=5"),
        ("x: Annotated[Annotated[int, Field(alias='k')], Field(ge=0)] = 2", "k=5"),
        ("x: 'Annotated[int, Field(default=3)]'", ""),
    ],
)
def test_aliases_and_defaults_in_notes_count(
    field: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{_HEAD}class M(BaseModel):\n    {field}\nv = M({given}).x\n"
    machine = evaluated(text)
    assert not machine.failed
    found = machine.frames["m"].names["v"]
    if part_unknown(found) is None:
        assert concrete(found) == computed(text, monkeypatch)


_CLASSES = """
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Sequence, Union
from pydantic import SerializeAsAny, v1
class A(BaseModel):
    x: int = 1
class B(A):
    y: int = 2
class N(BaseModel):
    x: int = 1
    y: int = 5
class Outer(BaseModel):
    a: A = A()
@dataclass
class D:
    p: int = 1
@dataclass
class D2(D):
    q: int = 2
"""


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("A", "B()"),
        ("'A'", "B(x=7)"),
        ("Optional[A]", "B()"),
        ("A | None", "B()"),
        ("Annotated[A, Field(description='a')]", "B()"),
        ("list[A]", "[A(), B()]"),
        ("list[Optional[A]]", "[None, B()]"),
        ("dict[str, list[A]]", "{'k': [B()]}"),
        ("tuple[A, ...]", "(B(), A())"),
        ("Sequence[A]", "(B(), A())"),
        ("Sequence[int]", "(1, 2)"),
        ("Outer", "Outer(a=B())"),
        ("list[Outer]", "[Outer(a=B())]"),
        ("D", "D2()"),
        ("list[D]", "[D2(), D()]"),
        ("Any", "B()"),
        ("Any", "[B(), D2()]"),
        ("B", "B()"),
        ("Union[A, B]", "B()"),
    ],
)
@pytest.mark.parametrize(
    "shown",
    [
        "M(a={}).model_dump()",
        "M.model_validate(dict(a={})).model_dump()",
        "[m := M(a={}), m.model_dump(exclude_none=True)][1]",
    ],
)
def test_a_dump_shows_objects_as_the_types_of_the_fields_say(
    kind: str, given: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{_HEAD}{_CLASSES}class M(BaseModel):\n    a: {kind}\nv = {shown.format(given)}\n"
    found = evaluated(text).frames["m"].names["v"]
    assert part_unknown(found) is None
    assert concrete(found) == computed(text, monkeypatch)


@pytest.mark.filterwarnings("ignore:The `dict` method is deprecated")
@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("Union[A, N]", "M(a=B()).model_dump()"),
        ("list[A | D]", "M(a=[B()]).model_dump()"),
        ("SerializeAsAny[A]", "M(a=B()).model_dump()"),
        ("A", "M(a=B()).model_dump(serialize_as_any=True)"),
        ("A", "M(a=B()).model_dump_json()"),
        ("A", "M(a=B()).dict()"),
        ("A", "M(a=A()).model_copy(update={'a': N()}).model_dump()"),
        ("BaseModel", "M(a=B()).model_dump()"),
        ("T", "M(a=B()).model_dump()"),
        ("dict[int, A]", "M(a={'1': B()}).model_dump()"),
    ],
)
def test_a_dump_of_which_flashc_does_not_know_the_rules_is_unknown(
    kind: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{_HEAD}{_CLASSES}class M(BaseModel):\n    a: {kind}\nv = {shown}\n"
    computed(text, monkeypatch)
    assert part_unknown(evaluated(text).frames["m"].names["v"]) is not None


@pytest.mark.parametrize(
    "text",
    [
        "class M(v1.BaseModel):\n    a: Inner\n"
        "class Sub(Inner):\n    y: int = 2\nv = M(a=Sub()).dict()\n",
        "class M(BaseModel):\n    x: int = 1\n    @cached_property\n    def twice(self): return 2\n"
        "m = M()\nm.twice\nv = m.model_dump()\n",
        "class M(BaseModel):\n    x: int = 1\n    _p: int = 2\n"
        "m = M()\nm._p = 5\nv = m.model_dump()\n",
        "class M(BaseModel, extra='allow'):\n    x: int = 1\nv = M(z=[B()]).model_dump()\n",
    ],
)
def test_a_dump_has_only_what_pydantic_puts_in_it(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = "class Inner(v1.BaseModel):\n    x: int = 1\n"
    found = evaluated(_HEAD + _CLASSES + inner + text).frames["m"].names["v"]
    if part_unknown(found) is None:
        assert concrete(found) == computed(_HEAD + _CLASSES + inner + text, monkeypatch)


_BASES = (
    "Base = unknown_lib.make()\nclass M(BaseModel, Base):\n    a: int = 1\n",
    "Base = unknown_lib.make()\nclass M(Base, BaseModel):\n    a: int = 1\n",
    "class M(BaseModel, unknown_lib.Base):\n    a: int = 1\n",
    "Base = unknown_lib.make()\nclass Middle(Base):\n    pass\nclass M(BaseModel, Middle):\n    a: int = 1\n",
    "Base = unknown_lib.make()\nclass Middle(BaseModel, Base):\n    a: int = 1\nclass M(Middle):\n    pass\n",
    "class Box(BaseModel, Generic[T]):\n    a: int = 1\nclass M(BaseModel, Box[int]):\n    a: int = 2\n",
)


@pytest.mark.parametrize("bases", _BASES)
def test_a_model_with_a_base_that_is_not_known_is_unknown(bases: str) -> None:
    text = f"{_HEAD}import unknown_lib\n{bases}v = M().a\nw = M().model_dump()\n"
    names = evaluated(text).frames["m"].names
    assert isinstance(names["v"], Unknown)
    assert isinstance(names["w"], Unknown)


@pytest.mark.parametrize(
    "head",
    [
        "class M(BaseModel, Generic[T]):\n",
        "class Base(BaseModel):\n    pass\nclass Other:\n    pass\nclass M(Base, Other):\n",
        "import abc\nclass M(BaseModel, abc.ABC):\n",
    ],
)
def test_a_model_with_bases_of_the_project_is_known(head: str) -> None:
    found = evaluated(f"{_HEAD}{head}    a: int = 1\nv = M().a\n").frames["m"].names["v"]
    assert isinstance(found, Known)
    assert found.value == 1

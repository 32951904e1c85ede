"""Records are made by the constructor that Python would call, copies too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import compile_folder, write

CLASSES = """\
from dataclasses import KW_ONLY, InitVar, dataclass, field, replace
from typing import NamedTuple
from runpod_flash import Endpoint
@dataclass
class Derived:
    base: str
    name: str = ""
    def __post_init__(self): self.name = self.base + "-gpu"
@dataclass(frozen=True, init=True)
class Frozen:
    a: str = "a"
    b: str = "b"
@dataclass
class Partly:
    a: str = field(init=False, default="a")
    b: str = "b"
@dataclass(kw_only=True)
class ByName:
    a: str = "a"
@dataclass
class Marked:
    _: KW_ONLY
    a: str = "a"
@dataclass
class Given:
    start: InitVar[str] = "a"
@dataclass
class Inherits(Partly):
    c: str = "c"
@dataclass(init=False)
class Bare:
    a: str = "a"
class Pair(NamedTuple):
    a: str = "a"
    b: str = "b"
"""
ENDPOINT = "@Endpoint(name={0})\nasync def run(x: int): return x\n"


def name_of(folder: Path, expression: str) -> str | list[str]:
    """Return the endpoint's name, or the codes of the findings if it is not known."""
    root = write(folder, {"worker.py": CLASSES + ENDPOINT.format(expression)})
    result = compile_folder(root)
    program, found = result.program, result.diagnostics
    if program is None:
        return [diagnostic.rule.code for diagnostic in found]
    (endpoint,) = program.deployed
    return endpoint.name


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ('Derived("x").name', "x-gpu"),
        ('replace(Derived("x"), base="y").name', "y-gpu"),
        ('replace(Derived("x"), base="y", name="z").name', "y-gpu"),
        ('replace(Frozen(), b="y").b + replace(Frozen("z")).a', "yz"),
        ('Pair()._replace(b="y").b', "y"),
        ('Partly("x").b + Partly().a', "xa"),
        ('Inherits("x", "y").c + Inherits("x").b', "yx"),
    ],
)
def test_a_copy_is_made_by_the_constructor(expression: str, name: str, tmp_path: Path) -> None:
    assert name_of(tmp_path, expression) == name


@pytest.mark.parametrize(
    "expression",
    [
        'ByName(a="x").a',
        'Marked(a="x").a',
        'Given("x").start',
        "Bare().a",
    ],
)
def test_a_constructor_with_other_arguments_is_not_evaluated(
    expression: str, tmp_path: Path
) -> None:
    assert name_of(tmp_path, expression) == ["FC104"]

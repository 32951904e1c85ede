"""A change of a frozen object raises for certain; what may be changed is no error."""

from __future__ import annotations

import pytest

from flashc.evaluator.values import concrete
from tests.properties.test_constants import computed, evaluated, part_unknown

_HEAD = """
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, NamedTuple
import attr, attrs
from attrs import frozen as locked
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
"""
_CLASSES = (
    *("class S(BaseModel):\n    x: int = 1", "class S(BaseModel, frozen=True):\n    x: int = 1"),
    "class S(BaseModel):\n    model_config = ConfigDict(frozen=True)\n    x: int = 1\n    _p: int = PrivateAttr(1)",
    *(f"class S(BaseModel):\n    x: {form}" for form in ("int = Field(1, frozen=True)",)),
    "class S(BaseModel):\n    x: Annotated[int, Field(frozen=True)] = 1\n    y: int = 2",
    "class B(BaseModel, frozen=True):\n    x: int = 1\nclass S(B):\n    model_config = ConfigDict(frozen=False)",
    "class S(BaseModel, frozen=True):\n    x: int = 1\n    def __setattr__(self, name, value): pass",
    "class S(BaseModel):\n    model_config = ConfigDict(validate_assignment=True)\n    x: int = 1",
    *(f"@dataclass{o}\nclass S:\n    x: int = 1" for o in ("", "(frozen=True)", "(frozen=False)")),
    "@dataclass(frozen=True, slots=True)\nclass S:\n    x: int = 1",
    "@dataclass(frozen=True)\nclass B:\n    x: int = 1\nclass S(B): pass",
    "@dataclass(frozen=True)\nclass B:\n    x: int = 1\n@dataclass(frozen=True)\nclass S(B):\n    y: int = 1",
    *(
        f"@{d}\nclass S:\n    x: int = 1"
        for d in ("attrs.define", "attrs.frozen", "locked", "attr.frozen")
    ),
    *(f"@{d}(frozen=True)\nclass S:\n    x: int = 1" for d in ("attrs.define", "attr.define")),
    "@attr.s(frozen=True, auto_attribs=True)\nclass B:\n    x: int = 1\nclass S(B): pass",
    "@attrs.frozen(slots=False)\nclass B:\n    x: int = 1\nclass S(B):\n    def __setattr__(self, name, value): pass",
    "class S(NamedTuple):\n    x: int = 1",
    "class B(NamedTuple):\n    x: int = 1\nclass S(B): pass",
)
_CHANGES = (
    *("s.x = 2", "setattr(s, 'x', 2)", "s.x += 1", "del s.x", "s.y = 2"),
    *("s._p = 2", "object.__setattr__(s, 'x', 2)", "S.z = 2"),
)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", _CLASSES)
def test_only_what_python_refuses_is_refused(text: str) -> None:
    for change in _CHANGES:
        program = f"{_HEAD}{text}\ns = S()\n{change}\nv = getattr(s, 'x', None)\n"
        expected = computed(program)
        machine = evaluated(program)
        if expected is not None:
            assert not machine.failed, f"Python does not refuse {change}"
            found = machine.frames["m"].names["v"]
            if part_unknown(found) is None and not change.startswith("del"):
                assert concrete(found) == expected["v"], change
        elif "frozen=True" in text and change in ("s.x = 2", "setattr(s, 'x', 2)", "s.x += 1"):
            assert machine.failed, f"Python refuses {change}"


@pytest.mark.parametrize("decorator", ["dataclass(frozen=True)", "attrs.frozen", "locked"])
def test_the_refusal_is_an_attribute_error(decorator: str) -> None:
    text = (
        f"{_HEAD}@{decorator}\nclass S:\n    x: int = 1\nv, s = 0, S()\n"
        "try:\n    setattr(s, 'x', 2)\nexcept TypeError:\n    v = 1\nexcept AttributeError:\n    v = 2\n"
    )
    assert concrete(evaluated(text).frames["m"].names["v"]) == 2


def test_a_method_of_a_frozen_object_that_changes_it_raises() -> None:
    text = f"{_HEAD}@dataclass(frozen=True)\nclass S:\n    x: int = 1\n    def __post_init__(self): self.x = 2\n"
    assert not evaluated(text).failed
    assert evaluated(f"{text}S()\n").failed

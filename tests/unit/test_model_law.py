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


_DUMPED = """
import logging
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar, List, NamedTuple
import pydantic.fields, pydantic.functional_serializers as fs
from pydantic import Base64Str, ConfigDict, PlainSerializer, PrivateAttr, RootModel
from pydantic import computed_field, computed_field as cf, field_serializer, field_validator
from pydantic import model_serializer
class A(BaseModel):
    x: int = 1
class B(A):
    y: int = 2
@dataclass
class D:
    x: int = 1
class P(NamedTuple):
    x: int = 1
class Plain:
    def __init__(self): self.x = 1
class Mixin:
    @computed_field
    @property
    def path(self) -> str: return "/mixin"
def twice(self, value): return value * 2
"""
_PATH = "(self) -> str: return '/' + self.model"
# Bodies of a model whose dump flashc knows, and those of which code or options decide.
_KNOWN_BODIES = (
    *(f"@computed_field\n@property\ndef path{_PATH}", f"@computed_field\ndef path{_PATH}"),
    *(f"@cf(alias='q', repr=False)\n@property\ndef path{_PATH}", f"@property\ndef path{_PATH}"),
    f"@pydantic.fields.computed_field\n@cached_property\ndef path{_PATH}",
    "@cached_property\ndef other(self) -> str: return 'o'\n",
    "@computed_field\n@property\ndef path(self) -> str | None: return None",
    "@computed_field\n@property\ndef inner(self) -> str: return f'{len(self.model)}'",
    *("model_config = ConfigDict(extra='allow')", "_log = logging.getLogger('x')"),
    *("_p = PrivateAttr(3)", "_p: int = PrivateAttr(3)", "B: ClassVar[int] = 2"),
    "@field_validator('model')\n@classmethod\ndef check(cls, v): return v",
    "model_config = ConfigDict(ser_json_bytes='base64', json_encoders={int: str})",
    *(
        "def __iter__(self): yield 1",
        "d: D = D()",
        "a: A = A()",
        "a: Any = B()",
        "a: B | None = B()",
    ),
    *("a: 'A' = A()", "a: List[A] = Field(default_factory=lambda: [A()])"),
)
_DECIDED_BODIES = (
    "path = computed_field(property(lambda self: 1), return_type=int)",
    "@field_serializer('model')\ndef ser(self, value): return value * 2",
    "@fs.field_serializer('model')\ndef ser(self, value): return value * 2",
    *("ser = field_serializer('model')(twice)", "_ser = field_serializer('model')(twice)"),
    "@model_serializer\ndef ser(self): return {'x': 2}",
    "@model_serializer(mode='wrap')\ndef ser(self, handler): return {'x': 2, **handler(self)}",
    "@computed_field\n@property\ndef p(self) -> Annotated[str, PlainSerializer(len)]: return '/'",
    *(
        "n: str = Field('m', serialization_alias='x')\nmodel_config = ConfigDict(serialize_by_alias=True)",
    ),
    *("a: A = B()", "a: list[A] = Field(default_factory=lambda: [B()])", "a: A | None = B()"),
    *("p: P = P()", "model_config = ConfigDict(arbitrary_types_allowed=True)\np: Plain = Plain()"),
    *("e: Base64Str = 'aa'", "def __getattr__(self, name): return 1\nx: A = B()"),
    "@classmethod\ndef __pydantic_init_subclass__(cls, **kw): cls.model_fields.pop('model', None)",
    "def model_dump(self, **kw): return {'y': 1}",
)
_SHOWN = (
    *("M().model_dump()", "M().dict()", "M().model_dump(exclude={'path'})", "Sub().model_dump()"),
    *("M().model_dump(include={'path', 'model'})", "M().model_dump(exclude_none=True)"),
    *("Outer().model_dump()", "{k.upper(): x for k, x in M().model_dump().items()}"),
)


def _program_of(body: str, shown: str, base: str = "BaseModel") -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return (
        f"{_HEAD}{_DUMPED}class M({base}):\n    model: str = 'm'\n{lines}\n"
        "class Sub(M):\n    z: int = 4\n\n"
        "class Outer(BaseModel):\n    inner: M = Field(default_factory=M)\n\n"
        f"v = {shown}\n"
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("body", _KNOWN_BODIES)
def test_a_dump_has_the_computed_fields_and_no_other_attributes(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shown in _SHOWN:
        text = _program_of(body, shown)
        assert concrete(evaluated(text).frames["m"].names["v"]) == computed(text, monkeypatch), (
            shown
        )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("body", _DECIDED_BODIES)
@pytest.mark.parametrize("base", ["BaseModel", "Mixin, BaseModel"])
def test_a_dump_that_code_or_options_decide_is_unknown_or_what_pydantic_computes(
    body: str, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shown in _SHOWN:
        text = _program_of(body, shown, base)
        found = evaluated(text).frames["m"].names["v"]
        if part_unknown(found) is None:
            assert concrete(found) == computed(text, monkeypatch), shown


def test_attributes_that_are_no_fields_are_not_in_a_dump(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "@cached_property\ndef other(self) -> str: return 'o'\n_p: int = 1\n"
    text = _program_of(body, "(m.other, m.model_dump())").replace("v = ", "m = M()\nm._p = 3\nv = ")
    assert concrete(evaluated(text).frames["m"].names["v"]) == computed(text, monkeypatch)


def test_more_attributes_of_a_model_that_takes_them_are_in_its_dump(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body = "model_config = ConfigDict(extra='allow')"
    text = _program_of(body, "m.model_dump()").replace("v = ", "m = M(b=2)\nm.c = 3\nv = ")
    assert concrete(evaluated(text).frames["m"].names["v"]) == computed(text, monkeypatch)

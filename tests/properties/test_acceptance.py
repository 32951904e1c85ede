"""The law of `flashc call`: what a worker accepts is never refused before it is sent; the codec's refusals are seen."""

from __future__ import annotations

import functools
import sys
import tempfile
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from flashc_backends.contracts.acceptance import Acceptance
from flashc_backends.runtime.codec import codec_of
from flashc_backends.runtime.values import Misfit
from flashc_ir.endpoints import functions_of
from flashc_ir.schemas import Interface
from tests.properties.test_schemas import ANNOTATIONS, HEAD, SINGLE, deeper
from tests.support.json_data import ANY, data_of, nearly
from tests.support.profiles import examples
from tests.support.projects import compile_files

# Classes whose code or options make them accept more than their fields say, and some that do not.
CLASSES = f"""{HEAD}
from fastapi import Body
from pydantic import (
    AliasChoices, BeforeValidator, PositiveInt, RootModel, field_validator, model_validator,
)

class Odd(enum.Enum):
    A = 1
    B = "b"

    @classmethod
    def _missing_(cls, value):
        return cls.A if value == "x" else None

class Trimmed(BaseModel):
    model_config = ConfigDict(str_strip_whitespace=True, str_min_length=1)
    a: str = Field(max_length=2)

class Named(BaseModel):
    model_config = ConfigDict(populate_by_name=True, extra="forbid")
    a: int = Field(alias="x")
    b: Optional[datetime.date] = Field(None, validation_alias=AliasChoices("red", "fast"))
    c: Odd = Odd.A

class Turned(BaseModel):
    a: Annotated[int, BeforeValidator(lambda v: 1)]
    b: list[Annotated[int, BeforeValidator(lambda v: 1)]] = []
    c: int = 0
    d: datetime.date

    @field_validator("c", mode="before")
    @classmethod
    def turn(cls, value):
        return 1

class Whole(BaseModel):
    a: int

    @model_validator(mode="before")
    @classmethod
    def turn(cls, value):
        return {{"a": 1}}

class Roots(RootModel[list[int]]):
    pass

class Tight(RootModel[dict[str, Point]]):
    pass

class Custom(BaseModel):
    a: int

    def __init__(self, **data):
        super().__init__(a=len(data))
"""
OWN = ("Odd", "Trimmed", "Named", "Turned", "Whole", "Roots", "Tight", "Custom", "PositiveInt")
SINGLES = st.sampled_from(SINGLE + OWN)
MORE = st.recursive(SINGLES, deeper, max_leaves=3)
MODULE = types.ModuleType("flashc_test_classes")
# Which objects and numbers these accept is not a part of a schema.
LOOSE = ("dict[", "Counter[", "numpy", *OWN)


@functools.cache
def _names() -> dict[str, Any]:
    """The names of the classes that annotations use."""
    sys.modules[MODULE.__name__] = MODULE
    exec(CLASSES, vars(MODULE))
    return vars(MODULE)


def _interface(text: str, decorator: str, default: str = "") -> Interface:
    """The interface of a function whose only parameter has this annotation."""
    source = f"{CLASSES}\n{decorator}\ndef run(v: {text}{default}): return v\n"
    with tempfile.TemporaryDirectory() as folder:
        program = compile_files(Path(folder), {"w.py": source}).valid
    (endpoint,) = program.code_endpoints
    (function,) = functions_of(endpoint)
    assert function.interface is not None
    return function.interface


def _sent(interface: Interface) -> st.SearchStrategy[Any]:
    """Data for the argument: some that fits, some that nearly fits, and any other."""
    known = {each.key: each.schema for each in interface.definitions}
    fits = data_of(interface.arguments[0].schema, known)
    return st.one_of(ANY, fits, fits.flatmap(nearly), fits.flatmap(nearly).flatmap(nearly))


def _refuses(interface: Interface, sent: Any, *, by_pydantic: bool = False) -> bool:
    """Whether `flashc call` refuses the argument."""
    (argument,) = interface.arguments
    acceptance = Acceptance.of(interface, by_pydantic=by_pydantic)
    return not argument.loose and acceptance.refusal(sent, argument.schema) is not None


def _jobs(text: str, data: st.DataObject) -> Iterator[tuple[Interface, Any, bool]]:
    """Yield an interface whose argument has an annotation, data for the argument, and whether the codec of jobs accepts it."""
    interface = _interface(text, "@Endpoint(name='w', cpu='cpu3c-1-2')")
    codec = codec_of(eval(text, _names()))
    for _ in range(8):
        sent = data.draw(_sent(interface))
        try:
            codec.load(sent)
        except Misfit:
            yield interface, sent, False
        else:
            yield interface, sent, True


@given(MORE, st.data())
@settings(max_examples=examples(60))
def test_what_the_codec_of_jobs_accepts_is_never_refused(text: str, data: st.DataObject) -> None:
    for interface, sent, is_accepted in _jobs(text, data):
        assert not (is_accepted and _refuses(interface, sent)), (text, sent)


@given(ANNOTATIONS.filter(lambda text: not any(word in text for word in LOOSE)), st.data())
@settings(max_examples=examples(60))
def test_what_the_codec_of_jobs_refuses_is_refused(text: str, data: st.DataObject) -> None:
    for interface, sent, is_accepted in _jobs(text, data):
        assert is_accepted or _refuses(interface, sent), (text, sent)


@given(MORE.filter(lambda text: "numpy" not in text), st.data())
@settings(max_examples=examples(60))
def test_what_pydantic_accepts_in_a_route_is_never_refused(text: str, data: st.DataObject) -> None:
    declared = "api = Endpoint(name='w', cpu='cpu3c-1-2')\n@api.post('/run')"
    interface = _interface(text, declared, " = Body()")
    try:
        with warnings.catch_warnings(action="ignore"):
            adapter: TypeAdapter[Any] = TypeAdapter(eval(text, _names()))
    except PydanticUserError:  # it has no schema for a part of it
        return
    for _ in range(8):
        sent = data.draw(_sent(interface))
        try:
            with warnings.catch_warnings(action="ignore"):  # such as that of `IPv6Network(False)`
                adapter.validate_python(sent)
        except ValidationError:
            continue
        assert not _refuses(interface, sent, by_pydantic=True), (text, sent)


@pytest.mark.parametrize(
    ("text", "sent", "refusal"),
    [
        ("int", "two", " is 'two', not int"),
        ("int", True, " is True, not int"),
        ("datetime.date", "tomorrow", " is 'tomorrow', not date"),
        ("bytes", "no base64!", " is 'no base64!', not base64"),
        ("Mode", "slow", """ is 'slow', not Literal["fast"]"""),
        ("Literal['a', 1]", 2, """ is 2, not Literal["a", 1]"""),
        ("list[Node]", [{"name": "a"}, {}], "[1] lacks `name` of Node"),
        ("Node", {"name": "a", "inner": [{"name": 1}]}, ".inner[0].name is 1, not str"),
        ("tuple[int, str]", [1], " has 1 items, not 2"),
        ("Pair", [1, "never"], "[1] is 'never', not date"),
        ("Pair", {}, " lacks `left` of Pair"),
        ("dict[int, str]", {"a": "b"}, " has the key 'a', which is no int"),
        ("dict[str, Level]", {"a": 7}, "['a'] is 7, not Literal[1]"),
        ("Positive", 10, " is 10, which is greater than 9"),
        ("Closed", {"n": 3, "m": 1}, " has the unexpected `m`"),
        ("Closed", {"n": 3, "next": {"n": 0}}, ".next.n is 0, which is less than 1"),
        ("Item", {"when": "now"}, " lacks `n` of Item"),
        ("Named", {"x": "no"}, ".x is 'no', not int"),
        ("Page[Point]", {"items": [{"x": None}]}, ".items[0].x is None, not int"),
        ("Roots", [1, "x"], "[1] is 'x', not int"),
        ("Annotated[list[int], Field(min_length=2)]", [1], " is [1], which has fewer than 2 items"),
        ("Annotated[str, Field(pattern='^a+$')]", "b", " is 'b', which does not match '^a+$'"),
        ("Union[int, list[str]]", ["a", 1], "[1] is 1, not str"),
        ("Optional[UserId]", "x", " is 'x', not int | None"),
    ],
)
def test_a_refusal_has_the_place_and_what_is_expected_there(
    text: str, sent: Any, refusal: str
) -> None:
    interface = _interface(text, "@Endpoint(name='w', cpu='cpu3c-1-2')")
    assert str(Acceptance.of(interface).refusal(sent, interface.arguments[0].schema)) == refusal

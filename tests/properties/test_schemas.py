"""The law of schemas: what fits is accepted, what is written fits, and what is accepted as it is fits."""

from __future__ import annotations

import datetime
import functools
import json
import re
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flashc_backends.contracts.json_schema import Definitions
from flashc_backends.runtime.codec import codec_of
from flashc_backends.runtime.values import Misfit
from flashc_ir.endpoints import QueueFunction
from flashc_ir.schemas import Interface, Schema
from tests.support.codec_kinds import SHAPES
from tests.support.json_data import ANY, data_of, nearly
from tests.support.profiles import examples
from tests.support.projects import compile_files

HEAD = f"""
{SHAPES}
import attr
import msgspec
import pydantic.dataclasses
from pydantic import ConfigDict
from flashc import Endpoint
Positive = Annotated[int, Field(ge=1, le=9)]

class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: Positive
    raw: bytes = b""
    next: "Closed | None" = None

class Required(TypedDict):
    a: int
    b: "list[Node]"

class Deeper(Box[int]):
    pass

@dataclasses.dataclass
class One:
    n: int

@dataclasses.dataclass
class Two:
    n: int

@dataclasses.dataclass
class Three:
    n: int

@attrs.frozen(kw_only=True)
class Sealed:
    a: int
    _b: str = "x"
    c: "list[Sealed]" = attrs.field(factory=list)
    d: int = attrs.field(init=False, default=1)
    kind: typing.ClassVar[str] = "sealed"

@attrs.define
class Late(Part):
    when: datetime.date = attrs.field()
    raw: bytes = attr.ib(b"")

    @when.default
    def _today(self):
        return datetime.date(2024, 1, 1)

class Under(Late):
    other: int = 1

@attr.dataclass
class Held(Generic[T]):
    content: T
    more: Optional[T] = None

@pydantic.dataclasses.dataclass
class Checked:
    n: int = Field(ge=1, le=9)
    name: Annotated[str, Field(max_length=3)] = "a"
    tags: list[str] = Field(default_factory=list)
    inner: "Checked | None" = None

@pydantic.dataclasses.dataclass(kw_only=True)
class Wider(Checked):
    raw: bytes = b""

@attrs.define
class Converted:
    n: int = attrs.field(converter=int)

@attr.s
class Bare:
    n = attr.ib()

class Foreign(msgspec.Struct):
    n: int

@pydantic.dataclasses.dataclass
class Named:
    n: int = Field(alias="number")
"""
SINGLE = (
    "int", "float", "bool", "str", "bytes", "bytearray", "datetime.datetime", "datetime.date",
    "datetime.time", "datetime.timedelta", "uuid.UUID", "decimal.Decimal", "fractions.Fraction",
    "pathlib.PurePosixPath", "ipaddress.IPv4Address", "ipaddress.IPv6Network", "Colour", "Level", "Mode",
    "Literal['a', 1, None]", "Literal[True]", "Literal[-1]", "Point", "Node", "Pair", "Options", "Required", "Item",
    "Closed", "UserId", "Positive", "Deeper", "Part", "Sealed", "Late", "Under", "Held[datetime.date]", "Checked", "Wider", "numpy.float64", "numpy.int64",
    "Annotated[str, Field(min_length=1, max_length=2)]", "Any", "dict", "list",
)  # fmt: skip
KEYS = ("int", "float", "str", "bool", "datetime.date", "uuid.UUID", "decimal.Decimal", "Mode", "Level",
        "Point", "Colour", "Literal[1, 2]", "Literal['x']", "bytes")  # fmt: skip
HASHABLE = ("int", "str", "datetime.date", "bytes", "Point", "Mode", "uuid.UUID")
OF_MODELS = ("int", "Checked", "bytes", "decimal.Decimal", "datetime.timedelta", "Node", "Closed", "Mode", "Pair",
             "dict[int, str]", "set[int]", "tuple[int, str]", "Optional[datetime.time]", "Any", "uuid.UUID",
             "Union[int, str]", "Literal['a']", "Point", "Page[Point]", "pathlib.Path")  # fmt: skip
SINGLES = st.sampled_from(SINGLE)


def deeper(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    keys, hashable = st.sampled_from(KEYS), st.sampled_from(HASHABLE)
    return st.one_of(
        inner.map("list[{}]".format),
        inner.map("tuple[{}, ...]".format),
        inner.map("Box[{}]".format),
        st.sampled_from(OF_MODELS).map("Page[{}]".format),
        inner.map("Optional[{}]".format),
        inner.map("collections.deque[{}]".format),
        inner.map("collections.abc.Sequence[{}]".format),
        inner.map("Annotated[list[{}], Field(min_length=1)]".format),
        hashable.map("set[{}]".format),
        hashable.map("collections.Counter[{}]".format),
        st.builds("tuple[{}, {}]".format, inner, inner),
        st.builds("Union[{}, {}]".format, inner, inner),
        st.builds("dict[{}, {}]".format, keys, inner),
    )


ANNOTATIONS = st.recursive(SINGLES, deeper, max_leaves=3)
SHAPES_MODULE = types.ModuleType("flashc_test_shapes")
_FORMATS = jsonschema.FormatChecker(formats=())


def _checks(name: str, parse: Any) -> None:
    """Let a validator check a format: the text is what `parse` reads."""
    _FORMATS.checks(name, raises=ValueError)(
        lambda text: not isinstance(text, str) or bool(parse(text))
    )


_checks("date-time", lambda text: datetime.datetime.fromisoformat(text))
_checks("date", lambda text: datetime.date.fromisoformat(text))
_checks("time", lambda text: str(datetime.time.fromisoformat(text)))
for _name in (
    "uuid.UUID",
    "ipaddress.IPv4Address",
    "ipaddress.IPv6Address",
    "ipaddress.IPv6Network",
):
    _module, _, _class = _name.partition(".")
    _format = {"UUID": "uuid", "IPv6Network": "ipv6network"}.get(_class, _class[:4].lower())
    _checks(_format, getattr(__import__(_module), _class))


@functools.cache
def _shapes() -> dict[str, Any]:
    """The names of the classes that annotations use."""
    sys.modules[SHAPES_MODULE.__name__] = SHAPES_MODULE
    names = vars(SHAPES_MODULE)
    exec(HEAD, names)
    return names


class Described:
    """An annotation of a parameter and a result: its codec, and its schemas in both directions."""

    def __init__(self, text: str) -> None:
        source = f"{HEAD}\n@Endpoint(name='w', cpu='cpu3c-1-2')\ndef run(v: {text}) -> {text}: return v\n"
        with tempfile.TemporaryDirectory() as folder:
            program = compile_files(Path(folder), {"w.py": source}).valid
        (endpoint,) = program.code_endpoints
        assert isinstance(endpoint, QueueFunction)
        assert endpoint.function.interface is not None
        self.interface: Interface = endpoint.function.interface
        self.known = {each.key: each.schema for each in self.interface.definitions}
        self.codec = codec_of(eval(text, _shapes()))
        self.accepts = self._validator(self.schema)
        self.gives = self._validator(self.interface.returns)

    @property
    def schema(self) -> Schema:
        return self.interface.arguments[0].schema

    def _validator(self, schema: Schema) -> jsonschema.Draft202012Validator:
        definitions = Definitions.of([self.interface], "#/$defs/")
        document = definitions.schema(schema, self.interface)
        document["$defs"] = definitions.to_json()
        jsonschema.Draft202012Validator.check_schema(document)
        return jsonschema.Draft202012Validator(document, format_checker=_FORMATS)

    def loaded(self, data: Any, strict: bool = False) -> tuple[bool, Any]:
        """Whether the codec accepts data, and the value."""
        try:
            return True, self.codec.load(data, strict)
        except Misfit:
            return False, None


def _is_left_to_the_codec(text: str, data: Any) -> bool:
    """Whether the schema is narrower than the codec on purpose: the chapter lists these forms."""
    has_pairs = re.search(
        r"(dict|Counter)\[(Point|Colour)", text
    )  # an empty object is no list of pairs
    # pydantic converts what is in a model, such as False to 0
    return bool("$union" in json.dumps(data) or "Sequence" in text or has_pairs or "Page[" in text)


def _is_refused_by_pydantic(text: str, data: Any) -> bool:
    """Whether data has a whole number that pydantic refuses as an integer, because it is written like 1e+30."""
    return "Page[" in text and "e+30" in json.dumps(data)


@given(ANNOTATIONS, st.data())
@settings(max_examples=examples(150))
def test_what_fits_a_schema_is_accepted_and_what_is_written_fits(
    text: str, data: st.DataObject
) -> None:
    described = Described(text)
    sent = data.draw(data_of(described.schema, described.known))
    assert described.accepts.is_valid(sent), (text, sent)
    accepted, value = described.loaded(sent)
    assert accepted, (text, sent)
    written = json.loads(json.dumps(described.codec.encode(value)))
    problem = next(described.gives.iter_errors(written), None)
    assert problem is None, (text, written, problem)
    assert described.accepts.is_valid(written), (text, written)


@given(ANNOTATIONS, st.data())
@settings(max_examples=examples(150))
def test_the_schema_and_the_codec_refuse_the_same_data(text: str, data: st.DataObject) -> None:
    described = Described(text)
    fits = data_of(described.schema, described.known)
    for _ in range(5):
        sent = data.draw(st.one_of(ANY, fits.flatmap(nearly)))
        if described.accepts.is_valid(sent):
            assert described.loaded(sent)[0] or _is_refused_by_pydantic(text, sent), (text, sent)
        elif not _is_left_to_the_codec(text, sent):
            assert not described.loaded(sent, strict=True)[0], (text, sent)


@pytest.mark.parametrize("text", SINGLE)
def test_each_kind_has_a_schema(text: str) -> None:
    described = Described(text)
    assert isinstance(described.accepts.schema, dict)
    assert described.accepts.schema.keys() > {"$defs"} or text == "Any"
    assert "$comment" not in json.dumps(described.accepts.schema)


@pytest.mark.parametrize("text", ["Converted", "Bare", "Foreign", "Named"])
def test_a_class_whose_json_flashc_does_not_know_has_no_schema(text: str) -> None:
    described = Described(text)
    assert "$comment" in json.dumps(described.accepts.schema)
    assert described.accepts.is_valid(object())


@pytest.mark.parametrize(
    "text",
    [
        "Union[One, Two, Three]",
        "One | Two | Three",
        "Union[Union[One, Two], Three]",
        "Union[One, Union[Two, Three]]",
        "Optional[One | Two] | Three",
        "Optional[Union[One, Three, Two]]",
    ],
)
def test_members_that_look_alike_are_numbered_as_python_flattens_the_union(text: str) -> None:
    described = Described(text)
    for name in ("One", "Two", "Three"):
        written = json.loads(json.dumps(described.codec.encode(_shapes()[name](1))))
        assert described.gives.is_valid(written), written
        assert described.accepts.is_valid(written)
        assert not described.accepts.is_valid({"$union": 3, "value": {"n": 1}})
        assert type(described.loaded(written)[1]).__name__ == name


@pytest.mark.parametrize("inner", ["Options", "tuple[int, Options]", "numpy.int64"])
def test_pydantic_checks_the_constraints_of_types_that_it_does_not_know(inner: str) -> None:
    described = Described(f"Annotated[list[{inner}], Field(min_length=1)]")
    assert not described.accepts.is_valid([])
    assert not described.loaded([])[0]

"""The law of the codec: a value that travels as JSON is the same value, of the same type, at the other end."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import ipaddress
import json
import math
import pathlib
import typing
import uuid
from typing import Any, Literal, NamedTuple, TypedDict

import numpy
import numpy.typing
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from flashc_backends.runtime.codec import codec_of
from flashc_backends.runtime.values import Misfit

UTC = datetime.timezone.utc  # noqa: UP017 - these tests also run on Python 3.10


class Colour(enum.Enum):
    RED = "red"
    BLUE = (1, 2)
    BROKEN = object()


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Rights(enum.Flag):
    READ = 1
    WRITE = 2


class Mode(str, enum.Enum):  # noqa: UP042
    FAST = "fast"


@dataclasses.dataclass
class Node:
    name: str
    when: datetime.datetime | None = None
    inner: list[Node] = dataclasses.field(default_factory=list)
    later: int = dataclasses.field(default=3, init=False)


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = 0


T = typing.TypeVar("T")


@dataclasses.dataclass
class Box(typing.Generic[T]):
    content: T


class Pair(NamedTuple):
    left: int
    right: datetime.date = datetime.date(2024, 1, 1)


class Options(TypedDict, total=False):
    size: int
    mode: Mode


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    when: datetime.datetime
    tags: set[str] = set()
    colour: Mode = Mode.FAST


FINITE = st.floats(allow_nan=False, allow_infinity=False)
SINGLE: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (int, st.integers()),
    (float, FINITE),
    (bool, st.booleans()),
    (str, st.text()),
    (None, st.none()),
    (bytes, st.binary()),
    (bytearray, st.binary().map(bytearray)),
    (datetime.datetime, st.datetimes() | st.datetimes(timezones=st.just(UTC))),
    (datetime.date, st.dates()),
    (datetime.time, st.times()),
    (datetime.timedelta, st.timedeltas()),
    (uuid.UUID, st.uuids()),
    (decimal.Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    (fractions.Fraction, st.fractions()),
    (ipaddress.IPv6Address, st.ip_addresses(v=6)),
    (pathlib.Path, st.sampled_from(["/a/b", "c", "."]).map(pathlib.Path)),
    (pathlib.PurePosixPath, st.sampled_from(["/a/b", "c"]).map(pathlib.PurePosixPath)),
    (Colour, st.sampled_from(Colour)),
    (Level, st.sampled_from(Level)),
    (Mode, st.sampled_from(Mode)),
    (Rights, st.sampled_from([Rights.READ, Rights.READ | Rights.WRITE])),
    (Literal["a", 1, True, None], st.sampled_from(["a", 1, True, None])),
    (Point, st.builds(Point, st.integers(), st.integers())),
    (Pair, st.builds(Pair, st.integers(), st.dates())),
    (Node, st.recursive(st.builds(Node, st.text(), st.none() | st.datetimes()),
                        lambda n: st.builds(Node, st.text(), st.none(), st.lists(n, max_size=2)))),
    (Options, st.fixed_dictionaries({}, optional={"size": st.integers(), "mode": st.sampled_from(Mode)})),
    (Item, st.builds(Item, name=st.text(), when=st.datetimes(), tags=st.sets(st.text()))),
    (numpy.float32, st.floats(width=32, allow_nan=False, allow_infinity=False).map(numpy.float32)),
    (numpy.int64, st.integers(-(2**63), 2**63 - 1).map(numpy.int64)),
]  # fmt: skip
HASHABLE = (int, str, bytes, datetime.date, uuid.UUID, Level, Mode, Point, Pair)


@st.composite
def annotated(draw: st.DrawFn, depth: int = 2) -> tuple[Any, st.SearchStrategy[Any]]:
    """An annotation, and a strategy of its values."""
    if depth == 0 or draw(st.integers(0, 2)) == 0:
        single: tuple[Any, st.SearchStrategy[Any]] = draw(st.sampled_from(SINGLE))
        return single
    kind = draw(st.sampled_from(["list", "set", "tuple", "many", "dict", "union", "box", "deque"]))
    generic: Any = {"list": list, "set": set, "dict": dict, "box": Box, "deque": collections.deque}
    if kind in ("set", "dict"):
        key, keys = draw(st.sampled_from([pair for pair in SINGLE if pair[0] in HASHABLE]))
        if kind == "set":
            return generic[kind][key], st.sets(keys, max_size=3)
        value, values = draw(annotated(depth - 1))
        return generic[kind][key, value], st.dictionaries(keys, values, max_size=3)
    first, firsts = draw(annotated(depth - 1))
    if kind in ("union", "tuple"):
        second, seconds = draw(annotated(depth - 1))
        both: Any = typing.Union if kind == "union" else tuple
        return both[first, second], firsts | seconds if kind == "union" else st.tuples(
            firsts, seconds
        )
    if kind == "many":
        any_length: Any = tuple
        return any_length[first, ...], st.lists(firsts, max_size=3).map(tuple)
    if kind == "box":
        return generic[kind][first], firsts.map(Box)
    return generic[kind][first], st.lists(firsts, max_size=3).map(generic[kind])


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of equal types, also inside."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple, collections.deque)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if dataclasses.is_dataclass(one):
        return all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one)
        )
    return bool(one == other)


def over_the_wire(annotation: Any, value: Any) -> Any:
    """A value as it arrives."""
    codec = codec_of(annotation)
    return codec.load(json.loads(json.dumps(codec.encode(value), allow_nan=False)))


@given(st.data())
def test_what_travels_is_the_same_value_of_the_same_type(data: st.DataObject) -> None:
    annotation, values = data.draw(annotated())
    value = data.draw(values)
    arrived = over_the_wire(annotation, value)
    assert same(arrived, value), (annotation, value, arrived)


@pytest.mark.parametrize("kind", ["float32", "int64", "uint8", "bool", "complex128", "<U3"])
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 2), (4,)])
def test_arrays_keep_their_type_and_shape(kind: str, shape: tuple[int, ...]) -> None:
    value = numpy.zeros(shape, kind)
    for annotation in (numpy.ndarray, numpy.typing.NDArray[numpy.float32]):
        arrived = over_the_wire(annotation, value)
        assert (arrived.dtype, arrived.shape) == (value.dtype, value.shape)
        assert numpy.array_equal(arrived, value)


def test_arrays_of_any_numbers_travel() -> None:
    value = numpy.array([1.5, math.nan, math.inf])
    assert numpy.array_equal(over_the_wire(numpy.ndarray, value), value, equal_nan=True)
    plain = codec_of(numpy.ndarray)
    assert plain.encode(numpy.array([[1, 2]])) == [[1, 2]]
    assert plain.load([[1.5, 2.0]]).tolist() == [[1.5, 2.0]]


@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (float, math.nan, " is nan, which JSON can't carry"),
        (list[float], [1.0, math.inf], "[1] is inf, which JSON can't carry"),
        (Any, {"a": [1, math.nan]}, "['a'][1] is nan"),
        (Any, [datetime.date(2024, 1, 1)], "[0] is a datetime.date, which JSON can't carry"),
        (Point, Point(x=object()), ".x is a builtins.object"),  # type: ignore[arg-type]
        (dict[str, Node], {"k": Node("n", inner=[Node(b"")])}, "['k'].inner[0].name is a builtins.bytes"),  # type: ignore[arg-type]
        (decimal.Decimal, decimal.Decimal("nan"), " is NaN, which JSON can't carry"),
        (int, b"bytes", " is a builtins.bytes"),
    ],
)  # fmt: skip
def test_what_has_no_encoding_is_named_with_its_place(
    annotation: Any, value: Any, words: str
) -> None:
    with pytest.raises(Misfit) as caught:
        codec_of(annotation).encode(value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "data", "value"),
    [
        (int, "5", 5),
        (int, 5.0, 5),
        (float, 1, 1.0),
        (bool, "true", True),
        (datetime.datetime, "2024-01-01T00:00:00Z", datetime.datetime(2024, 1, 1, tzinfo=UTC)),
        (datetime.datetime, "2024-01-01T00:00:00.1234567", datetime.datetime(2024, 1, 1, 0, 0, 0, 123456)),
        (datetime.datetime, 0, datetime.datetime(1970, 1, 1, tzinfo=UTC)),
        (datetime.timedelta, 1.5, datetime.timedelta(seconds=1.5)),
        (datetime.timedelta, "PT1H", datetime.timedelta(hours=1)),
        (decimal.Decimal, 1.5, decimal.Decimal("1.5")),
        (Pair, {"left": 1}, Pair(1)),
        (tuple[int, ...], [1], (1,)),
        (Point | Node, {"name": "n"}, Node("n")),
        (Point | Pair, {"x": 1}, Point(1)),
        (str | int, 5, 5),
        (Options, {"size": 1, "more": [1]}, {"size": 1, "more": [1]}),
        (dict[int, str], {"1": "a"}, {1: "a"}),
        (dict[Point, int], [[{"x": 1}, 2]], {Point(1): 2}),
        (list, [1, "a"], [1, "a"]),
    ],
)  # fmt: skip
def test_plain_json_of_any_client_is_read(annotation: Any, data: Any, value: Any) -> None:
    found = codec_of(annotation).load(data)
    assert same(found, value), found


@pytest.mark.parametrize(
    ("annotation", "data", "words"),
    [
        (int, "abc", " is 'abc', not int"),
        (int, 1.5, " is 1.5, not int"),
        (int, True, " is True, not int"),
        (str, 5, " is 5, not str"),
        (list[int], [1, "x"], "[1] is 'x', not int"),
        (Point, {"y": 1}, " lacks 'x' of Point"),
        (Point, {"x": "far"}, ".x is 'far', not int"),
        (Options, {"size": []}, ".size is [], not int"),
        (datetime.date, "soon", " is 'soon', not a date"),
        (Colour, "green", " is 'green', not a Colour"),
        (Literal["a"], "b", " is 'b', not one of 'a'"),
        (bytes, "not base64!", "not bytes as base64"),
        (tuple[int, int], [1], "not a list of 2 items"),
        (set[int], [[1]], "[0] is [1], not int"),
        (Item, {"name": "n", "when": "x"}, "['when'] is no Item: Input should be a valid datetime"),
        (dict[int, int], {"a": 1}, "['a'] is 'a', not int"),
        (int | datetime.date, "x", " is 'x', which fits no member of the union"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(annotation: Any, data: Any, words: str) -> None:
    with pytest.raises(Misfit) as caught:
        codec_of(annotation).load(data)
    assert words in str(caught.value)


def test_an_annotation_that_says_nothing_about_json_takes_plain_json() -> None:
    class Unknown:
        """A class without fields."""

    for annotation in (Unknown, typing.Callable[[int], int], typing.Protocol, "text", 5):
        codec = codec_of(annotation)
        assert codec.load({"a": 1}) == codec.encode({"a": 1}) == {"a": 1}
        with pytest.raises(Misfit):
            codec.encode(Unknown())


def test_constraints_of_pydantic_hold_where_pydantic_knows_the_type() -> None:
    positive = typing.Annotated[list[Point], Field(min_length=1)]
    assert codec_of(positive).load([{"x": 1}]) == [Point(1)]
    with pytest.raises(Misfit, match="at least 1 item"):
        codec_of(positive).load([])
    vector = typing.Annotated[numpy.ndarray, Field(description="numbers")]
    assert codec_of(vector).load([1, 2]).tolist() == [1, 2]
    assert codec_of(typing.Annotated[int, "a note"]).load("3") == 3


def test_a_class_inside_a_function_has_the_fields_that_can_be_evaluated() -> None:
    class Hidden:
        """A class that an annotation can't name from outside."""

    @dataclasses.dataclass
    class Local:
        at: datetime.date
        next: Local | None = None
        hidden: Hidden | None = None

    value = Local(datetime.date(2024, 1, 1), Local(datetime.date(2024, 1, 2)))
    assert same(over_the_wire(Local, value), value)
    assert codec_of(Local).load({"at": "2024-01-01", "hidden": 3}).hidden == 3


@pytest.mark.parametrize("value", [Box(0), Box(0.0), Box("0"), Box(datetime.date(2024, 1, 1))])
def test_the_fields_tell_which_generic_class_of_a_union_a_value_has(value: Any) -> None:
    annotation = Box[float] | Box[int] | Box[str] | Box[datetime.date]
    assert same(over_the_wire(annotation, value), value)


def test_a_member_of_an_enum_in_a_union_is_not_read_as_what_its_value_is() -> None:
    for annotation in (
        typing.Union[list[int], Colour, int],  # noqa: UP007 - these tests also run on Python 3.10
        typing.Union[int, str, Colour],  # noqa: UP007
    ):
        for member in (Colour.RED, Colour.BLUE, Colour.BROKEN):
            assert over_the_wire(annotation, member) is member


def test_a_value_of_a_subclass_arrives_as_what_it_is_for_json() -> None:
    class Text(str):
        def __str__(self) -> str:
            return "another"

    sent = codec_of(typing.Any).encode([Text("a"), Level.HIGH, numpy.float64(1.5), (1, Text("b"))])
    assert [type(each) for each in sent] == [str, int, float, list]
    assert sent == ["a", 2, 1.5, [1, "b"]]

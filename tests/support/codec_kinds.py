"""Every kind of annotation that the codec knows, with values of it, for a worker and for its caller."""

from __future__ import annotations

SHAPES = """
import collections, collections.abc, dataclasses, datetime, decimal, enum, fractions, ipaddress, pathlib, typing, uuid
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union
import attrs
import numpy
import numpy.typing
from pydantic import BaseModel, Field

T = TypeVar("T")
UserId = NewType("UserId", int)
UTC = datetime.timezone.utc

class Colour(enum.Enum):
    RED = "red"
    BLUE = (1, 2)

class Level(enum.IntEnum):
    LOW = 1

class Rights(enum.Flag):
    READ = 1
    WRITE = 2

class Mode(str, enum.Enum):
    FAST = "fast"

@dataclasses.dataclass
class Node:
    name: str
    when: Optional[datetime.datetime] = None
    inner: "list[Node]" = dataclasses.field(default_factory=list)

@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    y: int = 0

@dataclasses.dataclass
class Box(Generic[T]):
    content: T

@attrs.define
class Part:
    name: str
    size: decimal.Decimal = decimal.Decimal(1)

class Pair(NamedTuple):
    left: int
    right: datetime.date = datetime.date(2024, 1, 1)

class Options(TypedDict, total=False):
    size: int
    mode: Mode

class Item(BaseModel):
    name: str = Field(alias="n")
    when: datetime.datetime
    tags: set[str] = set()

class Page(BaseModel, Generic[T]):
    items: list[T]
"""

KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("int", ("0", "-(10**30)")), ("float", ("1.5", "-0.0")), ("bool", ("True",)), ("str", ("'ä\\n'",)),
    ("None", ("None",)), ("Any", ("{'a': [1, None]}",)), ("list", ("[1, 'a']",)), ("dict", ("{}", "{'a': 1}")),
    ("bytes", ("b''", "bytes(range(256))")), ("bytearray", ("bytearray(b'ab')",)),
    ("datetime.datetime", ("datetime.datetime(2024, 1, 2, 3, 4, 5, 6)", "datetime.datetime(1, 1, 1, tzinfo=UTC)")),
    ("datetime.date", ("datetime.date(2024, 1, 2)",)), ("datetime.time", ("datetime.time(1, 2, 3, 4)",)),
    ("datetime.timedelta", ("datetime.timedelta(-1, 2, 3)",)), ("uuid.UUID", ("uuid.UUID(int=1)",)),
    ("decimal.Decimal", ("decimal.Decimal('1.10')", "decimal.Decimal('1E+30')")),
    ("fractions.Fraction", ("fractions.Fraction(1, 3)",)), ("pathlib.Path", ("pathlib.Path('/a/b')",)),
    ("pathlib.PurePosixPath", ("pathlib.PurePosixPath('a')",)),
    ("ipaddress.IPv4Address", ("ipaddress.IPv4Address('10.0.0.1')",)),
    ("ipaddress.IPv6Network", ("ipaddress.IPv6Network('2001:db8::/32')",)),
    ("Colour", ("Colour.RED", "Colour.BLUE")), ("Level", ("Level.LOW",)), ("Mode", ("Mode.FAST",)),
    ("Rights", ("Rights.READ | Rights.WRITE",)), ("Literal['a', 1, None]", ("'a'", "1", "None")),
    ("Node", ("Node('a', datetime.datetime(2024, 1, 1), [Node('b')])",)), ("Point", ("Point(1)",)),
    ("Box[datetime.date]", ("Box(datetime.date(2024, 1, 1))",)), ("Part", ("Part('a', decimal.Decimal('2.5'))",)),
    ("Pair", ("Pair(1)",)), ("Options", ("{}", "{'size': 1, 'mode': Mode.FAST}")),
    ("Item", ("Item(n='a', when=datetime.datetime(2024, 1, 1), tags={'x'})",)),
    ("Page[int]", ("Page[int](items=[1])",)), ("UserId", ("UserId(3)",)),
    ("list[Point]", ("[Point(1), Point(2)]", "[]")), ("set[int]", ("{1, 2}", "set()")),
    ("frozenset[Point]", ("frozenset({Point(1)})",)), ("tuple[int, bytes]", ("(1, b'x')",)),
    ("tuple[datetime.date, ...]", ("(datetime.date(2024, 1, 1),) * 2", "()")), ("tuple[()]", ("()",)),
    ("collections.deque[int]", ("collections.deque([1, 2])",)), ("collections.Counter[str]", ("collections.Counter('aab')",)),
    ("dict[str, Point]", ("{'a': Point(1)}",)), ("dict[int, datetime.date]", ("{1: datetime.date(2024, 1, 1)}",)),
    ("dict[Point, int]", ("{Point(1): 2}",)), ("dict[uuid.UUID, set[int]]", ("{uuid.UUID(int=1): {1}}",)),
    ("Optional[bytes]", ("None", "b'x'")), ("Union[datetime.date, str]", ("'2024-01-01'", "datetime.date(2024, 1, 1)")),
    ("Union[Point, Pair, None]", ("Pair(1)", "Point(1)", "None")), ("Union[int, bool]", ("True", "1")),
    ("Annotated[list[Point], Field(min_length=1)]", ("[Point(1)]",)), ("Annotated[int, 'a note']", ("3",)),
    ("numpy.ndarray", ("numpy.arange(6.0).reshape(2, 3)", "numpy.zeros((0, 3), 'int8')", "numpy.array([numpy.nan])")),
    ("numpy.typing.NDArray[numpy.float32]", ("numpy.ones(3, numpy.float32)",)), ("numpy.float32", ("numpy.float32(1.5)",)),
    ("numpy.int64", ("numpy.int64(7)",)), ("numpy.bool_", ("numpy.bool_(True)",)),
    ("dict[str, numpy.ndarray]", ("{'a': numpy.arange(3)}",)), ("collections.abc.Sequence[Colour]", ("[Colour.RED]",)),
    ("collections.abc.Mapping[str, Mode]", ("{'a': Mode.FAST}",)),
)  # fmt: skip

# Results that JSON can't carry: the annotation, the value, and what the error says after `the result of ...()`.
REFUSED: tuple[tuple[str, str, str], ...] = (
    ("float", "float('nan')", " is nan"), ("list[float]", "[1.0, float('inf')]", "[1] is inf"),
    ("Any", "{'a': {1}}", "['a'] is a builtins.set"), ("Point", "Point(object())", ".x is a builtins.object"),
    ("Node", "Node('a', inner=[Node(b'')])", ".inner[0].name is a builtins.bytes"),
    ("decimal.Decimal", "decimal.Decimal('nan')", " is NaN"), ("dict[str, set[float]]", "{'k': {float('nan')}}", "['k'][0] is nan"),
    ("numpy.float64", "numpy.float64('inf')", " is"),
    ("Item", "object()", " is a builtins.object"), ("Page[int]", "Item(n='a', when=datetime.datetime(1, 1, 1))", " is"),
)  # fmt: skip


def worker() -> str:
    """The text of a module whose endpoint takes and returns a value of each kind in one job."""
    takes = ", ".join(f"v{number}: {annotation}" for number, (annotation, _) in enumerate(KINDS))
    gives = f"tuple[{', '.join(annotation for annotation, _ in KINDS)}]"
    given = f"({', '.join(f'v{number}' for number in range(len(KINDS)))})"
    lines = [
        SHAPES,
        "from runpod_flash import Endpoint",
        '@Endpoint(name="kinds", cpu="cpu3c-1-2", max_concurrency=8)',
        "class Kinds:",
        f"    def plain(self, {takes}) -> {gives}: return {given}",
        f"    async def later(self, {takes}) -> {gives}: return {given}",
        f"    def items(self, {takes}) -> collections.abc.Iterator[{gives}]:",
        f"        yield {given}",
        f"    async def items_later(self, {takes}) -> collections.abc.AsyncIterator[{gives}]:",
        f"        yield {given}",
    ]
    for number, (annotation, value, _) in enumerate(REFUSED):
        lines.append(f"    def refused_{number}(self) -> {annotation}: return {value}")
    lines += [
        "    def loose_set(self): return {1}",
        "    def loose_date(self): return [datetime.date(2024, 1, 1)]",
        "    def loose(self, v): return v",
    ]
    return "\n".join(lines) + "\n"

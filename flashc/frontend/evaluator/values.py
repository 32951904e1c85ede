"""What an expression can come to without running it: `Known`, `Symbolic` or `Unknown`.

Law (property-tested): `Known(v)` implies that Python itself computes `v`.
Containers hold values, not objects, so that one unknown element does not spoil its neighbours.  They are
mutable and shared by reference like Python's own, because programs append to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, EnumMeta
from typing import Any, cast

from flashc_ir.resources import EnvironmentReference, Text
from flashc_ir.source import Span

# Which of Python's sequences and sets a `ListValue` is.
SequenceKind = type[list[Any]] | type[tuple[Any, ...]] | type[set[Any]] | type[frozenset[Any]]

NO_VARIABLES: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """A value that Python would compute: a constant, or one of the objects below.

    `origin` is the expression that made it; `variables` are the environment variables that went into
    it, whose values must not reach a file.
    """

    value: object
    origin: Span
    variables: frozenset[str] = NO_VARIABLES


@dataclass(frozen=True, slots=True)
class Symbolic:
    """A string built from environment variables that have not been read.

    `optional`: the program gets None where the variable is not set (`os.getenv("K")`).
    """

    parts: tuple[Text | EnvironmentReference, ...]
    origin: Span
    optional: bool = False

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(p.variable for p in self.parts if isinstance(p, EnvironmentReference))


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is known.  `reason` completes "because ..."; `origin` is the cause's place.

    `variable` names the environment variable whose absence is the cause, `member` the member that an
    enum lacks, with those it has.
    """

    reason: str
    origin: Span
    variable: str | None = None
    member: tuple[str, tuple[str, ...]] | None = None


Value = Known | Symbolic | Unknown


@dataclass(slots=True, eq=False)
class ListValue:
    """A list, tuple, set or frozenset of values; `kind` says which."""

    kind: (
        type[list[object]] | type[tuple[object, ...]] | type[set[object]] | type[frozenset[object]]
    )
    items: list[Value]
    escaped: Unknown | None = None


@dataclass(slots=True, eq=False)
class DictValue:
    """A dict; keys are concrete Python objects."""

    entries: dict[object, tuple[Value, Value]] = field(
        default_factory=dict[object, tuple[Value, Value]]
    )
    escaped: Unknown | None = None


@dataclass(frozen=True, slots=True)
class External:
    """Something outside the project, by its dotted name: `os.environ`, `torch.cuda`."""

    name: str


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A module of the project."""

    name: str


@dataclass(frozen=True, slots=True)
class ProjectPath:
    """A path inside the project, relative to its root; `text`: made by `os.path`, so a str."""

    path: str
    text: bool = False


@dataclass(frozen=True, slots=True)
class BoundMethod:
    """`receiver.name`, looked up and not yet called."""

    receiver: Value
    name: str


class NotConcrete(Exception):
    """A value has a part that is no plain Python constant."""

    def __init__(self, part: Value) -> None:
        super().__init__()
        self.part = part


SCALARS = (str, bytes, int, float, complex, bool, type(None), type(...), range, slice)
MAX_ITEMS = 100_000
MAX_TEXT = 4_000_000
_MAX_NESTING = 60


def concrete(value: Value) -> object:
    """The Python object that `value` is.

    Raises:
        NotConcrete: it holds an unknown or symbolic part or an object of the program, or is too large.
    """
    return _Concretion().object_of(value, 0)


class _Concretion:
    """Shared and self-containing containers are small in memory and without end when written out."""

    def __init__(self) -> None:
        self._left = MAX_ITEMS

    def object_of(self, value: Value, depth: int) -> object:
        self._left -= 1
        if self._left < 0 or depth > _MAX_NESTING:
            raise NotConcrete(Unknown("it is too large", value.origin))
        if not isinstance(value, Known):
            raise NotConcrete(value)
        match value.value:
            case ListValue() as items:
                if items.escaped is not None:
                    raise NotConcrete(items.escaped)
                return items.kind(self.object_of(item, depth + 1) for item in items.items)
            case DictValue() as table:
                if table.escaped is not None:
                    raise NotConcrete(table.escaped)
                return {
                    key: self.object_of(item, depth + 1) for key, (_, item) in table.entries.items()
                }
            case _ if is_plain(value.value):
                return value.value
            case _:
                raise NotConcrete(value)


def is_plain(value: object) -> bool:
    """Whether `value` is a constant, or a member of one of the SDK's enums."""
    return isinstance(value, (*SCALARS, Enum))


def lift(value: object, origin: Span, variables: frozenset[str] = NO_VARIABLES) -> Value:
    """A Python object as a value."""
    match value:
        case list() | tuple():
            return _lifted(cast("list[object]", value), list, origin, variables, value)
        case set() | frozenset():
            members = sorted(cast("set[object]", value), key=repr)
            return _lifted(members, set, origin, variables, value)
        case dict():
            pairs = cast("dict[object, object]", value)
            entries = {
                key: (lift(key, origin, variables), lift(item, origin, variables))
                for key, item in pairs.items()
            }
            return Known(DictValue(entries), origin)
        case _:
            return Known(value, origin, variables)


def _lifted(
    members: Iterable[object],
    kind: SequenceKind,
    origin: Span,
    variables: frozenset[str],
    like: object,
) -> Known:
    """A sequence or set of lifted members, of the very kind of `like`."""
    exact: SequenceKind = tuple if isinstance(like, tuple) else kind
    exact = frozenset if isinstance(like, frozenset) else exact
    return Known(ListValue(exact, [lift(v, origin, variables) for v in members]), origin)


def variables_of(*values: Value) -> frozenset[str]:
    """The environment variables that went into some values, their elements included."""
    found: set[str] = set()
    pending, seen = list(values), set[int]()
    while pending:
        value = pending.pop()
        if isinstance(value, Unknown) or id(value) in seen:
            continue
        seen.add(id(value))
        found |= value.variables
        inside = value.value if isinstance(value, Known) else None
        if id(inside) in seen:
            continue
        if isinstance(inside, ListValue):
            seen.add(id(inside))
            pending.extend(inside.items)
        elif isinstance(inside, DictValue):
            seen.add(id(inside))
            pending.extend(item for _, item in inside.entries.values())
    return frozenset(found)


def elements(value: Value) -> list[Value] | Unknown:
    """The values that iterating over `value` gives."""
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Symbolic):
        return Unknown("it iterates over an environment variable", value.origin)
    match value.value:
        case ListValue(kind=kind, items=items) if kind in (set, frozenset) and len(items) > 1:
            return Unknown("the order of a set differs from run to run", value.origin)
        case ListValue() as items:
            return items.escaped or list(items.items)
        case DictValue() as entries:
            return entries.escaped or [key for key, _ in entries.entries.values()]
        case str() | bytes() | range() as plain if len(plain) <= MAX_ITEMS:
            return [Known(item, value.origin, value.variables) for item in plain]
        case type() as enum_class:
            return [Known(member, value.origin) for member in list_members(enum_class)]
        case _:
            return Unknown("it can't be iterated over when building", value.origin)


def list_members(enum_class: type) -> list[object]:
    """The members of an enum class; empty for other classes."""
    return list(enum_class) if isinstance(enum_class, EnumMeta) else []

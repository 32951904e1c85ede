"""Define the values that the evaluator computes for expressions: `Known`, `Symbolic` or `Unknown`.

Law: `Known(v)` means that Python computes exactly `v`.  A property test checks it.
Containers hold a `Value` for each element, so that one unknown element leaves the others known.
They are mutable and shared by reference like Python's own, because programs append to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import Enum, EnumMeta
from pathlib import PurePosixPath
from typing import Any, Literal, cast

from msgspec import Struct, field
from msgspec.structs import replace

from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference, Text

# The class of Python that a `SequenceValue` stands for.
SequenceKind = type[list[Any]] | type[tuple[Any, ...]] | type[set[Any]] | type[frozenset[Any]]

NO_VARIABLES: frozenset[str] = frozenset()
SET_ORDER = "the order of a set differs from run to run"


class Known(Struct, frozen=True):
    """A value that Python would compute: a constant, or an object of the evaluator, such as `SequenceValue`.

    `origin` is the span of the expression that computes the value.  `variables` are the environment
    variables that it was computed from.  Their values may be secret, so no file may contain them.
    """

    value: object
    origin: Span
    variables: frozenset[str] = NO_VARIABLES


class Symbolic(Struct, frozen=True):
    """A string built from environment variables that have not been read.

    `optional` says that the program gets None if the variable is not set (`os.getenv("K")`).
    `computed` are the environment variables from whose values a text, a default or a name in
    `parts` was computed; no file may contain such parts.
    """

    parts: tuple[Text | EnvironmentReference, ...]
    origin: Span
    optional: bool = False
    computed: frozenset[str] = frozenset()

    @property
    def variables(self) -> frozenset[str]:
        """The environment variables that the string is built from."""
        references = (p.variable for p in self.parts if isinstance(p, EnvironmentReference))
        return self.computed.union(references)


class Unknown(Struct, frozen=True, kw_only=True):
    """A value that flashc does not know.

    `reason` completes "because ..."; `origin` is the span of the cause.  `variable` is the
    environment variable whose absence is the cause.  If the cause is a missing
    member of an enum, `member` is (its name, the members that exist).  `is_reported` says that the
    cause is already reported.  `through` are the names that passed the value on, the nearest to the
    cause first, each with the span of its assignment.  `advice` says what to write instead;
    `is_refused` says that running the program does not give the value either.  `computed` are the
    environment variables from which a run of the program computed the value.  `shares` are mutable
    values that it may be or contain, so that a change of the value may change them.
    """

    reason: str
    origin: Span
    variable: str | None = None
    member: tuple[str, tuple[str, ...]] | None = None
    is_reported: bool = False
    through: tuple[tuple[str, Span], ...] = ()
    advice: str | None = None
    is_refused: bool = False
    computed: frozenset[str] = frozenset()
    shares: tuple[Known, ...] = ()

    def assigned_to(self, name: str, span: Span) -> Unknown:
        """Return a copy that records the assignment to `name` at `span`; findings show these assignments.

        If there are `_LONGEST_CHAIN` assignments, or this one is recorded already, return the value
        unchanged.
        """
        if len(self.through) >= _LONGEST_CHAIN or (name, span) in self.through:
            return self
        return replace(self, through=(*self.through, (name, span)))


_LONGEST_CHAIN = 4  # a finding with more steps would be hard to read
Value = Known | Symbolic | Unknown


class Compound:
    """A Python object that consists of values."""

    __slots__ = ()

    def parts(self) -> Iterable[Value]:
        """Return the values that the object consists of."""
        raise NotImplementedError


class SequenceValue(Compound, Struct, eq=False):
    """A list, tuple, set or frozenset of values; `kind` is the class.

    `escaped` is the reason why its elements are not known any more, None if they are known.
    """

    kind: SequenceKind
    items: list[Value]
    escaped: Unknown | None = None

    @property
    def is_python(self) -> bool:
        """Whether the object is of Python's class `kind`, not of one that only resembles it."""
        return True

    @property
    def is_disordered(self) -> bool:
        """Whether the order of the items differs from run to run."""
        return self.kind in (set, frozenset) and len(self.items) > 1

    def parts(self) -> Iterable[Value]:
        """Return the elements."""
        return self.items


class DictValue(Compound, Struct, eq=False):
    """A dict; its entries are pairs (key as a value, item), by the concrete Python key.

    `escaped` is the reason why its entries are not known any more, None if they are known.
    """

    entries: dict[object, tuple[Value, Value]] = field(
        default_factory=dict[object, tuple[Value, Value]]
    )
    escaped: Unknown | None = None

    def parts(self) -> Iterable[Value]:
        """Return the keys and items."""
        return [part for entry in self.entries.values() for part in entry]

    def current(self) -> DictValue:
        """Return the dict itself; a mapping of another type returns its present entries as a dict."""
        return self

    def entry(self, key: object) -> Value | None:
        """Return the value of a key; None if there is no such key."""
        found = self.entries.get(key)
        return None if found is None else found[1]


class MappingObject(Compound):
    """A mapping of the standard library that is no dict, such as a `ChainMap`."""

    __slots__ = ()

    def current(self) -> DictValue:
        """Return the present entries of the mapping as a dict.

        If the entries are not known, `escaped` of the dict says why code that flashc does not evaluate
        may have changed them.
        """
        raise NotImplementedError

    def escape(self, reason: Unknown) -> None:
        """Note that code that flashc does not evaluate may have changed the mapping itself."""

    def state(self) -> object:
        """Return a value that is different after each change of the mapping.

        The result is None if the mapping has no contents of its own, such as a `ChainMap`.
        """
        return None

    def entry(self, key: object) -> Value | None:
        """Return the value of a key; None if there is no such key."""
        found = self.current().entries.get(key)
        return None if found is None else found[1]


class DisorderedValue(Compound, Struct, eq=False):
    """A list or an iterator of values in an order that no rule gives, such as the files of a folder.

    `reason` says why the order is not known.  `escaped` is the reason why the elements are not known
    any more, None if they are known.
    """

    items: tuple[Value, ...]
    reason: str
    is_iterator: bool = False
    escaped: Unknown | None = None

    def parts(self) -> Iterable[Value]:
        """Return the elements."""
        return self.items


class IteratorValue(Struct, eq=False):
    """An iterator, which can be read only once, such as `zip(...)` or a generator expression.

    `name` is the name of its type.  `source` computes each element when it is read, so that a
    generator sees the current names, as in Python.  `escaped` is the reason why the next element is
    not known any more, None if it is known.  `taken` is the number of elements that were read.
    `disorder` is the reason why the order of the elements is not known, None if it is known.
    """

    source: Iterator[Value]
    name: str
    escaped: Unknown | None = None
    taken: int = 0
    disorder: str | None = None


class ViewValue(Compound, Struct, frozen=True):
    """A `d.keys()`, `d.values()` or `d.items()`, which shows later changes of the mapping."""

    of: DictValue | MappingObject
    part: Literal["keys", "values", "items"]

    def parts(self) -> Iterable[Value]:
        """Return the keys and items of the dict."""
        return self.of.current().parts()

    def members(self) -> list[Value]:
        """Return the elements of the view as the dict is now."""
        match self.part:
            case "keys":
                return [key for key, _ in self.of.current().entries.values()]
            case "values":
                return [item for _, item in self.of.current().entries.values()]
            case "items":
                return [
                    Known(SequenceValue(tuple, [key, item]), key.origin)
                    for key, item in self.of.current().entries.values()
                ]


class External(Struct, frozen=True):
    """An object outside the project, by its dotted name: `os.environ`, `torch.cuda`."""

    name: str


class ModuleRef(Struct, frozen=True):
    """A module of the project."""

    name: str


class BoundMethod(Struct, frozen=True):
    """A method `receiver.name` that is not called yet."""

    receiver: Value
    name: str


class NotConcrete(Exception):
    """A value has a part that is not a plain Python constant."""

    def __init__(self, part: Value) -> None:
        super().__init__()
        self.part = part


SCALARS = (
    *(str, bytes, int, float, complex, bool, type(None), type(...), range, slice),
    *(PurePosixPath, timedelta),
)
MAX_ITEMS = 100_000
MAX_TEXT = 4_000_000
_MAX_NESTING = 60


def concrete(value: Value, *, unordered: bool = False) -> object:
    """Return the Python object that `value` stands for.

    `unordered` says that the caller ignores the order of sets, which differs from run to run.

    Raises:
        NotConcrete: a part is unknown, symbolic or an object of the program, or the value is too
            large.
    """
    return _Concretion(unordered).object_of(value, 0)


class _Concretion:
    """Builds one object and counts its parts, so that a container that holds itself is refused."""

    def __init__(self, unordered: bool) -> None:
        self._left = MAX_ITEMS
        self._unordered = unordered

    def object_of(self, value: Value, depth: int) -> object:
        """Return the Python object of a value that is nested `depth` levels deep."""
        self._left -= 1
        if self._left < 0 or depth > _MAX_NESTING:
            raise NotConcrete(Unknown(reason="it is too large", origin=value.origin))
        if not isinstance(value, Known):
            raise NotConcrete(value)
        match value.value:
            case SequenceValue() as items:
                if items.escaped is not None:
                    raise NotConcrete(items.escaped)
                if not items.is_python:
                    reason = "flashc does not know what this makes of a list of OmegaConf"
                    raise NotConcrete(Unknown(reason=reason, origin=value.origin))
                if items.is_disordered and not self._unordered:
                    raise NotConcrete(Unknown(reason=SET_ORDER, origin=value.origin))
                return items.kind(self.object_of(item, depth + 1) for item in items.items)
            case DictValue() as mapping:
                return self._dict(mapping, depth)
            case DisorderedValue() as found:
                unknown = Unknown(reason=found.reason, origin=value.origin)
                raise NotConcrete(found.escaped or unknown)
            case ViewValue() as view:
                return getattr(self._dict(view.of.current(), depth), view.part)()
            case _ if is_constant(value.value):
                return value.value
            case _:
                raise NotConcrete(value)

    def _dict(self, mapping: DictValue, depth: int) -> dict[object, object]:
        """Return the Python dict of a dict of values."""
        if mapping.escaped is not None:
            raise NotConcrete(mapping.escaped)
        return {key: self.object_of(item, depth + 1) for key, (_, item) in mapping.entries.items()}


def is_constant(value: object) -> bool:
    """Return whether `value` is a constant; members of enums are constants."""
    return isinstance(value, (*SCALARS, Enum))


def lift(value: object, origin: Span, variables: frozenset[str] = NO_VARIABLES) -> Value:
    """Return a Python object as a value; its elements become values too."""
    match value:
        case list() | tuple():
            return _lift_members(cast("list[object]", value), list, origin, variables, value)
        case map() | zip() | filter() | enumerate() | reversed() | Iterator():
            lazily = (lift(item, origin, variables) for item in cast("Iterator[object]", value))
            return Known(IteratorValue(lazily, type(value).__name__), origin, variables)
        case set() | frozenset():
            members = sorted(cast("set[object]", value), key=repr)
            return _lift_members(members, set, origin, variables, value)
        case dict():
            pairs = cast("dict[object, object]", value)
            entries = {
                key: (lift(key, origin, variables), lift(item, origin, variables))
                for key, item in pairs.items()
            }
            return Known(DictValue(entries), origin, variables)
        case _:
            return Known(value, origin, variables)


def _lift_members(
    members: Iterable[object],
    kind: SequenceKind,
    origin: Span,
    variables: frozenset[str],
    like: object,
) -> Known:
    """Return members as a value, with the kind (list, tuple, set, frozenset) of the object `like`.

    The members become values too.
    """
    exact: SequenceKind = tuple if isinstance(like, tuple) else kind
    exact = frozenset if isinstance(like, frozenset) else exact
    return Known(
        SequenceValue(exact, [lift(v, origin, variables) for v in members]), origin, variables
    )


def variables_of(*values: Value) -> frozenset[str]:
    """Return the environment variables from which some values, or their elements, were computed."""
    found: set[str] = set()
    pending, seen = list(values), set[int]()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        found |= value.computed if isinstance(value, Unknown) else value.variables
        inside = value.value if isinstance(value, Known) else None
        if id(inside) in seen:
            continue
        if isinstance(inside, Compound):
            seen.add(id(inside))
            pending.extend(inside.parts())
    return frozenset(found)


def no_member(enum_class: EnumMeta, name: str, origin: Span) -> Unknown:
    """Return the unknown value of `Enum.NAME` or `Enum["NAME"]` if the enum has no such member."""
    members = tuple(enum_class.__members__)
    return Unknown(
        reason=f"`{enum_class.__name__}` has no member `{name}`",
        origin=origin,
        member=(name, members),
    )


def is_none(value: Value) -> bool:
    """Return whether `value` is surely None."""
    return isinstance(value, Known) and value.value is None

"""Define the values of a program's functions, classes and instances, its frames and arguments."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from enum import Flag, auto
from itertools import islice
from typing import Literal

import libcst as cst
from msgspec import Struct, field
from msgspec.structs import replace

from flashc.syntax import walk
from flashc.syntax.parse import Syntax
from flashc_core.source import Span

from .library_values import ValidatorMark
from .values import Compound, External, Known, Unknown, Value

# A block of statements, or the statements themselves.
Suite = cst.BaseSuite | Sequence[cst.BaseStatement | cst.SimpleStatementLine]
OWN_VALUES = "__own_values__"
"""The attribute that marks an enum of the program whose code or bases decide the values of its members."""
# The methods that a dataclass or named tuple may be given, depending on its options.
_GENERATED = frozenset(
    {
        *("__init__", "__repr__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"),
        *("__hash__", "__setattr__", "__delattr__", "__getstate__", "__setstate__", "__replace__"),
    }
)


class Flow(Flag):
    """The ways in which a suite may have ended.

    If there are several, it is not known which one the program takes; `Frame.doubt` is the reason.
    There is none if the suite raises.
    """

    NEXT = auto()
    BREAK = auto()
    CONTINUE = auto()
    RETURN = auto()

    @property
    def may_go_on(self) -> bool:
        """Whether the statement after the suite may be executed."""
        return Flow.NEXT in self


class Frame(Struct, eq=False, kw_only=True):
    """The names of one module, function or class body that is executed.

    Names that it does not bind are looked up in `enclosing`.
    """

    syntax: Syntax
    names: dict[str, Value] = field(default_factory=dict[str, Value])
    enclosing: Frame | None = None
    is_class: bool = False
    qualname: str = ""
    is_comprehension: bool = False
    global_names: set[str] = field(default_factory=set[str])
    nonlocal_names: set[str] = field(default_factory=set[str])
    returned: Value | None = None  # of a suite that ended by `return`
    handling: Exception | None = None  # the exception that a bare `raise` raises again
    doubt: Unknown | None = None  # why it is not known how a suite ended

    @property
    def module(self) -> Frame:
        """The frame of the module that the code is in."""
        frame = self
        while frame.enclosing is not None:
            frame = frame.enclosing
        return frame

    def owner(self, name: str) -> Frame:
        """Return the frame that an assignment to `name` in this frame changes."""
        if name in self.global_names:
            return self.module
        if name in self.nonlocal_names:
            scope = self.enclosing
            while scope is not None:
                if name in scope.names and not scope.is_class:
                    return scope
                scope = scope.enclosing
        return self

    def bind(self, name: str, value: Value) -> None:
        """Bind `name` in the frame that an assignment in this frame changes."""
        self.owner(name).names[name] = value

    def bind_walrus(self, name: str, value: Value) -> None:
        """Bind `name` for `(name := value)`; in a comprehension, in the scope around it."""
        scope = self
        while scope.is_comprehension and scope.enclosing is not None:
            scope = scope.enclosing
        scope.bind(name, value)

    def lookup(self, name: str) -> Value | None:
        """Return the value of `name` in this frame, by Python's rules; None if it is not bound."""
        scope: Frame | None = self.module if name in self.global_names else self
        while scope is not None:
            if name in scope.names and (scope is self or not scope.is_class):
                return scope.names[name]
            scope = scope.enclosing
        return None

    def child_qualname(self, name: str) -> str:
        """Return the `__qualname__` of a function or class that is defined here."""
        if not self.qualname:
            return name
        return f"{self.qualname}.{name}" if self.is_class else f"{self.qualname}.<locals>.{name}"


MethodKind = Literal["plain", "static", "class", "property"]


class FunctionValue(Struct, frozen=True, eq=False, kw_only=True):
    """A function of the project.

    `decorated` says that a decorator was applied to it that flashc does not evaluate.  `defaults`
    are the defaults of the parameters, computed when the function is defined.  `kind` says whether
    `@staticmethod`, `@classmethod` or `@property` decorates it.  `memo` are the results by arguments
    if `functools.cache` or `lru_cache` decorates it, else None.  `validates` is not None
    for a method that checks or changes fields of a pydantic model.
    """

    node: cst.FunctionDef
    frame: Frame
    qualname: str
    defaults: dict[str, Value] = field(default_factory=dict[str, Value])
    decorated: bool = False
    kind: MethodKind = "plain"
    memo: dict[tuple[object, ...], Value] | None = None
    validates: ValidatorMark | None = None

    @property
    def name(self) -> str:
        """The name after `def`."""
        return self.node.name.value

    @property
    def name_span(self) -> Span:
        """The span of the function's name."""
        return self.frame.syntax.span(self.node.name)

    @property
    def docstring(self) -> str | None:
        """The function's docstring, with the indentation removed."""
        return walk.docstring(self.node.body)


class LambdaValue(Struct, frozen=True, eq=False):
    """A lambda of the project."""

    node: cst.Lambda
    frame: Frame
    defaults: dict[str, Value]


class ClassValue(Struct, eq=False, kw_only=True):
    """A class of the project.

    `bases` are values; with an unknown base, the class may have any attribute.
    """

    node: cst.ClassDef
    frame: Frame
    qualname: str
    names: dict[str, Value]
    bases: tuple[Value, ...]
    fields: tuple[str, ...] = ()
    is_record: bool = False  # a dataclass or NamedTuple: built from its fields
    is_restricted: bool = False  # a dataclass whose instances may refuse to be changed
    is_frozen: bool = False  # a dataclass whose instances surely refuse to be changed
    has_other_constructor: bool = False  # a dataclass that does not take all fields in order
    decorated: bool = False
    _ancestry: tuple[ClassValue, ...] = ()

    @property
    def name(self) -> str:
        """The name after `class`."""
        return self.node.name.value

    @property
    def is_named_tuple(self) -> bool:
        """Whether the class is a `NamedTuple`, whose instances are sequences."""
        return any(
            isinstance(base, Known) and base.value == External("typing.NamedTuple")
            for ancestor in self.ancestry()
            for base in ancestor.bases
        )

    def has_open_bases(self) -> bool:
        """Return whether a base is outside the project, so that other attributes may exist."""
        return any(
            not isinstance(base, Known)
            or not (isinstance(base.value, ClassValue) or base.value == External("builtins.object"))
            for ancestor in self.ancestry()
            for base in ancestor.bases
        )

    def ancestry(self) -> tuple[ClassValue, ...]:
        """Return the class and its bases in the project in Python's method resolution order.

        The algorithm is C3 (Barrett and others, OOPSLA 1996), which Python uses since 2.3.  If it
        finds no order, Python refuses the class; flashc then uses the order in which the bases are
        written.
        """
        if not self._ancestry:
            bases = [
                base.value
                for base in self.bases
                if isinstance(base, Known) and isinstance(base.value, ClassValue)
            ]
            orders = [*(base.ancestry() for base in bases), bases]
            self._ancestry = (self, *_merged(orders))
        return self._ancestry

    def find(self, name: str) -> Value | None:
        """Return an attribute of the class or of the first class of its ancestry that has it."""
        return next((c.names[name] for c in self.ancestry() if name in c.names), None)

    def generates(self, name: str) -> bool:
        """Return whether a decorator or base of the class itself may give it a method that its body does not show."""
        if self.decorated:
            return True
        return self.is_record and name in _GENERATED and name not in self.names

    def has_generated(self, name: str) -> bool:
        """Return whether the method that the class has may be one which no body of a class shows."""
        definer = self.definer(name)
        return definer is not None and name not in definer.names

    def definer(self, name: str) -> ClassValue | None:
        """Return the first class of the ancestry that has, or may be given, a method."""
        return next((c for c in self.ancestry() if name in c.names or c.generates(name)), None)


def _merged(orders: Iterable[Sequence[ClassValue]]) -> Iterator[ClassValue]:
    """Merge several orders of classes into one, in which each class occurs once.

    At each step, yield the first class of an order that is not at a later position of any order.
    If there is none, the first class of the first order is taken.
    """
    pending = [deque(order) for order in orders if order]
    later = Counter(id(each) for order in pending for each in islice(order, 1, None))
    taken: set[int] = set()
    while pending:
        heads = [order[0] for order in pending]
        nearest = next((head for head in heads if not later[id(head)]), heads[0])
        yield nearest
        taken.add(id(nearest))
        for order in pending:
            while order and id(order[0]) in taken:
                order.popleft()
                if order:
                    later[id(order[0])] -= 1
        pending = [order for order in pending if order]


class InstanceValue(Compound, Struct, eq=False):
    """An instance of a class of the project, with its attributes.

    `escaped` is the reason why it may have other attributes too, None if it does not.
    """

    of: ClassValue
    names: dict[str, Value]
    escaped: Unknown | None = None

    def parts(self) -> Iterable[Value]:
        """Return the values of the attributes."""
        return self.names.values()


class Argument(Struct, frozen=True, eq=False):
    """One argument of a call.

    `span` is that of its value, `keyword` that of its name, if it has one.
    """

    value: Value
    span: Span
    keyword: Span | None = None


class PartialValue(Struct, frozen=True, eq=False):
    """The value of `functools.partial(function, ...)`."""

    function: Value
    positional: tuple[Value, ...]
    keywords: dict[str, Argument]


class CallArguments(Struct, frozen=True, eq=False, kw_only=True):
    """The evaluated arguments of a call in `module`.

    `span` is the whole call, `text` the part between its parentheses.  If the source has no such
    call (for a decorator, or a key function of `sorted`), both are the span that causes the call.
    `problem` is the reason why not all arguments are known.  `outermost` says that the call applies
    a decorator with no other above it.
    """

    positional: list[Argument]
    keywords: dict[str, Argument]
    span: Span
    text: Span
    module: str
    problem: Unknown | None = None
    outermost: bool = False

    @property
    def values(self) -> list[Value]:
        """The positional arguments, without their spans."""
        return [argument.value for argument in self.positional]

    def with_receiver(self, receiver: Value) -> CallArguments:
        """Return the arguments with the object before them whose method is called."""
        return replace(self, positional=[Argument(receiver, self.span), *self.positional])

    def inner(self, values: list[Value]) -> CallArguments:
        """Return the arguments of a call that this call causes and the source does not contain."""
        given = [Argument(value, self.span) for value in values]
        return CallArguments(
            positional=given, keywords={}, span=self.span, text=self.span, module=self.module
        )


class NamespaceValue(Struct, frozen=True, eq=False):
    """The value of `globals()`: the names of a module as a dict that the program may change."""

    frame: Frame


class FieldValue(Struct, frozen=True, eq=False):
    """A `dataclasses.field(...)` with its options, before its class is built."""

    options: dict[str, Value]


class DataclassDecorator(Struct, frozen=True):
    """A `dataclasses.dataclass(...)` with options, before it is applied to a class."""

    restricts: bool = False  # perhaps with `frozen=True` or `slots=True`
    freezes: bool = False  # surely with `frozen=True`
    changes_constructor: bool = False  # perhaps with `init=False` or `kw_only=True`


class SuppressValue(Struct, frozen=True, eq=False):
    """A `contextlib.suppress(...)` with its exception classes as a tuple."""

    kinds: Value


class AutoValue(Struct, frozen=True):
    """An `enum.auto()`, before its enum is built."""

"""The program's own objects as the evaluator sees them: functions, classes, endpoints, frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import libcst as cst

from flashc_ir.source import Span

from ...cst.parse import Syntax
from .values import Known, Unknown, Value


@dataclass(slots=True, eq=False)
class Frame:
    """The names of one running piece of code.  `enclosing` is where free names are looked up."""

    syntax: Syntax
    names: dict[str, Value] = field(default_factory=dict[str, Value])
    enclosing: Frame | None = None
    is_class: bool = False
    qualname: str = ""
    global_names: set[str] = field(default_factory=set[str])
    returned: Value | None = None

    @property
    def module(self) -> Frame:
        frame = self
        while frame.enclosing is not None:
            frame = frame.enclosing
        return frame

    def child_qualname(self, name: str) -> str:
        if not self.qualname:
            return name
        return f"{self.qualname}.{name}" if self.is_class else f"{self.qualname}.<locals>.{name}"


@dataclass(frozen=True, slots=True, eq=False)
class FunctionValue:
    """A function of the project.  `decorated`: other decorators were applied to it already."""

    node: cst.FunctionDef
    frame: Frame
    qualname: str
    decorated: bool = False

    @property
    def name(self) -> str:
        return self.node.name.value


@dataclass(slots=True, eq=False)
class ClassValue:
    """A class of the project.  `bases` are values; an unknown one leaves the class open."""

    node: cst.ClassDef
    frame: Frame
    qualname: str
    names: dict[str, Value]
    bases: tuple[Value, ...]
    fields: tuple[str, ...] = ()
    is_record: bool = False  # a dataclass or NamedTuple: built from its fields
    decorated: bool = False

    @property
    def name(self) -> str:
        return self.node.name.value

    def ancestry(self) -> list[ClassValue]:
        """The class and its bases of the project, each once, nearest first."""
        found: dict[int, ClassValue] = {}
        pending: list[ClassValue] = [self]
        while pending:
            current = pending.pop(0)
            if id(current) in found:
                continue
            found[id(current)] = current
            pending.extend(
                base.value
                for base in current.bases
                if isinstance(base, Known) and isinstance(base.value, ClassValue)
            )
        return list(found.values())

    def find(self, name: str) -> Value | None:
        """An attribute of the class or the nearest base that has it."""
        return next((c.names[name] for c in self.ancestry() if name in c.names), None)


@dataclass(slots=True, eq=False)
class InstanceValue:
    """An instance of a class of the project, made from known arguments (a dataclass, a NamedTuple)."""

    of: ClassValue
    names: dict[str, Value]


@dataclass(frozen=True, slots=True)
class SdkClass:
    """A class of the SDK: `Endpoint`, `NetworkVolume`, `PodTemplate`."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class SdkObject:
    """A `NetworkVolume(...)` or `PodTemplate(...)` with its keyword arguments."""

    kind: str
    arguments: dict[str, Argument]
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class Argument:
    """One argument of a constructor; `span` is where it was written, `name` that of its keyword."""

    value: Value
    span: Span


@dataclass(frozen=True, slots=True, eq=False)
class PartialValue:
    """`functools.partial(function, ...)`."""

    function: Value
    positional: tuple[Value, ...]
    keywords: dict[str, Argument]


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """What an endpoint was put on as a decorator."""

    value: FunctionValue | ClassValue
    module: str
    span: Span
    outermost: bool
    condition: Unknown | None


RouteMethod = Literal["GET", "POST", "PUT", "DELETE", "PATCH"]


@dataclass(frozen=True, slots=True, eq=False)
class RouteTarget:
    """What one of an endpoint's routes was put on; `path` is still to be checked."""

    method: RouteMethod
    path: Value
    value: FunctionValue
    module: str
    span: Span
    outermost: bool
    condition: Unknown | None


@dataclass(slots=True, eq=False)
class EndpointValue:
    """An `Endpoint(...)`.  `call` is the constructor's call, `arguments` its text's place."""

    module: str
    span: Span
    text: Span
    arguments: dict[str, Argument]
    problems: list[Unknown]
    condition: Unknown | None
    variable: str | None = None
    targets: list[Target] = field(default_factory=list[Target])
    routes: list[RouteTarget] = field(default_factory=list[RouteTarget])
    used_as_client: bool = False

    @property
    def is_client(self) -> bool:
        return any(
            key in self.arguments and not is_none(self.arguments[key].value)
            for key in ("id", "image")
        )


@dataclass(frozen=True, slots=True, eq=False)
class RouteDecorator:
    """`endpoint.post("/path")`, not yet applied."""

    endpoint: EndpointValue
    method: RouteMethod
    path: Value
    span: Span


def is_none(value: Value) -> bool:
    return isinstance(value, Known) and value.value is None

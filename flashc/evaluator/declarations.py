"""Define the values that represent endpoints, their functions and routes in an evaluation.

A dialect makes one `EndpointValue` for each endpoint that it recognises and adds the functions,
classes and routes that the program declares with it.  The front end lowers the endpoints into the
IR.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from flashc_core.source import Span

from .objects import Argument, ClassValue, FunctionValue
from .values import Unknown, Value

RouteMethod = Literal["GET", "POST", "PUT", "DELETE", "PATCH"]


class DecoratedTarget(Struct, frozen=True, eq=False, kw_only=True):
    """A function or class that an endpoint decorates.

    `module` and `span` are the location of the decorator; `outermost` says that no other decorator
    is above it.  `condition` is the reason why it is not known whether the decorator runs, None if
    it runs.
    """

    value: FunctionValue | ClassValue
    module: str
    span: Span
    outermost: bool
    condition: Unknown | None


class RouteTarget(Struct, frozen=True, eq=False, kw_only=True):
    """A function that is decorated with a route of an endpoint.

    `path` is the value that the program passed; it is not checked yet.  `options` are the other
    named arguments.  The other fields are those of `DecoratedTarget`.
    """

    method: RouteMethod
    path: Argument
    value: FunctionValue
    module: str
    span: Span
    outermost: bool
    condition: Unknown | None
    options: dict[str, Argument] = field(default_factory=dict[str, Argument])


class EndpointValue(Struct, eq=False, kw_only=True):
    """A declared endpoint: its arguments, what it decorates, and what is wrong with it.

    `dialect` is the name of the dialect that declares it.  `span` is the call in `module` that
    declares it; `text` is the span between the parentheses of that call.  `condition` is the reason
    why it is not known whether the declaration runs, None if it runs.  `variable` is the first name
    that the top of `module` assigns the endpoint to.  `traced` says that it was found by running
    the program (`--trace`).  `attributes_read` are the attributes of the endpoint that the program
    reads, so that workers must have them.  `misuses` are reported where they are.  `attributes` are those that
    the program adds to the endpoint for itself.
    """

    dialect: str
    module: str
    span: Span
    text: Span
    arguments: dict[str, Argument]
    problems: list[Unknown]
    condition: Unknown | None
    variable: str | None = None
    targets: list[DecoratedTarget] = field(default_factory=list[DecoratedTarget])
    routes: list[RouteTarget] = field(default_factory=list[RouteTarget])
    traced: bool = False
    attributes_read: set[str] = field(default_factory=set[str])
    misuses: list[Misuse] = field(default_factory=list["Misuse"])
    attributes: dict[str, Value] = field(default_factory=dict[str, Value])


class Misuse(Struct, frozen=True):
    """A statement that does not do with an endpoint what it says: what it is, and what to write."""

    span: Span
    message: str
    advice: str

"""Define the values that stand for declared endpoints while modules are evaluated.

A dialect makes one `EndpointValue` for each endpoint that it recognises and adds the functions, classes and
routes that the program puts on it.  The front end lowers them into the IR.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from flashc_core.source import Span

from .objects import Argument, ClassValue, FunctionValue
from .values import Unknown

RouteMethod = Literal["GET", "POST", "PUT", "DELETE", "PATCH"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DecoratedTarget:
    """A function or class that an endpoint decorates.

    `module` and `span` say where the decorator is written; `outermost`: no other decorator is above it;
    `condition`: why it is not known whether the decorator runs.
    """

    value: FunctionValue | ClassValue
    module: str
    span: Span
    outermost: bool
    condition: Unknown | None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RouteTarget:
    """A function that one of an endpoint's routes decorates; the other fields as in `DecoratedTarget`.

    `path` is the value that the program passed; it is not checked yet.
    """

    method: RouteMethod
    path: Argument
    value: FunctionValue
    module: str
    span: Span
    outermost: bool
    condition: Unknown | None


@dataclass(slots=True, eq=False, kw_only=True)
class EndpointValue:
    """A declared endpoint: its arguments, what it decorates, and what is wrong with it.

    `dialect` is the name of the dialect that declares it.  `span` is the call that declares it, in `module`;
    `text` is what is between that call's parentheses.
    `condition`: why it is not known whether the declaration runs.  `variable` is the first name at the top
    of `module` that the endpoint is assigned to.  `traced`: found by running the program (`--trace`).
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

"""Tell the evaluator what the names and objects of the Flash SDK mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import EnumMeta
from typing import ClassVar

from flashc.evaluator.declarations import (
    DecoratedTarget,
    EndpointValue,
    RouteMethod,
    RouteTarget,
)
from flashc.evaluator.dialect import DialectObject, Host
from flashc.evaluator.objects import Argument, CallArguments, ClassValue, FunctionValue
from flashc.evaluator.values import External, Known, Unknown, Value, is_none
from flashc.project.project import SDK_PACKAGES
from flashc_core.source import Span
from flashc_ir.platform.catalogue import DataCenter

from .names import CLASSES, ENUMS, NAMES

_VERBS: dict[str, RouteMethod] = {
    "get": "GET",
    "post": "POST",
    "put": "PUT",
    "delete": "DELETE",
    "patch": "PATCH",
}
_CLIENT_METHODS = frozenset({"run", "runsync", "status", "cancel"})


class Flash:
    """The dialect of the packages `runpod_flash` and `flashc`."""

    def member(self, module: str, name: str, span: Span) -> Value | None:
        """Return what `name` of `module` stands for, None if `module` is not of the SDK.

        The SDK's public names mean the same in each of its submodules: the program imported them from the
        module that defines them.
        """
        package = module in SDK_PACKAGES
        if not package and (module.partition(".")[0] not in SDK_PACKAGES or name not in NAMES):
            return None
        if name in ENUMS:
            return Known(ENUMS[name], span)
        if name in CLASSES:
            return Known(SdkClass(name), span)
        return Known(External(f"runpod_flash.{name}"), span)

    def exported(self, module: str, span: Span) -> Mapping[str, Value]:
        """Return what `from module import *` binds."""
        if module.partition(".")[0] not in SDK_PACKAGES:
            return {}
        found = {name: self.member(module, name, span) for name in NAMES}
        return {name: value for name, value in found.items() if value is not None}

    def enum_method(self, kind: EnumMeta, name: str) -> Callable[..., object] | None:
        """Return `Enum.all`, which all of the SDK's enums have, and `DataCenter.from_string`."""
        if kind in ENUMS.values() and name == "all":
            found: Callable[..., object] | None = getattr(kind, "all", None)
            return found
        if kind is DataCenter and name == "from_string":
            return _datacenter
        return None


def _datacenter(text: str) -> DataCenter:
    return DataCenter(text.strip().upper().replace("_", "-"))


@dataclass(frozen=True, slots=True)
class SdkClass(DialectObject):
    """A class of the SDK: `Endpoint`, `NetworkVolume`, `PodTemplate`."""

    name: str

    @property
    def description(self) -> str:
        return f"a `{self.name}`"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Construct an object of the class."""
        if self.name == "Endpoint":
            return _construct_endpoint(host, arguments)
        if arguments.problem is not None:
            return arguments.problem
        made = SdkObject(self.name, dict(arguments.keywords), arguments.span)
        return Known(made, arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return an `Unknown`: the SDK's classes have no attributes that a program needs."""
        return Unknown(reason=f"`{self.name}` has no attribute `{name}`", origin=span)


@dataclass(frozen=True, slots=True, eq=False)
class SdkObject(DialectObject):
    """A `NetworkVolume(...)` or `PodTemplate(...)` with its keyword arguments."""

    is_callable: ClassVar[bool] = False

    kind: str
    arguments: dict[str, Argument]
    span: Span

    @property
    def description(self) -> str:
        return f"a `{self.kind}`"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Return an `Unknown`: these objects can't be called."""
        host.escape(arguments)
        return Unknown(reason="flashc does not evaluate this call", origin=arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return an `Unknown`: what these objects know of themselves exists at run time."""
        return Unknown(reason=f"flashc does not know the attribute `{name}` here", origin=span)


def _construct_endpoint(host: Host, arguments: CallArguments) -> Value:
    """`Endpoint(...)`."""
    named = dict(arguments.keywords)
    problems = [arguments.problem] if arguments.problem is not None else []
    if arguments.positional:
        named.setdefault("name", arguments.positional[0])
    if len(arguments.positional) > 1:
        place = arguments.positional[1].span
        problems.append(
            Unknown(reason="`Endpoint` takes one positional argument, its name", origin=place)
        )
    declared = EndpointValue(
        module=arguments.module,
        span=arguments.span,
        text=arguments.text,
        arguments=named,
        problems=problems,
        condition=host.condition,
    )
    host.declare(declared)
    return Known(EndpointObject(declared), arguments.span)


def is_client(endpoint: EndpointValue) -> bool:
    """Whether an `Endpoint(...)` is a client: one with `id=` or `image=` runs no code of the project."""
    given = endpoint.arguments
    return any(key in given and not is_none(given[key].value) for key in ("id", "image"))


@dataclass(frozen=True, slots=True, eq=False)
class EndpointObject(DialectObject):
    """An `Endpoint(...)` in the hands of the program."""

    is_definition: ClassVar[bool] = True

    declared: EndpointValue

    @property
    def description(self) -> str:
        return "an endpoint"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """`@endpoint` on a function or class, or `endpoint(function)`."""
        value = arguments.values[0] if arguments.positional else None
        if isinstance(value, Known) and isinstance(value.value, (FunctionValue, ClassValue)):
            self.declared.targets.append(
                DecoratedTarget(
                    value=value.value,
                    module=arguments.module,
                    span=arguments.span,
                    outermost=arguments.outermost,
                    condition=host.condition,
                )
            )
            return value
        place = value.origin if value is not None else arguments.span
        problem = Unknown(
            reason="what it decorates is neither a function nor a class", origin=place
        )
        self.declared.problems.append(problem)
        return Unknown(
            reason="an endpoint decorates something that flashc does not know",
            origin=arguments.span,
        )

    def attribute(self, name: str, span: Span) -> Value:
        """`endpoint.post`, `endpoint.name`."""
        if name in _VERBS:
            return Known(_RouteMethod(self.declared, _VERBS[name]), span)
        if name in self.declared.arguments:
            return self.declared.arguments[name].value
        if is_client(self.declared) and name in _CLIENT_METHODS:
            return Unknown(reason="a client's calls happen at run time", origin=span)
        return Unknown(
            reason=f"an endpoint has no attribute `{name}` that flashc knows", origin=span
        )

    def assign_attribute(self, name: str, value: Value) -> None:
        """Note that the endpoint is not what its constructor made."""
        problem = Unknown(
            reason=f"the attribute `{name}` is assigned afterwards", origin=value.origin
        )
        self.declared.problems.append(problem)

    def bound_to(self, name: str, module: str) -> None:
        """Note the first name that the endpoint's own module gives it."""
        if self.declared.variable is None and self.declared.module == module:
            self.declared.variable = name


@dataclass(frozen=True, slots=True, eq=False)
class _RouteMethod(DialectObject):
    """`endpoint.post`, not yet called."""

    endpoint: EndpointValue
    method: RouteMethod

    @property
    def description(self) -> str:
        return "a method of an endpoint"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """`endpoint.post("/path")`: a route's decorator, or a client's call."""
        if is_client(self.endpoint):
            host.escape(arguments)
        span = arguments.span
        return Known(
            _RouteDecorator(
                endpoint=self.endpoint, method=self.method, path=_path(arguments), span=span
            ),
            span,
        )

    def attribute(self, name: str, span: Span) -> Value:
        """Return an `Unknown`: nothing is known of a method but its call."""
        return Unknown(reason=f"flashc does not know the attribute `{name}` here", origin=span)


def _path(arguments: CallArguments) -> Value:
    given: Argument | None = arguments.keywords.get("path")
    if given is None and arguments.positional:
        given = arguments.positional[0]
    if arguments.problem is not None:
        return arguments.problem
    return (
        given.value
        if given is not None
        else Unknown(reason="the route has no path", origin=arguments.span)
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _RouteDecorator(DialectObject):
    """`endpoint.post("/path")`, not yet applied."""

    endpoint: EndpointValue
    method: RouteMethod
    path: Value
    span: Span

    @property
    def description(self) -> str:
        return "a route's decorator"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """`@endpoint.post("/path")` on a function."""
        value = arguments.values[0] if arguments.positional else None
        if isinstance(value, Known) and isinstance(value.value, FunctionValue):
            self.endpoint.routes.append(
                RouteTarget(
                    method=self.method,
                    path=self.path,
                    value=value.value,
                    module=arguments.module,
                    span=self.span,
                    outermost=arguments.outermost,
                    condition=host.condition,
                )
            )
            return value
        place = value.origin if value is not None else arguments.span
        self.endpoint.problems.append(
            Unknown(reason="what the route decorates is not a function", origin=place)
        )
        return Unknown(
            reason="a route decorates something that flashc does not know", origin=arguments.span
        )

    def attribute(self, name: str, span: Span) -> Value:
        """Return an `Unknown`: nothing is known of a decorator but its call."""
        return Unknown(reason=f"flashc does not know the attribute `{name}` here", origin=span)

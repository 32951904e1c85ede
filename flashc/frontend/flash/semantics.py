"""Tell the evaluator what the names and objects of the Flash SDK mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import EnumMeta
from typing import ClassVar

from flashc.evaluator.declarations import EndpointValue, RouteMethod
from flashc.evaluator.dialect import DialectObject, Host
from flashc.evaluator.objects import Argument, CallArguments, Frame
from flashc.evaluator.values import External, Known, Unknown, Value, is_none
from flashc.frontend.decorators import EndpointObject, RouteMethodObject, declare
from flashc_core.source import Span

from .names import CLASSES, ENUMS, NAMES, PACKAGES

_VERBS: dict[str, RouteMethod] = {
    "get": "GET",
    "post": "POST",
    "put": "PUT",
    "delete": "DELETE",
    "patch": "PATCH",
}
_ENUM_METHODS = frozenset({"all", "from_string"})
_CLIENT_METHODS = frozenset({"run", "runsync", "status", "cancel"})


class FlashSemantics:
    """The dialect of the packages `runpod_flash` and `flashc`."""

    def member(self, module: str, name: str, span: Span) -> Value | None:
        """Return what `name` of `module` stands for, None if `module` is not of the SDK.

        The SDK's public names mean the same in each of its submodules: the program imported them from the
        module that defines them.
        """
        package = module in PACKAGES
        if not package and (module.partition(".")[0] not in PACKAGES or name not in NAMES):
            return None
        if name in ENUMS:
            return Known(ENUMS[name], span)
        if name in CLASSES:
            return Known(SdkClass(name), span)
        return Known(External(f"runpod_flash.{name}"), span)

    def exported(self, module: str, span: Span) -> Mapping[str, Value]:
        """Return what `from module import *` binds."""
        if module.partition(".")[0] not in PACKAGES:
            return {}
        found = {name: self.member(module, name, span) for name in NAMES}
        return {name: value for name, value in found.items() if value is not None}

    def enum_method(self, kind: EnumMeta, name: str) -> Callable[..., object] | None:
        """Return a method of one of the SDK's enums, None where it has none of that name.

        It is the catalogue's own method, so that workers, which have the catalogue, get the same result.
        """
        if kind not in ENUMS.values() or name not in _ENUM_METHODS:
            return None
        found: Callable[..., object] | None = getattr(kind, name, None)
        return found


@dataclass(frozen=True, slots=True)
class SdkClass(DialectObject):
    """A class of the SDK: `Endpoint`, `NetworkVolume`, `PodTemplate`."""

    name: str

    @property
    def description(self) -> str:
        """The class in a user's words."""
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
        """The object in a user's words."""
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
    if arguments.positional:
        named.setdefault("name", arguments.positional[0])
    declared = declare(host, "flash", arguments, named)
    if len(arguments.positional) > 1:
        second = arguments.positional[1].span
        declared.problems.append(
            Unknown(reason="`Endpoint` takes one positional argument, its name", origin=second)
        )
    return Known(FlashEndpoint(declared), arguments.span)


def endpoint_names(frame: Frame) -> set[str]:
    """Return how a module calls `Endpoint`: its own names of the class, and `package.Endpoint`."""
    found: set[str] = set()
    for name, value in frame.names.items():
        known = value.value if isinstance(value, Known) else None
        if isinstance(known, SdkClass):
            found.add(name)
        elif isinstance(known, External) and known.name in PACKAGES:
            found.add(f"{name}.Endpoint")
    return found


def is_client(endpoint: EndpointValue) -> bool:
    """Whether an `Endpoint(...)` is a client: one with `id=` or `image=` runs no code of the project."""
    given = endpoint.arguments
    return any(key in given and not is_none(given[key].value) for key in ("id", "image"))


@dataclass(frozen=True, slots=True, eq=False)
class FlashEndpoint(EndpointObject):
    """An `Endpoint(...)` in the hands of the program."""

    def attribute(self, name: str, span: Span) -> Value:
        """Return `endpoint.post`, or an argument of the constructor as in `endpoint.name`."""
        client = is_client(self.declared)
        if name in _VERBS:
            return Known(RouteMethodObject(self.declared, _VERBS[name], escapes=client), span)
        if client and name in _CLIENT_METHODS and name not in self.declared.arguments:
            return Unknown(reason="a client's calls happen at run time", origin=span)
        return EndpointObject.attribute(self, name, span)

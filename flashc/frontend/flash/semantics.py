"""Tell the evaluator what the names and objects of the Flash SDK mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import EnumMeta
from typing import ClassVar

from msgspec import Struct

from flashc.evaluator.declarations import EndpointValue, RouteMethod
from flashc.evaluator.dialect import DialectObject, Host, Semantics
from flashc.evaluator.failures import PythonError
from flashc.evaluator.objects import Argument, CallArguments
from flashc.evaluator.values import External, Known, Unknown, Value, is_none
from flashc.frontend.decorators import VERBS, DeclaringFunction, EndpointObject
from flashc_core.source import Span
from flashc_ir.platform.sdk import reexports, surface

from .names import CLASSES, ENUMS, PACKAGES
from .surface import instead_of_attribute, instead_of_name

_ENUM_METHODS = frozenset({"all", "from_string"})
_CLIENT_METHODS = frozenset({"run", "runsync", "status", "cancel"})


class FlashSemantics(Semantics, frozen=True):
    """The meaning of the packages `runpod_flash` and `flashc`."""

    def member(self, module: str, name: str, span: Span) -> Value | None:
        """Return the value of `name` in `module`.

        A name of the package itself that is not public is an `External`.  Return None if `module` is
        not in the SDK, or is a submodule of it and the SDK has no public name `name`.
        """
        found = Semantics.member(self, module, name, span)
        if found is None and module in PACKAGES:
            full = reexports().get(name, f"runpod_flash.{name}")
            return Known(External(full), span)
        return found

    def help_if_missing(self, module: str, name: str) -> tuple[str, ...] | None:
        """Return what to write instead if `module` is an SDK's package without `name`."""
        return instead_of_name(module, name)

    def enum_method(self, kind: EnumMeta, name: str) -> Callable[..., object] | None:
        """Return a method of an enum of the SDK; None if the enum has none of that name.

        The method is the one of the catalogue.  Workers have the catalogue too, so they compute the
        same result.
        """
        if kind not in ENUMS.values() or name not in _ENUM_METHODS:
            return None
        found: Callable[..., object] | None = getattr(kind, name, None)
        return found


class ArgumentClass(DialectObject, Struct, frozen=True):
    """A class whose objects are arguments of `Endpoint`: `NetworkVolume` or `PodTemplate`."""

    name: str

    @property
    def description(self) -> str:
        """The class in a user's words."""
        return f"a `{self.name}`"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Construct an object of the class."""
        if arguments.problem is not None:
            return arguments.problem
        made = ArgumentObject(self.name, dict(arguments.keywords), arguments.span)
        return Known(made, arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return an `Unknown`, because programs need no attributes of these classes."""
        reason = f"flashc does not know the attribute `{name}` of `{self.name}`"
        return Unknown(reason=reason, origin=span)


# What the SDK's objects have for fields that the program does not give.
_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "NetworkVolume": {"id": None, "name": None, "size": 100, "datacenter": None},
    "PodTemplate": {"id": None, "name": "", "imageName": "", "containerDiskInGb": 64},
}


class ArgumentObject(DialectObject, Struct, frozen=True, eq=False):
    """A `NetworkVolume(...)` or `PodTemplate(...)` of the program, with its keyword arguments."""

    is_callable: ClassVar[bool] = False

    kind: str
    arguments: dict[str, Argument]
    span: Span

    @property
    def description(self) -> str:
        """The object in a user's words."""
        return f"a `{self.kind}`"

    def attribute(self, name: str, span: Span) -> Value:
        """Return an argument, as in `volume.datacenter`, or the SDK's default."""
        given, defaults = self.arguments.get(name), _DEFAULTS.get(self.kind, {})
        if given is not None:
            return given.value
        if name in defaults:
            return Known(defaults[name], span)
        return Unknown(reason=f"flashc does not know `{self.kind}.{name}`", origin=span)

    def assign_attribute(self, host: Host, name: str, value: Value, span: Span) -> None:
        """Change an argument, as if the program had given the value to the class."""
        self.arguments[name] = Argument(host.condition or value, span)


def is_client(endpoint: EndpointValue) -> bool:
    """Return whether an `Endpoint(...)` has `id=` or `image=`, so that it runs no project code."""
    given = endpoint.arguments
    return any(key in given and not is_none(given[key].value) for key in ("id", "image"))


class FlashEndpoint(EndpointObject, frozen=True, eq=False):
    """The object that `Endpoint(...)` returns to the program."""

    verbs: ClassVar[Mapping[str, RouteMethod]] = VERBS
    given_as: ClassVar[Mapping[str, str]] = {"workers_min": "workers", "workers_max": "workers"}

    @property
    def assignable(self) -> frozenset[str]:
        """The parameters that the SDK keeps as attributes; `id` and `image` decide what it is."""
        known = surface()
        return frozenset(known.parameters) & frozenset(known.attributes) - {"id", "image"}

    @property
    def reserved(self) -> frozenset[str]:
        """The other parameters, and the attributes that only show them."""
        known = surface()
        return frozenset({*known.parameters, *known.attributes}) - self.assignable

    @property
    def is_client(self) -> bool:
        """Whether the endpoint runs no code of the project."""
        return is_client(self.declared)

    def attribute(self, name: str, span: Span) -> Value:
        """Return `endpoint.post`, or an argument of `Endpoint(...)`, as in `endpoint.name`.

        Raises:
            PythonError: no endpoint of the SDK has this attribute.
        """
        help = instead_of_attribute(name)
        own = {*self.declared.arguments, *self.declared.attributes}
        if help is not None and name not in own:
            text = f"'Endpoint' object has no attribute '{name}'"
            raise PythonError(AttributeError, text, span, help=help)
        self.declared.attributes_read.add(name)
        is_call = name in _CLIENT_METHODS and name not in self.declared.arguments
        if is_call and self.is_client:
            return Unknown(reason="a client's calls happen at run time", origin=span)
        return EndpointObject.attribute(self, name, span)


class EndpointClass(DeclaringFunction, frozen=True):
    """The class `Endpoint` of the SDK."""

    @property
    def parameters(self) -> tuple[str, ...] | None:
        """The parameters that the newest SDK has."""
        return surface().parameters


OBJECTS: Mapping[str, object] = {
    "Endpoint": EndpointClass(dialect="flash", name="Endpoint", makes=FlashEndpoint),
    **{name: ArgumentClass(name) for name in CLASSES if name != "Endpoint"},
    **ENUMS,
}

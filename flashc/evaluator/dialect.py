"""Define how the evaluator asks an SDK what its names, calls and attributes mean.

The evaluator asks a dialect's `Semantics` for the value of a name in an SDK's package.  If the
value is a `DialectObject`, the evaluator passes each use of it (calls, attributes, decorators,
assignments) to the object.  A call also passes a `Host`, through which the object declares endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import EnumMeta
from typing import ClassVar, Protocol

from msgspec import Struct

from flashc_core.source import Span

from .declarations import EndpointValue
from .objects import CallArguments
from .values import Known, Unknown, Value


class Host(Protocol):
    """What a dialect may use of the machine that evaluates the program."""

    @property
    def condition(self) -> Unknown | None:
        """The reason why the executed code perhaps does not run on a worker; None if it surely runs."""
        ...

    def declare(self, endpoint: EndpointValue) -> None:
        """Note an endpoint of the program, in the order of evaluation."""
        ...

    def escape(self, arguments: CallArguments) -> None:
        """Note that code outside of the project gets these arguments.

        That code may change them, and may raise.
        """
        ...


class DialectObject:
    """A class, function or object of an SDK in the evaluated program.

    Every subclass is a `Struct`.

    `is_definition` matters if only one branch binds the name.  True: the name has the object, which
    stores the branch's condition.  False: the value is unknown.  `declaring` are the attributes
    that declare an endpoint when their call is a decorator, as in `@app.queue(...)`; "" stands for
    a call of the object itself.
    """

    __slots__ = ()

    is_callable: ClassVar[bool] = True
    is_definition: ClassVar[bool] = False
    declaring: ClassVar[tuple[str, ...]] = ()

    @property
    def description(self) -> str:
        """The object in a user's words, with its article: "an endpoint"."""
        raise NotImplementedError

    @property
    def parameters(self) -> tuple[str, ...] | None:
        """The names of the parameters of `object(...)`; None if flashc does not know them."""
        return None

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Return the value of `object(...)` and of `@object`; `Unknown` if not overridden.

        Raises:
            PythonError: the call is certain to raise.
        """
        host.escape(arguments)
        return Unknown(reason="flashc does not evaluate this call", origin=arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return the value of `object.name`; `span` is its position in the source; `Unknown` if not overridden."""
        return Unknown(reason=f"flashc does not know the attribute `{name}` here", origin=span)

    def assign_attribute(self, host: Host, name: str, value: Value, span: Span) -> None:
        """Execute `object.name = value`; `span` is its position in the source; if not overridden, the object does not change."""
        return

    def note_assignment(self, name: str, module: str) -> None:
        """Note that module-level code of `module` assigns the object to `name`."""
        return


class Semantics(Struct, frozen=True):
    """The meaning of the names of one SDK.

    `packages` are its packages.  `objects` are its public names, which have the same meaning in
    every submodule.  An object is a `DialectObject`, an enum class or a constant.
    """

    packages: frozenset[str]
    objects: Mapping[str, object]

    def member(self, module: str, name: str, span: Span) -> Value | None:
        """Return the value of `name` in the package or module `module`.

        Return None if `module` is not in the SDK, or the SDK has no public name `name`.
        """
        if module.partition(".")[0] not in self.packages or name not in self.objects:
            return None
        return Known(self.objects[name], span)

    def is_sdk(self, module: str) -> bool:
        """Return whether a module is a package of the SDK, or in one."""
        return module.partition(".")[0] in self.packages

    def help_if_missing(self, module: str, name: str) -> tuple[str, ...] | None:
        """Return what to write instead of `module.name` if the SDK surely has no such name.

        If this is not overridden, the result is None: the SDK may have any name.
        """
        return None

    def exported(self, module: str, span: Span) -> Mapping[str, Value]:
        """Return the names that `from module import *` binds.

        The result is empty if the module does not belong to the SDK.
        """
        if module.partition(".")[0] not in self.packages:
            return {}
        return {name: Known(value, span) for name, value in self.objects.items()}

    def enum_method(self, kind: EnumMeta, name: str) -> Callable[..., object] | None:
        """Return a method of an enum class of the SDK, to be called with constant arguments.

        The result is None if the class has no such method, or does not belong to the SDK.
        """
        return None

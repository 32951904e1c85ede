"""Define what the evaluator asks about an SDK: what its names, calls and attributes mean.

The evaluator asks a dialect's `Semantics` for the value of a name in an SDK's package.  If the value is a `DialectObject`,
the evaluator passes each use of it (calls, attributes, decorators, assignments) to the object.  The object
reaches the running program through its `Host`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import EnumMeta
from typing import ClassVar, Protocol

from flashc_core.source import Span

from .declarations import EndpointValue
from .objects import CallArguments
from .values import Known, Unknown, Value


class Host(Protocol):
    """What a dialect may ask of the machine that evaluates the program."""

    @property
    def condition(self) -> Unknown | None:
        """Why it is not known whether the code being executed runs; None where it surely does."""
        ...

    def declare(self, endpoint: EndpointValue) -> None:
        """Note an endpoint of the program, in the order of evaluation."""
        ...

    def escape(self, arguments: CallArguments) -> None:
        """Note that code outside of the project gets these arguments: it may change them, and raise."""
        ...


class DialectObject(ABC):
    """A class, function or object of an SDK, as the program holds it; every subclass is a dataclass.

    `is_definition`: where only one of two branches binds it to a name, the name keeps it (as it keeps a class),
    because the object carries the branch's condition itself.  `declaring` are the attributes whose calls declare
    an endpoint as a decorator, as in `@app.queue(...)`; "" stands for a call of the object itself.
    """

    is_callable: ClassVar[bool] = True
    is_definition: ClassVar[bool] = False
    declaring: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def description(self) -> str:
        """The object in a user's words, with its article: "an endpoint"."""

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Return the value of `object(...)` and of `@object`; by default nothing is known of it.

        Raises:
            PythonError: the call is certain to raise.
        """
        host.escape(arguments)
        return Unknown(reason="flashc does not evaluate this call", origin=arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return the value of `object.name`, which is written at `span`; by default nothing is known of it."""
        return Unknown(reason=f"flashc does not know the attribute `{name}` here", origin=span)

    def assign_attribute(self, name: str, value: Value) -> None:
        """Execute `object.name = value`; by default the object stays as it is."""
        return

    def bound_to(self, name: str, module: str) -> None:
        """Note that the top of `module` assigns the object to `name`."""
        return


@dataclass(frozen=True, slots=True)
class Semantics:
    """One SDK, seen through its packages: `objects` by public name, which mean the same in every submodule.

    An object is a `DialectObject`, an enum class or a constant.
    """

    packages: frozenset[str]
    objects: Mapping[str, object]

    def member(self, module: str, name: str, span: Span) -> Value | None:
        """Return the value of `name` in the package or module `module`; None if the SDK says nothing of it."""
        if module.partition(".")[0] not in self.packages or name not in self.objects:
            return None
        return Known(self.objects[name], span)

    def exported(self, module: str, span: Span) -> Mapping[str, Value]:
        """Return what `from module import *` binds; empty for modules of others."""
        if module.partition(".")[0] not in self.packages:
            return {}
        return {name: Known(value, span) for name, value in self.objects.items()}

    def enum_method(self, kind: EnumMeta, name: str) -> Callable[..., object] | None:
        """Return a method of one of the SDK's enum classes, to be called on constants; None for others."""
        return None

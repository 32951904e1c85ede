"""Tell the evaluator what `remote` and the resource classes mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct, field

from flashc.evaluator.declarations import (
    DecoratedTarget,
    EndpointValue,
    Misuse,
    RouteMethod,
    RouteTarget,
)
from flashc.evaluator.dialect import DialectObject, Host
from flashc.evaluator.failures import PythonError
from flashc.evaluator.objects import Argument, CallArguments, ClassValue, FunctionValue
from flashc.evaluator.values import Known, SequenceValue, Unknown, Value, is_none
from flashc.frontend.decorators import VERBS
from flashc_core.source import Span
from flashc_core.suggest import nearest

from .names import CLASSES, FIELDS, LOAD_BALANCED, OF_ENDPOINT, PARAMETERS, REMOTE

_METHODS: Mapping[str, RouteMethod] = {method: method for method in VERBS.values()}


class Use(Struct, frozen=True, eq=False):
    """A call `remote(config, ...)`: its span, and its arguments by the names of the parameters."""

    span: Span
    module: str
    arguments: Mapping[str, Argument]


class LegacyValue(EndpointValue, eq=False, kw_only=True):
    """An endpoint that a resource class declares; `kind` is the class, `uses` are its decorators.

    `is_assigned` says that the program has assigned a field after the declaration.
    """

    kind: str
    is_assigned: bool = False
    uses: list[Use] = field(default_factory=list[Use])


class ResourceClass(DialectObject, Struct, frozen=True):
    """A resource class such as `LiveServerless`, whose call declares an endpoint."""

    name: str

    @property
    def description(self) -> str:
        """The class in a user's words."""
        return f"a `{self.name}`"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Evaluate `LiveServerless(...)`: declare an endpoint, and return the object."""
        declared = LegacyValue(
            dialect="legacy",
            module=arguments.module,
            span=arguments.span,
            text=arguments.text,
            arguments=dict(arguments.keywords),
            problems=[] if arguments.problem is None else [arguments.problem],
            condition=host.condition,
            kind=self.name,
        )
        for extra in arguments.positional:
            reason = f"`{self.name}` takes no positional arguments"
            declared.problems.append(Unknown(reason=reason, origin=extra.span))
        host.declare(declared)
        return Known(Resource(declared), arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return an `Unknown`, because programs need no attributes of these classes."""
        reason = f"flashc does not know the attribute `{name}` of `{self.name}`"
        return Unknown(reason=reason, origin=span)


class Resource(DialectObject, Struct, frozen=True, eq=False):
    """A `LiveServerless(...)` of the program."""

    is_callable: ClassVar[bool] = False
    is_definition: ClassVar[bool] = True

    declared: LegacyValue

    @property
    def description(self) -> str:
        """The object in a user's words."""
        return f"a `{self.declared.kind}`"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Evaluate `config(...)`.

        Raises:
            PythonError: always, because these objects can't be called.
        """
        text = f"'{self.declared.kind}' object is not callable"
        raise PythonError(TypeError, text, arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return an argument of the declaration, as in `config.name`."""
        if name in self.declared.arguments and name in FIELDS:
            return self.declared.arguments[name].value
        return Unknown(reason=f"flashc does not know the attribute `{name}` here", origin=span)

    def assign_attribute(self, host: Host, name: str, value: Value, span: Span) -> None:
        """Change a field, as if the program had given the value to the class."""
        self.declared.is_assigned = True
        if name in FIELDS:
            self.declared.arguments[name] = Argument(host.condition or value, span)
            return
        close = nearest(name, FIELDS)
        advice = "remove it" if close is None else f"did you mean `{close}`?"
        message = f"`{self.declared.kind}` has no field `{name}`"
        self.declared.misuses.append(Misuse(span, message, advice))

    def note_assignment(self, name: str, module: str) -> None:
        """Note the first name to which the object's own module assigns the object."""
        if self.declared.variable is None and self.declared.module == module:
            self.declared.variable = name


class Remote(DialectObject, Struct, frozen=True):
    """The function `remote`."""

    declaring: ClassVar[tuple[str, ...]] = ("",)

    @property
    def description(self) -> str:
        """The function in a user's words."""
        return f"`{REMOTE}`"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Evaluate `remote(config, ...)`: return the decorator."""
        by_position = dict(zip(PARAMETERS, arguments.positional, strict=False))
        named = by_position | arguments.keywords
        config = named.get(PARAMETERS[0])
        value = None if config is None else config.value
        if isinstance(value, Known) and isinstance(value.value, Resource):
            declared = value.value.declared
        else:
            declared = self._broken(host, arguments, config)
        if arguments.problem is not None:
            declared.problems.append(arguments.problem)
        declared.problems += [
            Unknown(reason=f"`{REMOTE}` has no parameter `{name}`", origin=argument.span)
            for name, argument in named.items()
            if name not in PARAMETERS
        ]
        declared.problems += [
            Unknown(reason=f"`{REMOTE}` gets its `{name}` twice", origin=argument.span)
            for name, argument in arguments.keywords.items()
            if name in by_position
        ]
        reason = f"`{REMOTE}` takes at most {len(PARAMETERS)} positional arguments"
        declared.problems += [
            Unknown(reason=reason, origin=extra.span)
            for extra in arguments.positional[len(PARAMETERS) :]
        ]
        use = Use(arguments.span, arguments.module, named)
        declared.uses.append(use)
        _add_packages(declared, named)
        return Known(_Decorator(declared, use), arguments.span)

    def _broken(self, host: Host, arguments: CallArguments, config: Argument | None) -> LegacyValue:
        """Declare an endpoint whose configuration is not known, so that it is reported."""
        value = None if config is None else config.value
        reason = value if isinstance(value, Unknown) else None
        declared = LegacyValue(
            dialect="legacy",
            module=arguments.module,
            span=arguments.span,
            text=arguments.text,
            arguments={},
            problems=[
                reason
                or Unknown(
                    reason=f"`{PARAMETERS[0]}` is no resource class that flashc knows",
                    origin=arguments.span if config is None else config.span,
                )
            ],
            condition=host.condition,
            kind=CLASSES[0],
        )
        host.declare(declared)
        return declared


def _add_packages(declared: LegacyValue, named: Mapping[str, Argument]) -> None:
    """Add the packages of one `remote(...)` to the endpoint, which may have several functions."""
    for name in OF_ENDPOINT:
        new, before = named.get(name), declared.arguments.get(name)
        if new is None or is_none(new.value):
            continue
        joined = None if before is None else _joined(before.value, new.value)
        declared.arguments[name] = new if joined is None else Argument(joined, new.span)


def _joined(first: Value, second: Value) -> Value | None:
    """Return the elements of two lists; None if one of them is no list."""
    parts: list[Value] = []
    for value in (first, second):
        if isinstance(value, Unknown):
            return value
        if not isinstance(value, Known) or not isinstance(value.value, SequenceValue):
            return None
        if value.value.escaped is not None:
            return value.value.escaped
        parts += value.value.items
    return Known(SequenceValue(list, parts), second.origin)


class _Decorator(DialectObject, Struct, frozen=True, eq=False):
    """A `remote(...)` that is not applied yet."""

    declared: LegacyValue
    use: Use

    @property
    def description(self) -> str:
        """The object in a user's words."""
        return f"a `{REMOTE}(...)`"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Evaluate `@remote(...)` on a function or class: record what the endpoint runs."""
        value = arguments.values[0] if arguments.positional else None
        target = value.value if isinstance(value, Known) else None
        if not isinstance(value, Known) or not isinstance(target, (FunctionValue, ClassValue)):
            reason = "what it decorates is neither a function nor a class"
            self.declared.problems.append(Unknown(reason=reason, origin=arguments.span))
            return Unknown(reason=reason, origin=arguments.span)
        if self.declared.kind in LOAD_BALANCED:
            self._route(host, arguments, target)
        else:
            self.declared.targets.append(
                DecoratedTarget(
                    value=target,
                    module=arguments.module,
                    span=arguments.span,
                    outermost=arguments.outermost,
                    condition=host.condition,
                )
            )
        return value

    def _route(
        self, host: Host, arguments: CallArguments, target: FunctionValue | ClassValue
    ) -> None:
        """Record a route of a load balancer."""
        method, path = (self.use.arguments.get(name) for name in ("method", "path"))
        known = method.value if method is not None else None
        verb = _METHODS.get(str(known.value)) if isinstance(known, Known) else None
        problem: str | None = None
        if verb is None:
            problem = f"`method` of a load balancer is one of {', '.join(_METHODS)}"
        elif path is None:
            problem = "a route of a load balancer needs `path`"
        elif not isinstance(target, FunctionValue):
            problem = "what the route decorates is not a function"
        if problem is not None or verb is None or path is None:
            place = self.use.span if method is None else method.span
            advice = 'write both in the decorator: `method="GET"` and `path="/..."`'
            self.declared.problems.append(
                Unknown(reason=problem or "", origin=place, advice=advice, is_refused=True)
            )
            return
        assert isinstance(target, FunctionValue)
        self.declared.routes.append(
            RouteTarget(
                method=verb,
                path=path,
                value=target,
                module=arguments.module,
                span=arguments.span,
                outermost=arguments.outermost,
                condition=host.condition,
            )
        )


OBJECTS: Mapping[str, object] = {
    REMOTE: Remote(),
    **{name: ResourceClass(name) for name in CLASSES},
}

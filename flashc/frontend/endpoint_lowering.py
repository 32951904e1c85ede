"""Lower one declared endpoint into the IR: the checks and steps that all SDKs share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct

from flashc.evaluator.declarations import EndpointValue
from flashc.evaluator.objects import Argument
from flashc_core import rules
from flashc_core.diagnostics import Label
from flashc_core.source import Edit
from flashc_ir.endpoints import (
    Configuration,
    Construction,
    Endpoint,
    LoadBalanced,
    QueueClass,
    QueueFunction,
)
from flashc_ir.program import UnloweredEndpoint
from flashc_ir.requirements import Dependency
from flashc_ir.resource_names import resource_name
from flashc_ir.resources import Gpu, Hardware, Resources, Scaler, Workers

from .decode import ArgumentDecoder
from .dialect import Lowered
from .lower import Constructions, lower_queue, lower_routes
from .parameter_table import Arguments, Table, check_names, names_of


class EndpointLowering(Struct, frozen=True, eq=False):
    """Lowers one declared endpoint; a dialect's subclass adds what is different in its SDK.

    `kind` is the name of the declaring function in messages.  `table` has its parameters, one of
    which is `name`.  `how_to_name` is the help for an endpoint without a name.
    """

    kind: ClassVar[str]
    table: ClassVar[Table]
    how_to_name: ClassVar[str]

    decoder: ArgumentDecoder
    value: EndpointValue
    constructions: Constructions

    # Different in each dialect -----------------------------------------------------------------------

    def configuration(self, arguments: Arguments) -> Configuration:
        """Return the configuration that the declaration gives.

        If this is not overridden, it is the platform's default configuration with any GPU.
        """
        return default_configuration(arguments, Gpu(choices=("any",)))

    def edit(self, name: str) -> Edit:
        """Return the edit of the declaration in the artifact's copy of the module.

        If this is not overridden, the resource's name replaces all arguments.  That is correct only
        if the called object is the runtime's `Endpoint` in that copy.
        """
        return Edit(self.value.text, json.dumps(resource_name(name)))

    def edit_if_unused(self) -> Edit | None:
        """Return the edit of a declaration that runs no code.

        If this is not overridden, the declaration is reported, and the result is None.
        """
        self.decoder.sink.report(
            rules.UNUSED_ENDPOINT,
            self.value.span,
            "this endpoint runs nothing, so it is not deployed",
            help=("use it as a decorator of a function, or remove it",),
        )
        return None

    def dependencies(self) -> tuple[tuple[Dependency, ...], bool]:
        """Return the requirements of the declaration, and whether all are known.

        Errors are not reported here.
        """
        return (), True

    # The same in all dialects -------------------------------------------------------------------------------

    def lower(self) -> Lowered:
        """Lower the endpoint; after an error, return only the parts that other checks need.

        For a declaration that runs no code, return only the edits of its module.
        """
        if not self.check_declaration():
            return Lowered(unlowered=(self.unlowered(),))
        if self.is_idle():
            edit = self.edit_if_unused()
            if edit is None:
                # A parameter with a wrong name may be the one that makes it a client
                is_known = self.arguments().by_name.keys() <= names_of(self.table)
                return Lowered(unlowered=(self.unlowered(runs_nothing=is_known),))
            kept = self.constructions.construction_of(self.value, edit.text, edit.span).edit
            return Lowered(edits={} if kept is None else {self.value.module: (kept,)})
        endpoint = self.endpoint()
        if endpoint is None:
            return Lowered(unlowered=(self.unlowered(),))
        return Lowered(endpoints=(endpoint,))

    def check_declaration(self) -> bool:
        """Report what is wrong with the declaration as a whole; return whether to lower it.

        An unknown parameter is reported, and the endpoint is lowered without it.
        """
        for problem in self.value.problems:
            self.decoder.unknown("this endpoint", self.value.span, problem)
        for misuse in self.value.misuses:
            self.decoder.sink.report(
                rules.UNKNOWN_PARAMETER,
                misuse.span,
                misuse.message,
                secondary=(Label(self.value.span, "the endpoint"),),
                help=(misuse.advice,),
            )
        check_names(self.arguments(), names_of(self.table))
        condition = self.value.condition
        if condition is not None:
            self.decoder.unknown("whether this endpoint exists", self.value.span, condition)
        return condition is None and not self.value.problems

    def is_idle(self) -> bool:
        """Return whether the declaration runs no code."""
        return not self.value.targets and not self.value.routes

    def endpoint(self) -> Endpoint | None:
        """Return the endpoint of the decorated function or class, or of the routes.

        The result is None if an error was reported and there is no endpoint to go on with.
        """
        targets, routes = self.value.targets, self.value.routes
        if targets and routes:
            self.decoder.sink.report(
                rules.MIXED_ENDPOINT,
                routes[0].span,
                "the endpoint has a route and decorates a function directly",
                secondary=(Label(targets[0].span, "this makes it queue-based"),),
                help=("use one endpoint for the queue and another for the routes",),
            )
            return None
        return self.queue() if targets else self.load_balanced()

    def queue(self) -> QueueFunction | QueueClass | None:
        """Return the endpoint that runs a function or class; None if an error was reported."""
        first, *others = self.value.targets
        for other in others:
            self.decoder.sink.report(
                rules.SECOND_FUNCTION,
                other.span,
                f"this endpoint already runs `{first.value.name}`",
                secondary=(Label(first.span, "the first function"),),
                help=("give each function its own endpoint",),
            )
        if first.condition is not None:
            self.decoder.unknown("whether this endpoint exists", first.span, first.condition)
            return None
        name = self.name(first.value.name, "a queue-based endpoint")
        lowered = lower_queue(
            self.decoder,
            first,
            name=name,
            variable=self.value.variable,
            configuration=self.configuration(self.arguments()),
            construction=self.construction(name),
        )
        return None if others else lowered

    def load_balanced(self) -> LoadBalanced | None:
        """Return the endpoint that serves routes; None if an error was reported."""
        name = self.name(None, "a load-balanced endpoint")
        configuration = self.configuration(self.arguments(load_balanced=True))
        routes = lower_routes(self.decoder, self.value.routes)
        if name is None or not routes:
            return None
        return LoadBalanced(
            name=name,
            resource=resource_name(name),
            variable=self.value.variable,
            routes=routes,
            configuration=configuration,
            construction=self.construction(name),
        )

    # Parts ------------------------------------------------------------------------------------------

    def arguments(self, *, load_balanced: bool = False) -> Arguments:
        """Return the declaration's arguments."""
        return Arguments(
            decoder=self.decoder,
            kind=self.kind,
            by_name=self.value.arguments,
            load_balanced=load_balanced,
        )

    def given(self, name: str) -> Argument | None:
        """Return an argument that is present and not None."""
        return self.arguments().given(name)

    def name(self, fallback: str | None, needed_by: str) -> str | None:
        """Return the endpoint's name, or `fallback`; None if an error was reported."""
        if self.given("name") is not None:
            (row,) = (parameter for parameter in self.table if parameter.name == "name")
            name: str | None = row.read(self.arguments())
            return name
        if fallback is None:
            self.decoder.sink.report(
                rules.MISSING_NAME,
                self.value.span,
                f"{needed_by} needs a name",
                help=(self.how_to_name,),
            )
        return fallback

    def construction(self, name: str | None) -> Construction:
        """Return where the endpoint is declared, with the edit that gives it its resource name.

        If `name` is None, there is no edit.
        """
        if name is None:
            return self.constructions.construction_of(self.value)
        edit = self.edit(name)
        return self.constructions.construction_of(self.value, edit.text, edit.span)

    def unlowered(self, *, runs_nothing: bool = False) -> UnloweredEndpoint:
        """Return what other checks need to know of the endpoint, which could not be lowered."""
        users = [user.module for user in self.value.targets]
        users += [user.module for user in self.value.routes]
        dependencies, is_known = self.dependencies()
        return UnloweredEndpoint(
            construction=self.construction(None),
            modules=tuple(dict.fromkeys(users)),
            dependencies=dependencies if users else (),
            has_known_dependencies=not users or (is_known and not self.value.problems),
            runs_nothing=runs_nothing,
        )


def lower_endpoints(
    lowering: type[EndpointLowering], decoder: ArgumentDecoder, declared: Sequence[EndpointValue]
) -> Lowered:
    """Lower the endpoints of one dialect, in the order of their declaration.

    Errors of an endpoint are reported.
    """
    constructions = Constructions(decoder, declared)
    parts = [lowering(decoder, value, constructions).lower() for value in declared]
    edits: dict[str, tuple[Edit, ...]] = {}
    for part in parts:
        for module, found in part.edits.items():
            edits[module] = (*edits.get(module, ()), *found)
    return Lowered(
        endpoints=tuple(endpoint for part in parts for endpoint in part.endpoints),
        unlowered=tuple(endpoint for part in parts for endpoint in part.unlowered),
        edits=edits,
    )


def default_configuration(arguments: Arguments, hardware: Hardware) -> Configuration:
    """Return the platform's defaults for some hardware; `arguments` tell the kind of endpoint."""
    scaler = Scaler(type="REQUEST_COUNT" if arguments.load_balanced else "QUEUE_DELAY")
    return Configuration(resources=Resources(hardware=hardware, workers=Workers(), scaler=scaler))

"""Lower the endpoints that a program declares with `Endpoint(...)` into the IR."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from flashc.evaluator.declarations import EndpointValue
from flashc.evaluator.objects import Argument
from flashc.frontend.decode import ArgumentDecoder, span_of_name
from flashc.frontend.dialect import Lowered
from flashc.frontend.lower import Constructions, lower_queue, lower_routes
from flashc.frontend.parameter_table import Arguments, check_names, names_of
from flashc.frontend.resource_names import resource_name
from flashc_core import rules
from flashc_core.diagnostics import Label
from flashc_ir.endpoints import (
    Construction,
    Endpoint,
    ExistingEndpoint,
    ImageEndpoint,
    LoadBalanced,
)
from flashc_ir.program import UnloweredEndpoint

from . import parameters
from .parameters import ENDPOINT, read_configuration
from .semantics import is_client

_PARAMETERS = names_of(ENDPOINT)


def lower_endpoints(decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
    """Lower the endpoints of a program, in the order of their declaration.

    Those that have an error, or run nothing, are reported.
    """
    constructions = Constructions(decoder, declared)
    endpoints: list[Endpoint] = []
    unlowered: list[UnloweredEndpoint] = []
    for value in declared:
        lowering = _Lowering(decoder, value, constructions)
        endpoint = lowering.endpoint()
        if endpoint is None:
            unlowered.append(lowering.unlowered())
        else:
            endpoints.append(endpoint)
    return Lowered(endpoints=tuple(endpoints), unlowered=tuple(unlowered))


@dataclass(frozen=True, eq=False)
class _Lowering:
    """Lowers one endpoint."""

    decoder: ArgumentDecoder
    value: EndpointValue
    constructions: Constructions

    def endpoint(self) -> Endpoint | None:
        if not self.checked():
            return None
        if is_client(self.value):
            return self.client()
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
        if targets:
            return self.queue()
        if routes:
            return self.load_balanced()
        self.decoder.sink.report(
            rules.UNUSED_ENDPOINT,
            self.value.span,
            "this endpoint runs nothing, so it is not deployed",
            help=("use it as a decorator of a function, or remove it",),
        )
        return None

    def arguments(self, *, load_balanced: bool = False) -> Arguments:
        return Arguments(self.decoder, "Endpoint", self.value.arguments, load_balanced)

    def given(self, name: str) -> Argument | None:
        return self.arguments().given(name)

    def unlowered(self) -> UnloweredEndpoint:
        """Return what other checks need of an endpoint that could not be lowered."""
        users = [user.module for user in self.value.targets]
        users += [user.module for user in self.value.routes]
        dependencies, is_known = parameters.declared_dependencies(self.arguments())
        return UnloweredEndpoint(
            construction=self.construction(None),
            modules=tuple(dict.fromkeys(users)),
            dependencies=dependencies if users else (),
            has_known_dependencies=not users or (is_known and not self.value.problems),
        )

    def checked(self) -> bool:
        """Whether the constructor's call as a whole is in order; reports what is not."""
        for problem in self.value.problems:
            self.decoder.unknown("this endpoint", self.value.span, problem)
        check_names(self.arguments(), _PARAMETERS)
        condition = self.value.condition
        if condition is not None:
            self.decoder.unknown("whether this endpoint exists", self.value.span, condition)
        image, known_id = self.given("image"), self.given("id")
        if image is not None and known_id is not None:
            self.decoder.sink.report(
                rules.ID_AND_IMAGE,
                span_of_name(image),
                "`id` and `image` exclude each other",
                secondary=(Label(span_of_name(known_id), "this makes it an existing endpoint"),),
                help=("`id` connects to an endpoint, `image` deploys one: keep one of the two",),
            )
            return False
        return condition is None and not self.value.problems

    def construction(self, name: str | None) -> Construction:
        """Where the endpoint is declared; on a worker its arguments are its resource's name alone."""
        if name is None:
            return self.constructions.of(self.value)
        client = ", image=True" if self.given("image") is not None else ""
        return self.constructions.of(self.value, json.dumps(resource_name(name)) + client)

    def name(self, fallback: str | None, needed_by: str) -> str | None:
        """Return the endpoint's name, or `fallback`; None after a report."""
        if self.given("name") is not None:
            return parameters.NAME.read(self.arguments())
        if fallback is None:
            self.decoder.sink.report(
                rules.MISSING_NAME,
                self.value.span,
                f"{needed_by} needs a name",
                help=('write `Endpoint(name="...", ...)`',),
            )
        return fallback

    # Kinds ---------------------------------------------------------------------------------------

    def client(self) -> Endpoint | None:
        used = [t.span for t in self.value.targets] + [r.span for r in self.value.routes]
        existing = self.given("id") is not None
        if used:
            mode = "id" if existing else "image"
            self.decoder.sink.report(
                rules.CLIENT_AS_DECORATOR,
                used[0],
                f"`Endpoint({mode}=...)` is a client and can't run a function of the project",
                secondary=(Label(self.value.span, "the client"),),
                help=("use `Endpoint(name=...)` for your own functions",),
            )
            return None
        if existing:
            return ExistingEndpoint(
                id=parameters.ID.read(self.arguments()),
                variable=self.value.variable,
                construction=self.construction(None),
            )
        name = self.name(None, "an endpoint with an image")
        image = parameters.IMAGE.read(self.arguments())
        configuration = read_configuration(self.arguments())
        if name is None or image is None:
            return None
        return ImageEndpoint(
            name=name,
            resource=resource_name(name),
            image=image,
            variable=self.value.variable,
            configuration=configuration,
            construction=self.construction(name),
        )

    def queue(self) -> Endpoint | None:
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
            configuration=read_configuration(self.arguments()),
            construction=self.construction(name),
        )
        return None if others else lowered

    def load_balanced(self) -> LoadBalanced | None:
        name = self.name(None, "a load-balanced endpoint")
        configuration = read_configuration(self.arguments(load_balanced=True))
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

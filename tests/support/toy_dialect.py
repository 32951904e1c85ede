"""A second dialect: `app = toy.App("name")`, `@app.queue(gpu="ADA_24")`, `@app.get("/path")`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from flashc.evaluator.declarations import EndpointValue
from flashc.evaluator.dialect import DialectObject, Host
from flashc.evaluator.objects import CallArguments, Frame
from flashc.evaluator.values import Known, Unknown, Value
from flashc.frontend.decode import ArgumentDecoder
from flashc.frontend.decorators import EndpointObject, RouteMethodObject, declare
from flashc.frontend.dialect import RUNTIME_SDK, Dialect, Lowered
from flashc.frontend.lower import Constructions, lower_queue, lower_routes
from flashc.frontend.parameter_table import Arguments, Parameter, check_names, names_of, read_text
from flashc.frontend.resource_names import resource_name
from flashc_core.source import Edit, Span
from flashc_ir.endpoints import Configuration, Endpoint, LoadBalanced
from flashc_ir.modules import Import, Module
from flashc_ir.platform.catalogue import GpuGroup
from flashc_ir.resources import Gpu, Resources, Scaler, Workers


def _read_gpu(parameter: Parameter[str], arguments: Arguments) -> str:
    given = arguments.given(parameter.name)
    chosen = None if given is None else arguments.decoder.member(given, "`gpu`", GpuGroup)
    return chosen or parameter.default


NAME = Parameter[str | None](
    name="name",
    type="str",
    annotation="str",
    default=None,
    example='"a"',
    reader=read_text,
    doc="Its name.",
)
GPU = Parameter[str](
    name="gpu",
    type="str",
    annotation="str",
    default="any",
    example='"ADA_24"',
    reader=_read_gpu,
    doc="A pool.",
)


@dataclass(frozen=True, slots=True, eq=False)
class Function(DialectObject):
    """`toy.App`, or `app.queue` of a module's app."""

    name: str
    description = "a function of toy"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Declare an app, which is an endpoint if it has routes, or the endpoint of a queue."""
        named = {**dict(zip(["name"], arguments.positional, strict=False)), **arguments.keywords}
        declared = declare(host, "toy", arguments, named)
        made = App(declared) if self.name == "App" else EndpointObject(declared)
        return Known(made, arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return an `Unknown`: functions have no attributes that a program needs."""
        return Unknown(reason=f"toy has no `{name}` here", origin=span)


class App(EndpointObject):
    """`app`, which has `app.queue(...)` and `app.get(path)`."""

    def attribute(self, name: str, span: Span) -> Value:
        """Return one of the two methods."""
        if name == "get":
            return Known(RouteMethodObject(self.declared, "GET"), span)
        return (
            Known(Function("queue"), span)
            if name == "queue"
            else EndpointObject.attribute(self, name, span)
        )


class Semantics:
    """What `toy.App` means to the evaluator."""

    def member(self, module: str, name: str, span: Span) -> Value | None:
        """Return what a name of the package stands for."""
        return Known(Function("App"), span) if (module, name) == ("toy", "App") else None

    def exported(self, module: str, span: Span) -> Mapping[str, Value]:
        """Return what `from toy import *` binds."""
        return {"App": Known(Function("App"), span)} if module == "toy" else {}

    def enum_method(self, kind: object, name: str) -> None:
        """Return None: toy has no enums."""


class Toy(Dialect):
    """The dialect of the package `toy`."""

    name = "toy"
    packages = frozenset({"toy"})
    how_to_declare = "decorate a function with `@app.queue()` of `app = toy.App(...)`"

    def semantics(self) -> Semantics:
        """Return what the package's names mean."""
        return Semantics()

    def annotate(self, module: Module) -> Module:
        """Import the runtime's `Endpoint` in place of `App`, which is one where it has routes."""
        return replace(module, imports=tuple(map(_with_substitute, module.imports)))

    def declaring_decorators(self, frame: Frame) -> Iterable[str]:
        """Return `app.queue` for every app of a module."""
        for name, value in frame.names.items():
            if isinstance(value, Known) and isinstance(value.value, App):
                yield f"{name}.queue"

    def lower(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
        """Lower queues, and apps with routes; on a worker any other app is an endpoint that runs nothing."""
        constructions = Constructions(decoder, declared)
        endpoints: list[Endpoint] = []
        edits: dict[str, tuple[Edit, ...]] = {}
        for value in declared:
            arguments = Arguments(decoder, "toy", value.arguments)
            check_names(arguments, names_of((NAME, GPU)))
            text = decoder.machine.text_at(value.span).partition("(")[0]
            owner = text.rpartition(".")[0]
            balanced = bool(value.routes)
            configuration = Configuration(
                resources=Resources(
                    hardware=Gpu(choices=(GPU.read(arguments),)),
                    workers=Workers(),
                    scaler=Scaler(type="REQUEST_COUNT" if balanced else "QUEUE_DELAY"),
                )
            )
            name = NAME.read(arguments) or (value.targets[0].value.name if value.targets else "")
            said = json.dumps(resource_name(name))
            if value.targets:
                endpoint = lower_queue(
                    decoder,
                    value.targets[0],
                    name=name,
                    variable=None,
                    configuration=configuration,
                    construction=constructions.of(value, f"type({owner})({said})", value.span),
                )
                endpoints += [] if endpoint is None else [endpoint]
                continue
            # `toy.App("x")` becomes `toy.Endpoint("x")`; `App("x")`, imported as `Endpoint`, keeps its callee.
            span, app = (value.span, f"{owner}.Endpoint({said})") if owner else (value.text, said)
            if balanced:
                endpoints.append(
                    LoadBalanced(
                        name=name,
                        resource=resource_name(name),
                        variable=value.variable,
                        routes=lower_routes(decoder, value.routes),
                        configuration=configuration,
                        construction=constructions.of(value, app, span),
                    )
                )
            else:
                edits[value.module] = (*edits.get(value.module, ()), Edit(span, app))
        return Lowered(endpoints=tuple(endpoints), edits=edits)


def _with_substitute(item: Import) -> Import:
    if item.module != "toy":
        return item
    names = tuple(replace(name, substitute="Endpoint") for name in item.names or ())
    return replace(item, substitute=RUNTIME_SDK, names=names if item.names else None)

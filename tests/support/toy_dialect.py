"""A second dialect: `app = toy.App("name")`, `@app.queue(gpu="ADA_24")`, `@app.get("/path")`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar

from flashc.evaluator.declarations import EndpointValue
from flashc.evaluator.values import Known, Value
from flashc.frontend.decode import ArgumentDecoder
from flashc.frontend.decorators import VERBS, DeclaringFunction, EndpointObject
from flashc.frontend.dialect import Dialect, Lowered
from flashc.frontend.endpoint_lowering import (
    EndpointLowering,
    default_configuration,
    lower_endpoints,
)
from flashc.frontend.parameter_table import Arguments, Parameter, read_member, read_name
from flashc_core.source import Edit, Span
from flashc_ir.endpoints import Configuration
from flashc_ir.platform.catalogue import GpuGroup
from flashc_ir.resource_names import resource_name
from flashc_ir.resources import Gpu
from flashc_ir.spelling import Spelling

NAME = Parameter[str | None](name="name", default=None, reader=read_name)
GPU = Parameter[str](name="gpu", default="any", reader=read_member(GpuGroup))


class App(EndpointObject, frozen=True):
    """`app`, which is an endpoint if it has routes; `@app.queue(...)` declares another one."""

    declaring = ("queue",)
    verbs = VERBS

    def attribute(self, name: str, span: Span) -> Value:
        return Known(QUEUE, span) if name == "queue" else EndpointObject.attribute(self, name, span)


APP = DeclaringFunction(dialect="toy", name="App", makes=App)
QUEUE = DeclaringFunction(dialect="toy", name="queue", makes=EndpointObject, positional=None)


class Lowering(EndpointLowering, frozen=True):
    kind = "toy"
    table = (NAME, GPU)
    how_to_name = 'write `toy.App("...")`'

    def configuration(self, arguments: Arguments) -> Configuration:
        return default_configuration(arguments, Gpu(choices=(GPU.read(arguments),)))

    def edit(self, name: str) -> Edit:
        said = json.dumps(resource_name(name))
        callee = self.decoder.machine.text_at(self.value.span).partition("(")[0]
        owner, _, function = callee.rpartition(".")
        if function == "queue":
            return Edit(self.value.span, f"type({owner})({said})")
        # `toy.App("x")` becomes `toy.Endpoint("x")`; `App("x")`, imported as `Endpoint`, keeps its callee.
        return Edit(self.value.span, f"{owner}.Endpoint({said})") if owner else super().edit(name)

    def edit_if_unused(self) -> Edit | None:
        return self.edit(NAME.read(self.arguments()) or "")  # on a worker it runs nothing


class Toy(Dialect):
    name = "toy"
    packages = frozenset({"toy"})
    how_to_declare = "decorate a function with `@app.queue()` of `app = toy.App(...)`"
    spelling = Spelling(
        name="name",
        hardware="gpu",
        sdk="toy",
        declaration="`@app.queue()` of `app = toy.App(...)`",
        declaring_object="App(...)",
        polled_route='@app.get("/health")',
    )
    substitutes: ClassVar[Mapping[str, str]] = {"App": "Endpoint"}

    def objects(self) -> Mapping[str, object]:
        return {"App": APP}

    def lower(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
        return lower_endpoints(Lowering, decoder, declared)

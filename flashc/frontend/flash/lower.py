"""Lower the endpoints that a program declares with `Endpoint(...)` into the IR."""

from __future__ import annotations

import json
import re

from msgspec.structs import replace

from flashc.frontend.decode import ArgumentDecoder, span_of_name
from flashc.frontend.endpoint_lowering import EndpointLowering
from flashc.frontend.parameter_table import Arguments
from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.source import Edit
from flashc_ir.endpoints import (
    Configuration,
    Endpoint,
    ExistingEndpoint,
    ImageEndpoint,
)
from flashc_ir.requirements import Dependency
from flashc_ir.resource_names import resource_name

from . import parameters
from .parameters import read_configuration
from .semantics import is_client

_PLAIN = (
    parameters.IDLE_TIMEOUT,
    parameters.EXECUTION_TIMEOUT_MS,
    parameters.GPU_COUNT,
    parameters.SCALER_VALUE,
    parameters.FLASHBOOT,
    parameters.ACCELERATE_DOWNLOADS,
)
_ATTRIBUTES = frozenset(row.name for row in _PLAIN) | {
    *("workers_min", "workers_max", "is_cpu", "is_client", "is_load_balanced")
}


class FlashLowering(EndpointLowering, frozen=True):
    """Lowers one `Endpoint(...)`; with `id=` or `image=`, it is a client."""

    kind = "Endpoint"
    table = parameters.ENDPOINT
    how_to_name = 'write `Endpoint(name="...", ...)`'

    def configuration(self, arguments: Arguments) -> Configuration:
        """Return the configuration that the arguments of `Endpoint(...)` give."""
        return read_configuration(arguments)

    def edit(self, name: str) -> Edit:
        """Return the edit that leaves only the resource's name, and whether it is a client."""
        client = ", image=True" if self.given("image") is not None else ""
        kept = "".join(f", {key}={value!r}" for key, value in self._attributes().items())
        return Edit(self.value.text, json.dumps(resource_name(name)) + client + kept)

    def _attributes(self) -> dict[str, int]:
        """Return the attributes of the endpoint that the program reads, with their values."""
        read = set(self.value.attributes_read)
        frame = self.decoder.machine.frames.get(self.value.module)
        if self.value.variable is not None and frame is not None:
            # Functions are not evaluated, so their text decides.
            pattern = rf"\b{re.escape(self.value.variable)}\.([a-z_]+)\b"
            read.update(re.findall(pattern, frame.syntax.text))
        if not read & _ATTRIBUTES:
            return {}
        quiet = replace(
            self.arguments(), decoder=ArgumentDecoder(machine=self.decoder.machine, sink=Sink())
        )
        workers = parameters.WORKERS.read(quiet)
        values: dict[str, int] = {
            **{row.name: row.read(quiet) for row in _PLAIN},
            "workers_min": workers.minimum,
            "workers_max": workers.maximum,
            "is_cpu": self.given("cpu") is not None,
            "is_client": is_client(self.value),
            "is_load_balanced": bool(self.value.routes),
        }
        return {name: value for name, value in values.items() if name in read}

    def dependencies(self) -> tuple[tuple[Dependency, ...], bool]:
        """Return the requirements in `dependencies=`, and whether all are known; report no errors."""
        return parameters.declared_dependencies(self.arguments())

    def check_declaration(self) -> bool:
        """Report what is wrong with the call as a whole; return whether nothing is."""
        is_valid = super().check_declaration()
        image, known_id = self.given("image"), self.given("id")
        if image is None or known_id is None:
            return is_valid
        self.decoder.sink.report(
            rules.ID_AND_IMAGE,
            span_of_name(image),
            "`id` and `image` exclude each other",
            secondary=(Label(span_of_name(known_id), "this makes it an existing endpoint"),),
            help=("`id` connects to an endpoint, `image` deploys one: keep one of the two",),
        )
        return False

    def is_idle(self) -> bool:
        """Return whether the endpoint runs no code and is no client."""
        return super().is_idle() and not is_client(self.value)

    def endpoint(self) -> Endpoint | None:
        """Return the endpoint; None if an error was reported."""
        return self.client() if is_client(self.value) else super().endpoint()

    def client(self) -> ExistingEndpoint | ImageEndpoint | None:
        """Return the endpoint that a client calls; None if an error was reported."""
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
        configuration = self.configuration(self.arguments())
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

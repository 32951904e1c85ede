"""The dialect of Flash: all knowledge of the SDK, the packages `runpod_flash` and `flashc`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flashc.frontend.dialect import Dialect, Lowered, Tracing
from flashc_ir.modules import Module

from .names import PACKAGES

if TYPE_CHECKING:
    from flashc.evaluator.declarations import EndpointValue
    from flashc.evaluator.dialect import Semantics
    from flashc.frontend.decode import ArgumentDecoder


class Flash(Dialect):
    """`@Endpoint(...)` on functions and classes, objects with routes, and clients.

    The methods import what they need: a run that finds all in the cache needs none of it.
    """

    name = "flash"
    packages = PACKAGES
    how_to_declare = (
        "decorate a function with `@Endpoint(name=...)` from `runpod_flash` or `flashc`"
    )

    def objects(self) -> Mapping[str, object]:
        """Return what the SDK's public names stand for."""
        from .semantics import OBJECTS

        return OBJECTS

    def semantics(self) -> Semantics:
        """Return what the SDK's names mean; its enums have methods."""
        from .semantics import FlashSemantics

        return FlashSemantics(self.packages, self.objects())

    def lower(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
        """Lower the endpoints that modules declare with `Endpoint(...)`."""
        from flashc.frontend.endpoint_lowering import lower_endpoints

        from .lower import FlashLowering

        return lower_endpoints(FlashLowering, decoder, declared)

    def annotate(self, module: Module) -> Module:
        """Say what takes the place of the SDK's imports, and what workers can't have of it."""
        from .imports import annotate_module

        return annotate_module(module)

    def tracing(self) -> Tracing:
        """Return how `--trace` sees the SDK."""
        from .tracing import FlashTracing

        return FlashTracing()


FLASH = Flash()

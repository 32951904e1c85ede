"""Define the dialect of Flash: everything about the packages `runpod_flash` and `flashc`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flashc.frontend.dialect import Dialect, Lowered, Tracing
from flashc_ir.modules import Module

from .names import PACKAGES
from .spelling import SPELLING

if TYPE_CHECKING:
    from flashc.evaluator.declarations import EndpointValue
    from flashc.evaluator.dialect import Semantics
    from flashc.frontend.decode import ArgumentDecoder


class Flash(Dialect):
    """The dialect of Flash: `@Endpoint(...)`, endpoint objects with routes, and clients.

    The methods import what they need when they are called: a run that finds every result in the cache
    never loads these modules.
    """

    name = "flash"
    packages = PACKAGES
    how_to_declare = f"decorate a function with {SPELLING.declaration}"
    spelling = SPELLING

    def objects(self) -> Mapping[str, object]:
        """Return the SDK's public names with the objects that they mean in an evaluated program."""
        from .semantics import OBJECTS

        return OBJECTS

    def semantics(self) -> Semantics:
        """Return the evaluator's rules for the SDK: its objects, other names, and the methods of its enums."""
        from .semantics import FlashSemantics

        return FlashSemantics(self.packages, self.objects())

    def lower(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
        """Lower the endpoints that modules declare with `Endpoint(...)`."""
        from flashc.frontend.endpoint_lowering import lower_endpoints

        from .lower import FlashLowering

        return lower_endpoints(FlashLowering, decoder, declared)

    def annotate(self, module: Module) -> Module:
        """Return the module with the replacements of the SDK's imports, and problems with them."""
        from .imports import annotate_module

        return annotate_module(module)

    def tracing(self) -> Tracing:
        """Return how `--trace` replaces the SDK."""
        from .tracing import FlashTracing

        return FlashTracing()


FLASH = Flash()

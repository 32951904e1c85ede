"""Define the older dialect of Flash: `@remote(resource_config=LiveServerless(...))`.

The SDK has both this dialect and `Endpoint`, and `tetra_rp` is the name that the SDK had before.  A
resource class declares an endpoint, and `remote` decorates what it runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from flashc.frontend.dialect import Dialect, Lowered
from flashc.frontend.flash.spelling import SPELLING
from flashc_ir.modules import Module

from .names import PACKAGES

if TYPE_CHECKING:
    from flashc.evaluator.declarations import EndpointValue
    from flashc.frontend.decode import ArgumentDecoder


class Legacy(Dialect):
    """The dialect of `remote` and of the resource classes.

    The dialect of Flash replaces the imports of both dialects, because one import statement may
    have names of both.  Findings say what to type in Flash, to which they offer to rewrite a program.
    """

    name = "legacy"
    packages = PACKAGES
    how_to_declare = ""
    spelling = SPELLING

    def objects(self) -> Mapping[str, object]:
        """Return the meanings of `remote` and of the resource classes."""
        from .semantics import OBJECTS

        return OBJECTS

    def lower(self, decoder: ArgumentDecoder, declared: Sequence[EndpointValue]) -> Lowered:
        """Lower the endpoints that resource classes declare, and offer to rewrite them."""
        from flashc.frontend.endpoint_lowering import lower_endpoints

        from .lower import LegacyLowering
        from .rewrite import report_legacy

        lowered = lower_endpoints(LegacyLowering, decoder, declared)
        report_legacy(decoder, declared)
        return lowered

    def annotate(self, module: Module) -> Module:
        """Return the module as it is; see the class."""
        return module


LEGACY = Legacy()

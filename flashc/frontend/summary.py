"""What reading modules yields, before any pass."""

from __future__ import annotations

from msgspec import Struct

from flashc_core.diagnostics import Diagnostic
from flashc_ir.endpoints import Endpoint
from flashc_ir.modules import ImportFailure, Module
from flashc_ir.program import UnloweredEndpoint

Component = tuple[str, ...]
"""The names of modules that have to be read together, in order."""


class ComponentSummary(Struct, frozen=True, kw_only=True):
    """What the modules of a component say.

    `import_failures` has, by module name, the exceptions that importing is certain to raise, of modules
    outside the component too.  `inputs` are what decided the summary besides the modules' own text.
    """

    modules: tuple[Module, ...]
    endpoints: tuple[Endpoint, ...]
    unlowered: tuple[UnloweredEndpoint, ...]
    diagnostics: tuple[Diagnostic, ...]
    import_failures: dict[str, ImportFailure]
    inputs: tuple[str, ...]

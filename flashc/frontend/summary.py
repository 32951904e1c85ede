"""Define the summary of modules that are read together: their endpoints, imports and findings."""

from __future__ import annotations

from msgspec import Struct

from flashc_core.diagnostics import Diagnostic
from flashc_core.source import Edit
from flashc_ir.endpoints import Endpoint
from flashc_ir.modules import ImportFailure, Module
from flashc_ir.program import UnloweredEndpoint

Component = tuple[str, ...]
"""The names of modules that have to be read together, in order."""


class ComponentSummary(Struct, frozen=True, kw_only=True):
    """The result of parsing, evaluating and lowering the modules of a component.

    `sdk_edits` are the edits that dialects ask for, by module.  `inputs` are what the summary
    depends on besides the modules' own text.  `imported` are the other modules of the project that
    the modules import.  `joined` are the modules that have to be in the same component: they form
    an import cycle with one of its modules, or share an endpoint with it.  `evaluated` is the
    number of modules that were evaluated for the summary.
    """

    modules: tuple[Module, ...]
    endpoints: tuple[Endpoint, ...]
    unlowered: tuple[UnloweredEndpoint, ...]
    sdk_edits: dict[str, tuple[Edit, ...]]
    diagnostics: tuple[Diagnostic, ...]
    inputs: tuple[str, ...]
    imported: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    evaluated: int = 0

    def parts(self) -> tuple[Struct, ...]:
        """Return the parts of the summary that become parts of the program."""
        return (*self.modules, *self.endpoints, *self.unlowered)


class SummaryLinks(Struct, frozen=True, kw_only=True):
    """The part of a `ComponentSummary` that names its inputs and the modules that belong to it.

    It can be decoded from an encoded summary without the rest.
    """

    inputs: tuple[str, ...]
    imported: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()


class ModuleExports(Struct, frozen=True, kw_only=True):
    """What modules that import this module can see of it, as fingerprints.

    `fingerprints` are by name.  "" stands for what the import does to the process, "*" for the list
    of names, `qualname()` for a function's body; None is a value that can't be compared.  `inputs`
    are what they depend on besides the module's own text.  `texts` are the same inputs, but with
    the texts of other modules instead of the names that were read.  `imported` are the modules that
    it imports.  `import_failure` and `diagnostics` are what its evaluation found.
    """

    fingerprints: dict[str, str | None]
    inputs: tuple[str, ...]
    texts: tuple[str, ...]
    imported: tuple[str, ...]
    import_failure: ImportFailure | None
    diagnostics: tuple[Diagnostic, ...]

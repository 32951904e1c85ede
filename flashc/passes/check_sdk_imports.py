"""Imports of the SDK -> a report of what workers can't have: other dialects, the SDK's inner modules."""

from __future__ import annotations

from flashc.frontend.flash import names as sdk_names
from flashc.project.project import SDK_PACKAGES
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.suggest import did_you_mean
from flashc_ir.modules import Import, Module, Origin
from flashc_ir.program import Program

from .context import PassContext

# The decorator by which the older dialect declares endpoints; its resource classes alone declare none.
LEGACY = "remote"


def check_sdk_imports(program: Program, context: PassContext) -> Program:
    """Report every import of the SDK that the artifact's runtime could not serve.

    What modules import that no worker imports matters only where it declares endpoints in another dialect.
    """
    sink = context.sink
    shipped = frozenset(program.worker_modules)
    for module, item in sdk_imports(program.modules):
        names = [name.name for name in item.names or ()]
        if LEGACY in names:
            _report_legacy(item, sink)
            continue
        if module.name not in shipped or item.scope or item.typing_only or item.guarded:
            continue
        if all(name in sdk_names.NAMES for name in names) and names:
            continue
        if item.module in ("runpod_flash", "flashc", "flashc.sdk"):
            for name in names:
                if name not in (*sdk_names.NAMES, "*", "__version__"):
                    _report_unknown(
                        f"the SDK's `{name}`", item, sink, did_you_mean(name, sdk_names.NAMES)
                    )
        else:
            public = f"import from `{item.module.partition('.')[0]}` instead, if it has the name"
            _report_unknown(f"`{item.module}`", item, sink, (public,))
    return program


def sdk_imports(modules: tuple[Module, ...]) -> list[tuple[Module, Import]]:
    """Return every import of the SDK's package or of a module inside it."""
    return [
        (module, item)
        for module in modules
        for item in module.imports
        if item.origin is Origin.SDK and item.module.partition(".")[0] in SDK_PACKAGES - {"_flashc"}
    ]


def _report_unknown(what: str, item: Import, sink: Sink, cure: tuple[str, ...]) -> None:
    sink.report(
        rules.UNKNOWN_SDK_NAME,
        item.span,
        f"{what} exists on a worker only if its image contains the SDK",
        help=cure,
    )


def _report_legacy(item: Import, sink: Sink) -> None:
    sink.report(
        rules.UNSUPPORTED_DIALECT,
        item.span,
        f"`{LEGACY}` belongs to an older dialect of Flash that flashc does not compile",
        help=("declare the endpoint with `@Endpoint(name=..., gpu=...)`",),
    )

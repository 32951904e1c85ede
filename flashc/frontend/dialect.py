"""Imports of the SDK -> a report of what workers can't have: other dialects, the SDK's inner modules."""

from __future__ import annotations

from flashc_ir import rules
from flashc_ir.diagnostics import Sink
from flashc_ir.program import Import, Module

from . import sdk
from .closure import sdk_imports
from .reading import did_you_mean

LEGACY = frozenset(
    [
        "remote",
        "LiveServerless",
        "CpuLiveServerless",
        "LiveLoadBalancer",
        "CpuLiveLoadBalancer",
        "ServerlessEndpoint",
        "CpuServerlessEndpoint",
        "ServerlessResource",
        "LoadBalancerSlsResource",
        "CpuLoadBalancerSlsResource",
        "FlashApp",
    ]
)


def check_sdk_imports(modules: tuple[Module, ...], sink: Sink) -> None:
    """Report every import of the SDK that the artifact's runtime could not serve."""
    for _, item in sdk_imports(modules):
        if item.typing_only:
            continue
        if item.module not in ("runpod_flash", "flashc", "flashc.sdk"):
            sink.report(
                rules.UNKNOWN_SDK_NAME,
                item.span,
                f"`{item.module}` is an inner module of the SDK, which workers do not have",
                help=(f"import from `{item.module.partition('.')[0]}` itself",),
            )
            continue
        for name in item.names or ():
            _check_name(name.name, item, sink)


def _check_name(name: str, item: Import, sink: Sink) -> None:
    if name == "*" or name in sdk.NAMES or name == "__version__":
        return
    if name in LEGACY:
        sink.report(
            rules.UNSUPPORTED_DIALECT,
            item.span,
            f"`{name}` belongs to an older dialect of Flash that flashc does not compile",
            help=("declare the endpoint with `@Endpoint(name=..., gpu=...)`",),
        )
        return
    sink.report(
        rules.UNKNOWN_SDK_NAME,
        item.span,
        f"the SDK has no `{name}` that a worker could use",
        help=did_you_mean(name, sdk.NAMES),
    )

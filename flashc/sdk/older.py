"""Define the names of the older dialect, `remote` and the resource classes, for scripts."""

from __future__ import annotations

from typing import Any

from . import Endpoint

__all__ = [
    "CpuLiveLoadBalancer",
    "CpuLiveServerless",
    "CpuLoadBalancerSlsResource",
    "CpuServerlessEndpoint",
    "LiveLoadBalancer",
    "LiveServerless",
    "LoadBalancerSlsResource",
    "ServerlessEndpoint",
    "remote",
]


class LiveServerless(Endpoint):
    """An endpoint with a queue; a script needs only its name and its time limit."""

    def __init__(self, *, name: str, executionTimeoutMs: int = 0, **config: Any) -> None:
        super().__init__(name.removesuffix("-fb"), execution_timeout_ms=executionTimeoutMs)


class LiveLoadBalancer(LiveServerless):
    """An endpoint with routes."""


CpuLiveServerless = ServerlessEndpoint = CpuServerlessEndpoint = LiveServerless
CpuLiveLoadBalancer = LoadBalancerSlsResource = CpuLoadBalancerSlsResource = LiveLoadBalancer


def remote(
    resource_config: LiveServerless,
    dependencies: Any = None,
    system_dependencies: Any = None,
    accelerate_downloads: bool = True,
    local: bool = False,
    method: str = "",
    path: str = "",
) -> Any:
    """Return the decorator of a function, or that of a route."""
    if local:
        return _same
    if isinstance(resource_config, LiveLoadBalancer):
        from .scripts import route_of

        return route_of(resource_config, method, path)
    return resource_config


def _same(target: Any) -> Any:
    """Return the decorated function as it is."""
    return target

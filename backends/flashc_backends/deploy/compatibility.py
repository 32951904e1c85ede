"""Find what the callers of an endpoint lose when another build runs: functions, methods and routes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .world import resource_of


def breaks(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what an endpoint offers in the manifest `before` and not in `after`, sorted."""
    lost = set(_offers(name, before)) - set(_offers(name, after))
    return tuple(sorted(lost))


def _offers(name: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    functions = resource_of(manifest, name).get("functions")
    for function in functions if isinstance(functions, list) else ():
        if not isinstance(function, dict):
            continue
        if function.get("http_path"):
            yield f"{function.get('http_method')} {function['http_path']}"
        for method in function.get("class_methods") or ():
            yield f"method {method}"

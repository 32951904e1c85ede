"""Tell the platform's SDK what a handler can do, when the worker image starts it.

The worker image passes a function of its own to `runpod.serverless.start`, and nothing else: it
would run one job at a time, and no generator would stream.
"""

from __future__ import annotations

import os
from typing import Any

_original: Any = None


def complete(handler: Any) -> None:
    """Complete what the next call of `runpod.serverless.start` gets."""
    global _original
    try:
        import runpod  # type: ignore[import-not-found, unused-ignore]  # of the worker image
    except ImportError:  # no worker, for example a test of the app
        return
    if _original is None:
        _original = runpod.serverless.start
    runpod.serverless.start = lambda config: _original(configuration(config, handler))


def configuration(config: dict[str, Any], handler: Any) -> dict[str, Any]:
    """Return the configuration of the SDK, with the concurrency and the stream of a handler."""
    limit = int(os.environ.get("RUNPOD_MAX_CONCURRENCY") or handler.max_concurrency)
    found = dict(config)
    if limit > 1:
        found.setdefault("concurrency_modifier", lambda _current: limit)
    if handler.streams:
        found["handler"] = handler
        found.setdefault("return_aggregate_stream", True)
    return found

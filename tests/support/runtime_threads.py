"""End the threads of the runtime in this process; those of a worker or a script end with the process."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Any

_RUNTIME = "flashc_backends.runtime"


def end_runtime_threads() -> None:
    """End the threads that send requests, those of apps in the process of the tests too, and those that run jobs."""
    threads: Any = sys.modules.get(f"{_RUNTIME}.threads")
    pools = {} if threads is None else threads._pools
    while pools:
        pools.popitem()[1].shutdown()
    exchange: Any = sys.modules.get(f"{_RUNTIME}.exchange")
    _close_clients(exchange)
    for thread in threading.enumerate():
        if thread.name != "flashc-calls":
            continue
        loop: Any = getattr(thread, "_target").__self__  # noqa: B009 - the type has no such attribute
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
    for kept in () if exchange is None else (exchange._loops, exchange._clients, exchange._slots):
        kept.clear()


def _close_clients(exchange: Any) -> None:
    """Close the connections of this process's own runtime."""
    pid = os.getpid()
    if exchange is not None and pid in exchange._clients:
        closing = exchange._clients[pid].aclose()
        asyncio.run_coroutine_threadsafe(closing, exchange._loops[pid]).result(60)

"""End the threads by which the runtime sends requests; in a worker or a script they end with the process."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Any

_RUNTIME = "flashc_backends.runtime.exchange"


def end_sending_threads() -> None:
    """End these threads of this process, those of apps in the process of the tests too."""
    exchange: Any = sys.modules.get(_RUNTIME)
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

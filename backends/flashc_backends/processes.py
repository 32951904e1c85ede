"""Work that takes a processor -> the same work on all processors, where that is safe and pays."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

_work: Callable[[int], bytes] | None = None  # what forked processes inherit


def on_all_processors(work: Callable[[int], bytes], count: int) -> Iterator[bytes]:
    """`work(0)`, ..., `work(count - 1)`, in this order.

    The processes are forked, so that `work` and all it knows need no pickling and nothing is imported again.
    A fork copies no thread but the one that forks, so with others about everything is done here.
    """
    processors = os.cpu_count() or 1
    if sys.platform != "linux" or threading.active_count() > 1 or min(processors, count) < 2:
        yield from map(work, range(count))
        return
    global _work
    _work = work
    try:
        with ProcessPoolExecutor(
            min(processors, count), multiprocessing.get_context("fork"), _prepare
        ) as pool:
            yield from pool.map(_call, range(count))
    finally:
        _work = None


def _prepare() -> None:
    """An interrupt is for the process that waits; these live too briefly for collecting garbage."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()


def _call(number: int) -> bytes:
    assert _work is not None
    return _work(number)

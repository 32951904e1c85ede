"""Work that takes a processor -> the same work on all processors, where that is safe and pays."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

_MOST = 8  # processes; more are not worth their start
_work: Callable[[int], bytes] | None = None  # what forked processes inherit


def on_all_processors(work: Callable[[int], bytes], count: int) -> Iterator[bytes]:
    """`work(0)`, ..., `work(count - 1)`, in this order.

    The processes are forked, so that `work` and all it knows need no pickling and nothing is imported again.
    A fork copies no thread but the one that forks, so with others about everything is done here; so is what
    is left when a process is killed, as by a system that is short of memory.
    """
    global _work
    done = 0
    if sys.platform == "linux" and threading.active_count() == 1:
        processes = min(len(os.sched_getaffinity(0)), count, _MOST)
        if processes > 1:
            _work = work
            try:
                for result in _in_processes(processes, count):
                    yield result
                    done += 1
            except BrokenProcessPool:
                pass
            finally:
                _work = None
    yield from map(work, range(done, count))


def _in_processes(processes: int, count: int) -> Iterator[bytes]:
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(processes, context, _prepare, (os.getpid(),))
    try:
        yield from pool.map(_call, range(count))
    except BaseException:  # an interrupt too: nobody waits for what is not wanted any more
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        pool.shutdown()
        signal.signal(signal.SIGINT, before)
        raise
    pool.shutdown()


_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def _prepare(parent: int) -> None:
    """An interrupt is for the process that waits, and none outlives it, however it ends.  These live too
    briefly for collecting garbage."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    gc.disable()


def _call(number: int) -> bytes:
    assert _work is not None
    return _work(number)

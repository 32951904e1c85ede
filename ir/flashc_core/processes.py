"""Run CPU-bound work on all processors, where that is safe and faster.

`concurrent.futures` and `multiprocessing.Pool` do not fit: both wait forever for a process that was killed while
it wrote a result, by an interrupt or because memory ran out.  Here each process has a pipe of its own; the pipe
ends when the process does.
"""

from __future__ import annotations

import ctypes
import gc
import os
import pickle
import selectors
import signal
import struct
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import NoReturn

Work = Callable[[int], bytes]

_MAX_PROCESSES = 8  # starting more takes longer than they save
_NUMBER = struct.Struct("<I")
_HEAD = struct.Struct("<I?Q")  # number, whether it is a result, the length of what follows
_PIPE_CAPACITY = 65536 // _NUMBER.size  # numbers that fit into a pipe
_SET_PARENT_DEATH_SIGNAL = 1  # the option PR_SET_PDEATHSIG of prctl(2)


def on_all_processors(work: Work, count: int, *, least: int = 2) -> Generator[bytes, None, None]:
    """Begin `work(0)`, ..., `work(count - 1)`, and return their results, in this order.

    What one of them raises is raised.  The processes are started before this function returns, so that the
    caller can do something else before it takes the first result.  They are forked, so that `work` and all it
    knows need no pickling and nothing is imported again.

    Everything is done in this process instead on other systems than Linux; if this process has other threads,
    because a fork copies none of them; if there are fewer than `least` processes to start; and for more items
    than the pipe with their numbers can hold.  So is what is left when a process is killed.
    """
    results = _results_in_order(work, count, least)
    next(results)
    return results


def _results_in_order(work: Work, count: int, least: int) -> Generator[bytes, None, None]:
    """Yield `b""` once the processes are started, so that `next` waits for no result, then the results."""
    processes = min(len(os.sched_getaffinity(0)), count, _MAX_PROCESSES) if _can_fork() else 0
    if processes < least or count > _PIPE_CAPACITY:
        processes = 0
    with closing(_in_processes(work, processes, count)) as arriving:
        next(arriving)
        yield b""
        results: dict[int, bytes] = {}
        done = 0
        for number, result in arriving:
            results[number] = result
            while done in results:
                yield results.pop(done)
                done += 1
        for number in range(done, count):
            yield results[number] if number in results else work(number)


def _can_fork() -> bool:
    return sys.platform == "linux" and threading.active_count() == 1


def _in_processes(
    work: Work, processes: int, count: int
) -> Generator[tuple[int, bytes], None, None]:
    """Yield a dummy, `(-1, b"")`, once the processes are started, then (number, result) in any order.

    The results that a killed process had taken are missing.
    """
    children: dict[int, int] = {}  # the pipe that a process writes to -> its id
    numbers, filling = os.pipe()
    try:
        os.write(filling, b"".join(map(_NUMBER.pack, range(count if processes else 0))))
        os.close(filling)
        with suppress(OSError):  # fork failed: continue with the processes started so far
            for _ in range(processes):
                reader, child = _start(work, numbers)
                children[reader] = child
        yield -1, b""
        yield from _results(list(children))
    finally:  # after an interrupt too: stop the processes, their results are not needed
        for child in children.values():
            os.kill(child, signal.SIGKILL)
        for reader, child in children.items():
            os.waitpid(child, 0)
            os.close(reader)
        os.close(numbers)


def _start(work: Work, numbers: int) -> tuple[int, int]:
    """Start a process that takes numbers from a pipe; return the pipe with its results, and its id."""
    reader, writer = os.pipe()
    parent = os.getpid()
    # A child that is interrupted here would continue as a second copy of this program.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child = os.fork()
        if child == 0:
            os.close(reader)
            _serve(work, numbers, writer, parent)
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.close(writer)
    return reader, child


def _serve(work: Work, numbers: int, writer: int, parent: int) -> NoReturn:
    """Take numbers and write results until no number is left, then exit.

    Garbage collection is off because the process is short-lived.  Interrupts are left to the parent, and
    the process ends with the parent, however that ends.
    """
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        gc.disable()
        with os.fdopen(writer, "wb") as results:
            while os.getppid() == parent and (data := os.read(numbers, _NUMBER.size)):
                (number,) = _NUMBER.unpack(data)
                try:
                    answer = (True, work(number))
                except Exception as error:  # any exception is passed on to the caller
                    answer = (False, _pickled(error))
                results.write(_HEAD.pack(number, answer[0], len(answer[1])) + answer[1])
                results.flush()
    finally:
        os._exit(0)


def _pickled(error: Exception) -> bytes:
    with suppress(Exception):  # not every exception can be pickled and unpickled
        data = pickle.dumps(error)
        pickle.loads(data)  # pickled in the line above
        return data
    return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))


def _results(readers: list[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the results that arrive on some pipes, until the last one ends."""
    waiting = {reader: bytearray() for reader in readers}
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 20)
                if not data:
                    selector.unregister(key.fd)
                    continue
                waiting[key.fd] += data
                yield from _frames(waiting[key.fd])


def _frames(data: bytearray) -> Iterator[tuple[int, bytes]]:
    """Remove the complete results at the beginning of `data`, and yield them."""
    while len(data) >= _HEAD.size:
        number, is_result, length = _HEAD.unpack_from(data)
        end = _HEAD.size + length
        if len(data) < end:
            return
        content = bytes(data[_HEAD.size : end])
        del data[:end]
        if not is_result:
            raise pickle.loads(content)  # written by the process that this one started
        yield number, content

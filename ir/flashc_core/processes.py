"""Work that takes a processor -> the same work on all processors, where that is safe and pays.

`concurrent.futures` and `multiprocessing.Pool` do not fit: both wait for ever for a process that was killed while
it wrote a result, be it by an interrupt or by a system that is short of memory.  Here each process has a pipe of
its own, whose end says that it is gone.
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
from contextlib import suppress
from typing import NoReturn

Work = Callable[[int], bytes]

_MOST = 8  # processes; more are not worth their start
_NUMBER = struct.Struct("<I")
_HEAD = struct.Struct("<I?Q")  # number, whether it is a result, the length of what follows
_ROOM = 65536 // _NUMBER.size  # numbers that a pipe holds
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def on_all_processors(work: Work, count: int) -> Generator[bytes, None, None]:
    """`work(0)`, ..., `work(count - 1)`, in this order; what one of them raises is raised.

    The processes are forked, so that `work` and all it knows need no pickling and nothing is imported again.
    A fork copies no thread but the one that forks, so with others about everything is done here; so is what
    is left when a process is killed.
    """
    results: dict[int, bytes] = {}
    done = 0
    if sys.platform == "linux" and threading.active_count() == 1:
        processes = min(len(os.sched_getaffinity(0)), count, _MOST)
        if processes > 1 and count <= _ROOM:
            for number, result in _in_processes(work, processes, count):
                results[number] = result
                while done in results:
                    yield results.pop(done)
                    done += 1
    for number in range(done, count):
        yield results[number] if number in results else work(number)


def _in_processes(work: Work, processes: int, count: int) -> Iterator[tuple[int, bytes]]:
    """(number, result) in any order; those that a killed process had taken are missing."""
    numbers, filling = os.pipe()
    os.write(filling, b"".join(map(_NUMBER.pack, range(count))))
    os.close(filling)
    children: dict[int, int] = {}  # the pipe that a process writes to -> its id
    try:
        with suppress(OSError):  # no further process to be had: those that there are do the work
            for _ in range(processes):
                reader, child = _start(work, numbers)
                children[reader] = child
        yield from _results(list(children))
    finally:  # an interrupt too: nobody waits for what is not wanted any more
        for child in children.values():
            os.kill(child, signal.SIGKILL)
        for reader, child in children.items():
            os.waitpid(child, 0)
            os.close(reader)
        os.close(numbers)


def _start(work: Work, numbers: int) -> tuple[int, int]:
    """A process that works off `numbers`: the pipe that it writes to, and its id."""
    reader, writer = os.pipe()
    parent = os.getpid()
    # A process that is interrupted while it starts would go on as a second one like this.
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
    """Work until there is nothing left.  It lives too briefly for collecting garbage, interrupts are for the
    process that waits, and it does not outlive that one, however that ends."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
        gc.disable()
        with os.fdopen(writer, "wb") as results:
            while os.getppid() == parent and (data := os.read(numbers, _NUMBER.size)):
                (number,) = _NUMBER.unpack(data)
                try:
                    answer = (True, work(number))
                except Exception as error:  # handed over to the caller, whatever it is
                    answer = (False, _pickled(error))
                results.write(_HEAD.pack(number, answer[0], len(answer[1])) + answer[1])
                results.flush()
    finally:
        os._exit(0)


def _pickled(error: Exception) -> bytes:
    with suppress(Exception):  # not every exception can be pickled, or made again
        data = pickle.dumps(error)
        pickle.loads(data)  # our own
        return data
    return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))


def _results(readers: list[int]) -> Iterator[tuple[int, bytes]]:
    """What arrives on some pipes, until the last one ends."""
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
    """The whole results at the beginning of `data`, which are taken out."""
    while len(data) >= _HEAD.size:
        number, is_result, length = _HEAD.unpack_from(data)
        end = _HEAD.size + length
        if len(data) < end:
            return
        content = bytes(data[_HEAD.size : end])
        del data[:end]
        if not is_result:
            raise pickle.loads(content)  # what the process itself has written
        yield number, content

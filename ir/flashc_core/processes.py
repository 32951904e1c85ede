"""Run CPU-bound work in parallel processes, if that is safe and faster.

`concurrent.futures` and `multiprocessing.Pool` are not used, because both wait forever for a
process that was killed while it wrote a result, for example because memory ran out.  Here each
process has its own pipe, which ends when the process ends.
"""

from __future__ import annotations

import gc
import os
import pickle
import selectors
import signal
import struct
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from typing import TypeVar

Work = Callable[[int], bytes]
_T = TypeVar("_T")

_MAX_PROCESSES = 8  # starting more takes longer than they save
_NUMBER = struct.Struct("<I")
_REQUEST = struct.Struct("<QI")  # the length of the pickled work, and the number of processes
# The number, whether the content is a result (else an exception), and the length of the content.
_HEAD = struct.Struct("<I?Q")
_END = 0xFFFFFFFF  # stands in place of a number and means that there are no more
_PIPE_CAPACITY = 65536 // _NUMBER.size  # numbers that fit into a pipe
_SET_PARENT_DEATH_SIGNAL = 1  # the option PR_SET_PDEATHSIG of prctl(2)


class Prefork:
    """A process that is started before its work is known, and imports modules for the work.

    The work is pickled, because the process was forked before the work was known.  If the work is
    for several processes, the started process forks the others, so that these have the imported
    modules too.

    `numbers` and `filling` are the read end and the write end of the pipe for the numbers of the
    work.  `readers` are the read ends of the pipes for the results, one for each process.
    """

    def __init__(self, prepare: Callable[[], object]) -> None:
        """Start the process; it calls `prepare` first.

        Raises:
            OSError: the process can't be started.
        """
        with ExitStack() as on_error, ExitStack() as at_the_end:
            self._board = _close_later(on_error, os.memfd_create("work"))
            self.numbers, self.filling = (_close_later(on_error, file) for file in os.pipe())
            requests, self._requests = os.pipe()
            _close_later(at_the_end, requests)
            _close_later(on_error, self._requests)
            self.readers: list[int] = []
            writers: list[int] = []
            for _ in range(_usable_processors()):
                reader, writer = os.pipe()
                self.readers.append(_close_later(on_error, reader))
                writers.append(_close_later(at_the_end, writer))
            self._child = _fork(
                partial(
                    _serve_requests,
                    prepare,
                    requests,
                    self._board,
                    self.numbers,
                    writers,
                )
            )
            self._files = on_error.pop_all()
        self._is_open = True

    @classmethod
    def start(cls, prepare: Callable[[], object]) -> Prefork | None:
        """Fork the process, which calls `prepare` first; return None if that is unsafe or not useful.

        The result is None if forking is unsafe or impossible, if there is only one processor, or if
        Python was built for a C library without `memfd_create`.
        """
        if not _can_fork() or _usable_processors() < 2 or not hasattr(os, "memfd_create"):
            return None
        try:
            return cls(prepare)
        except OSError:
            return None

    def assign(self, work: Work, processes: int) -> bool:
        """Send `work` to the started process, which forks others until `processes` of them do the work.

        Each of them calls `work(number)` for every number that it takes from the pipe `numbers`.
        The result is False if the started process has ended, or if a limit of this process does not
        let it send so much.
        """
        if not self._is_open:
            return False
        data = pickle.dumps(work)
        with suppress(OSError):
            os.ftruncate(self._board, 0)
            if os.pwrite(self._board, data, 0) == len(data):
                os.write(self._requests, _REQUEST.pack(len(data), processes))
                return True
        self.close()
        return False

    def close(self) -> None:
        """Stop the process, even if it is working."""
        if self._is_open:
            self._is_open = False
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            self._files.close()


def _close_later(files: ExitStack, file: int) -> int:
    """Let `files` close an open file at its end; return the file."""
    files.callback(os.close, file)
    return file


def on_all_processors(
    work: Work, count: int, *, least: int = 2, prefork: Prefork | None = None
) -> Generator[bytes, None, None]:
    """Begin `work(0)`, ..., `work(count - 1)`, and return an iterator over their results, in this order.

    If one of these calls raises an exception, the iterator raises this exception.  The processes are started before this
    function returns, so that the caller can do something else before it takes the first result.
    Without `prefork`, they are forked from this process, so that `work` is not pickled and no module
    is imported again.  With `prefork`, that process does the work, with others that it forks itself.

    In some cases all work is done in this process: on other systems than Linux; if this process has
    other threads, because a fork copies none of them; if fewer than `least` processes would be
    started; and if the pipe can't hold all numbers.  If a process is killed, its work is done in
    this process too.
    """
    results = _results_in_order(work, count, least, prefork)
    next(results)
    return results


def in_background(work: Callable[[], _T]) -> Callable[[], _T]:
    """Begin a computation in another process, if that is safe; return a function that waits for its result.

    The process is forked from this one, so that `work` is not pickled; its result is.  If the
    process can't be started or is killed, the function that waits does the work.  It may be called once.
    """
    results = on_all_processors(lambda _number: pickle.dumps(work()), 1, least=1)

    def wait() -> _T:
        """Return the result; raise the exception of the work if it raised one."""
        with closing(results):
            result: _T = pickle.loads(next(results))  # from the process that this one started
            return result

    return wait


def _results_in_order(
    work: Work, count: int, least: int, prefork: Prefork | None
) -> Generator[bytes, None, None]:
    """Yield `b""` when the processes are started, then the results in order.

    Because of the `b""`, the first `next` does not wait for a result.
    """
    processes = min(_usable_processors(), count) if _can_fork() else 0
    if processes < least or count > _PIPE_CAPACITY - _MAX_PROCESSES:
        processes = 0
    with closing(_in_processes(work, processes, count, prefork)) as arriving:
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
    """Return whether this process can be forked safely."""
    return sys.platform == "linux" and threading.active_count() == 1


def _usable_processors() -> int:
    """Return the number of processors for the work of this process, at most `_MAX_PROCESSES`."""
    return min(len(os.sched_getaffinity(0)), _MAX_PROCESSES)


def _in_processes(
    work: Work, processes: int, count: int, prefork: Prefork | None
) -> Generator[tuple[int, bytes], None, None]:
    """Yield `(-1, b"")` when the processes are started, then (number, result) in any order.

    The results for the numbers that a killed process had taken are missing.
    """
    if processes == 0 or prefork is None or not prefork.assign(work, processes):
        prefork = None
    children: dict[int, int] = {}  # the pipe that a process writes to -> its id
    numbers, filling = os.pipe() if prefork is None else (prefork.numbers, prefork.filling)
    ended = 0
    try:
        with suppress(OSError):  # the fork failed; continue with the processes started so far
            for _ in range(processes if prefork is None else 0):
                reader, child = _start(partial(_serve, work, numbers))
                children[reader] = child
        readers = list(children) if prefork is None else prefork.readers[:processes]
        if readers:
            all_numbers = (*range(count), *[_END] * len(readers))
            os.write(filling, b"".join(map(_NUMBER.pack, all_numbers)))
        yield -1, b""
        for number, result in _receive_results(readers):
            if number == _END:
                ended += 1
            else:
                yield number, result
    finally:  # stop the processes, also after an interrupt; their results are not needed
        for child in children.values():
            os.kill(child, signal.SIGKILL)
        for reader, child in children.items():
            os.waitpid(child, 0)
            os.close(reader)
        if prefork is None:
            os.close(numbers)
            os.close(filling)
        elif ended < processes:
            # Some are still working, or a process that was killed has left numbers in the pipe.
            prefork.close()


def _start(serve: Callable[[int], object]) -> tuple[int, int]:
    """Start a process that calls `serve` with the write end of a pipe.

    Return the read end of the pipe and the id of the process.

    Raises:
        OSError: the process can't be started.
    """
    reader, writer = os.pipe()

    def run() -> None:
        """Close the parent's end of the pipe in the child process, and call `serve`."""
        os.close(reader)
        serve(writer)

    try:
        return reader, _fork(run)
    except OSError:
        os.close(reader)
        raise
    finally:
        os.close(writer)


def _fork(run: Callable[[], object]) -> int:
    """Start a process that calls `run`; return its id.

    Its exit status is 0 only if `run` returns.  Garbage collection is off in the new process,
    because it is short-lived.  The new process ignores interrupts, and it ends when this process
    ends, for any reason.

    Raises:
        OSError: the process can't be started.
    """
    parent = os.getpid()
    # A child that is interrupted here would continue as a second copy of this program.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                _end_with_parent(parent)
                gc.disable()
                run()
                status = 0
            finally:
                os._exit(status)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return child


def _end_with_parent(parent: int) -> None:
    """Let the operating system kill this process when its parent ends."""
    import ctypes  # importing it takes a while, and the parent does not need it

    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # the parent has ended already
        os._exit(0)


def _serve_requests(
    prepare: Callable[[], object],
    requests: int,
    board: int,
    numbers: int,
    writers: list[int],
) -> None:
    """Do the work in the file `board` each time that a request arrives from the pipe `requests`.

    A request is the size of the work, and the number of processes for the work: this process, and
    others that it forks.  Each writes its results into one of `writers`.
    """
    prepare()
    while data := os.read(requests, _REQUEST.size):
        size, processes = _REQUEST.unpack(data)
        work = pickle.loads(os.pread(board, size, 0))  # from the parent process
        mine, *others = writers[:processes]
        forked: list[int] = []
        with suppress(OSError):  # the fork failed; do the work of the process here
            for writer in others:
                forked.append(_fork(partial(_serve, work, numbers, writer)))
        for writer in (mine, *others[len(forked) :]):
            _serve(work, numbers, writer)
        for process in forked:
            if os.waitpid(process, 0)[1] != 0:
                return  # it was killed; the end of this process ends all pipes


def _serve(work: Work, numbers: int, writer: int) -> None:
    """Call `work` for each number from the pipe `numbers`, and write the results to the pipe `writer`.

    The function returns when it takes `_END` from the pipe.
    """
    with os.fdopen(writer, "wb", closefd=False) as results:
        while (data := os.read(numbers, _NUMBER.size)) != _NUMBER.pack(_END):
            (number,) = _NUMBER.unpack(data)
            try:
                answer = (True, work(number))
            except Exception as error:  # any exception is passed on to the caller
                answer = (False, _pickle_exception(error))
            results.write(_HEAD.pack(number, answer[0], len(answer[1])) + answer[1])
            results.flush()
        results.write(_HEAD.pack(_END, True, 0))


def _pickle_exception(error: Exception) -> bytes:
    """Return an exception as bytes.

    An exception that can't be pickled becomes a RuntimeError with its text.
    """
    with suppress(Exception):  # not every exception can be pickled and unpickled
        data = pickle.dumps(error)
        pickle.loads(data)  # these bytes were made in the line above
        return data
    return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))


def _receive_results(readers: list[int]) -> Iterator[tuple[int, bytes]]:
    """Yield (number, result) as they arrive on the pipes `readers`, until all pipes have ended."""
    waiting = {reader: bytearray() for reader in readers}
    with selectors.DefaultSelector() as selector:
        for reader in readers:
            selector.register(reader, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 20)
                waiting[key.fd] += data
                is_over = not data
                for number, result in _take_results(waiting[key.fd]):
                    is_over = is_over or number == _END
                    yield number, result
                if is_over:
                    selector.unregister(key.fd)


def _take_results(data: bytearray) -> Iterator[tuple[int, bytes]]:
    """Remove the complete results at the beginning of `data`, and yield them as (number, result).

    If a process has sent an exception instead of a result, raise it.
    """
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

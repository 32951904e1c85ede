"""Print what a session does, without ever waiting for the program or terminal that reads the output."""

from __future__ import annotations

import os
import select
import sys
import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from threading import Condition, Thread
from typing import Protocol, TextIO

import click

_WAITING = 8 * 1024**2  # bytes
_STEP = 0.1  # seconds
_PATIENCE = 2.0  # seconds at the end without a byte that is read


class Echo(Protocol):
    """Prints a text, as `click.echo` does."""

    def __call__(self, message: str, *, nl: bool = True, err: bool = False) -> None:
        """Print a text; `nl` adds a newline, `err` is standard error."""
        ...


class _Output:
    """A thread that prints.

    Texts that wait for a slow reader are kept up to a limit; texts above it are dropped.  `lost` returns the line that
    is printed in place of the dropped texts.
    """

    def __init__(self, lost: Callable[[int], str]) -> None:
        self._lost = lost
        self._news = Condition()
        self._waiting: deque[tuple[int, bytes]] = deque()  # file descriptors, and what to write
        self._size = 0
        self._missing = 0
        self._is_closing = False
        self._moved = time.monotonic()
        # The thread starts with the first text, because a program with threads can't fork before that.
        self._thread: Thread | None = None

    def echo(self, message: str, *, nl: bool = True, err: bool = False) -> None:
        """Print a text soon."""
        stream = _stream(err)
        if stream is None:
            return
        data = _encode(message + "\n" if nl else message, stream)
        with self._news:
            if self._size + len(data) > _WAITING:
                self._missing += 1
                return
            if self._missing:
                missing, self._missing = self._missing, 0
                self._add(stream.fileno(), _encode(self._lost(missing) + "\n", stream))
            self._add(stream.fileno(), data)

    def _add(self, descriptor: int, data: bytes) -> None:
        """Add bytes to what waits, and start the thread if it does not run.  The caller holds `_news`."""
        self._waiting.append((descriptor, data))
        self._size += len(data)
        self._news.notify()
        if self._thread is None:
            self._thread = Thread(target=self._run, name="output", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Print the texts that wait; give up if the reader reads nothing for some time."""
        with self._news:
            self._is_closing = True
            self._moved = time.monotonic()
            self._news.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        """Write what waits, until `close` is called and nothing waits any more."""
        while True:
            with self._news:
                while not self._waiting and not self._is_closing:
                    self._news.wait()
                if not self._waiting:
                    return
                descriptor, data = self._waiting.popleft()
            if not self._write(descriptor, data):
                return
            with self._news:
                self._size -= len(data)

    def _write(self, descriptor: int, data: bytes) -> bool:
        """Write a text; return False if the thread has to end.

        Each call of `os.write` writes at most `PIPE_BUF` bytes, so that it never waits: a thread that waits in
        `os.write` can't be ended.
        """
        ready = select.poll()
        ready.register(descriptor, select.POLLOUT)
        rest = memoryview(data)
        while rest:
            if not ready.poll(_STEP * 1000):
                if self._is_closing and time.monotonic() - self._moved > _PATIENCE:
                    return False
                continue
            try:
                rest = rest[os.write(descriptor, rest[: select.PIPE_BUF]) :]
            except BlockingIOError:
                time.sleep(_STEP)  # another process has made it non-blocking
            except OSError:
                return True  # the reader has ended; the session continues without it
            self._moved = time.monotonic()
        return True


@contextmanager
def open_output(lost: Callable[[int], str]) -> Generator[Echo, None, None]:
    """Yield a function that prints without waiting, and print the rest at the end.

    `lost` returns a line that says how many texts are missing.
    """
    printing = _Output(lost)
    try:
        yield printing.echo
    finally:
        printing.close()


def _stream(err: bool) -> TextIO | None:
    """Return a standard stream; None if it was closed before flashc began."""
    return sys.stderr if err else sys.stdout


def _encode(text: str, stream: TextIO) -> bytes:
    """Return the bytes of a text; without colours, unless a terminal shows it."""
    shown = text if stream.isatty() else click.unstyle(text)
    return shown.encode(stream.encoding or "utf-8", stream.errors or "strict")

"""Split the output of workers into lines, and queue the events of an engine for its listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from .base import Event

_LONGEST = 64 * 1024  # bytes of a line; a longer one arrives in parts


class LineSplitter:
    """Splits a stream of bytes into lines, and keeps the last line until it is complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield the lines that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield _text(line)
        while len(self._rest) > _LONGEST:
            yield _text(self._rest[:_LONGEST])
            self._rest = self._rest[_LONGEST:]

    def end(self) -> Iterator[str]:
        """Yield the last line if the stream ended without a line break."""
        if self._rest:
            yield _text(self._rest)
        self._rest = b""


def _text(line: bytes) -> str:
    """Return a line as text; bytes that are not UTF-8 are replaced."""
    return line.removesuffix(b"\r").decode("utf-8", "replace")


class Events:
    """The queue of an engine's events."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()

    def put(self, event: Event) -> None:
        """Add an event; call this in the thread of the event loop."""
        self._queue.put_nowait(event)

    def end(self) -> None:
        """End the iteration of the listener after the events so far."""
        self._queue.put_nowait(None)

    async def all(self) -> AsyncIterator[Event]:
        """Yield the events until the end."""
        while (event := await self._queue.get()) is not None:
            yield event

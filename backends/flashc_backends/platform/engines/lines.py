"""Split the output of workers into lines, and queue the events of an engine for its listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from .base import Event

_LONGEST = 64 * 1024  # bytes of a line; a longer one is given in parts


class LineSplitter:
    """Splits a stream of bytes into lines, and keeps the last line until it is complete."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield the lines that `data` completes."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield from map(_text, _parts(line.removesuffix(b"\r")))
        *parts, self._rest = _parts(rest)
        yield from map(_text, parts)

    def end(self) -> Iterator[str]:
        """Yield the last line if the stream ended without a line break."""
        if self._rest:
            yield _text(self._rest.removesuffix(b"\r"))
        self._rest = b""


def _parts(line: bytes) -> Iterator[bytes]:
    """Yield the parts of a line, of at most `_LONGEST` bytes each; no character is cut."""
    start = 0
    while len(line) - start > _LONGEST:
        end = start + _LONGEST
        # A character of UTF-8 has at most three bytes after its first one.
        ends = (each for each in range(end, end - 4, -1) if line[each] & 0xC0 != 0x80)
        end = next(ends, end)
        yield line[start:end]
        start = end
    yield line[start:]


def _text(line: bytes) -> str:
    """Return a line as text; bytes that are not UTF-8 are replaced."""
    return line.decode("utf-8", "replace")


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

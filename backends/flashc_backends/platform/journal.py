"""Record what happens on the platform as numbered entries, which listeners follow; a listener resumes by number."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

_KEPT = 20_000


class Entry(Struct, frozen=True, gc=False, kw_only=True):
    """One event: its kind, its contents and its time.

    `number` is at least the time in microseconds, so that numbers rise over restarts too.
    """

    number: int
    at: float
    kind: str
    what: dict[str, Any]


class Journal:
    """The newest entries; a listener that comes late gets those that are kept."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._last = 0
        self._news = asyncio.Event()
        self._is_closed = False

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 if there is none."""
        return self._last

    def note(self, kind: str, **what: Any) -> None:
        """Add an entry; `kind` is for example "job" or "worker"."""
        self.add(kind, what)

    def add(self, kind: str, what: dict[str, Any]) -> None:
        """Add an entry with these contents; `note` does the same with keyword arguments."""
        now = time.time()
        self._last = max(self._last + 1, int(now * 1_000_000))
        self._entries.append(Entry(number=self._last, at=now, kind=kind, what=what))
        self._news.set()

    def after(self, number: int) -> list[Entry]:
        """Return the kept entries with a higher number, in order."""
        if number >= self._last:
            return []
        found: list[Entry] = []
        for entry in reversed(self._entries):
            if entry.number <= number:
                break
            found.append(entry)
        return found[::-1]

    def close(self) -> None:
        """End the iterations of all listeners."""
        self._is_closed = True
        self._news.set()

    async def follow(self, number: int) -> AsyncIterator[list[Entry]]:
        """Yield entries with a higher number, in batches, until the journal is closed.

        After 15 quiet seconds the batch is empty.
        """
        while not self._is_closed:
            entries = self.after(number)
            if entries:
                number = entries[-1].number
                yield entries
                continue
            news = self._news = self._news if not self._news.is_set() else asyncio.Event()
            try:
                await asyncio.wait_for(news.wait(), 15.0)
            except TimeoutError:
                yield []

"""Wait for news with a time limit, in a way that costs little."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from .records import Job


class Poll:
    """A request that waits: for a job, a result or a stop.  It is woken with whether there is news.

    `worker` asks, or "" for a client; `result` is the final job that a client waited for.
    """

    __slots__ = ("_future", "_timer", "result", "worker")

    def __init__(self, seconds: float, worker: str = "") -> None:
        loop = asyncio.get_running_loop()
        self.worker = worker
        self.result: Job | None = None
        self._future: asyncio.Future[bool] = loop.create_future()
        self._timer = loop.call_later(seconds, self.wake, False)

    @property
    def is_open(self) -> bool:
        """Return whether it still waits."""
        return not self._future.done()

    def wake(self, news: bool = True) -> None:
        """End the wait."""
        if not self._future.done():
            self._timer.cancel()
            self._future.set_result(news)

    async def wait(self) -> bool:
        """Wait; return whether there is news."""
        try:
            return await self._future
        finally:
            self._timer.cancel()


Register = Callable[[Poll], None]
"""Tells the connection of a request about a poll, so that the poll ends when the client goes away."""


def forget(polls: dict[str, list[Poll]], key: str, poll: Poll) -> None:
    """Remove a poll from those that wait for `key`."""
    waiting = polls.get(key)
    if waiting is not None:
        with suppress(ValueError):
            waiting.remove(poll)
        if not waiting:
            del polls[key]

"""Let requests wait for an event with a time limit (long polling), with little work per request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from .records import Job


class Poll:
    """A request that waits for a job, for a result, for a job to stop or for a ready worker.

    `worker` is the id of the worker that waits; "" if a client waits.  `result` is the final job that a client waited
    for.
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
        """Return whether the request still waits."""
        return not self._future.done()

    def wake(self, news: bool = True) -> None:
        """End the wait; `news` is False if the event has not happened and the request is to wait no longer."""
        if not self._future.done():
            self._timer.cancel()
            self._future.set_result(news)

    async def wait(self) -> bool:
        """Wait until `wake` is called or the time is over; return whether the event has happened."""
        try:
            return await self._future
        finally:
            self._timer.cancel()


Register = Callable[[Poll], None]
"""A function that ends the poll when the client of the request leaves."""


def forget(polls: dict[str, list[Poll]], key: str, poll: Poll) -> None:
    """Remove a poll from the list of the polls that wait for `key`."""
    waiting = polls.get(key)
    if waiting is not None:
        with suppress(ValueError):
            waiting.remove(poll)
        if not waiting:
            del polls[key]

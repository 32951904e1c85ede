"""Choose workers for requests to load balancers, and let requests wait for one."""

from __future__ import annotations

import time

from .core import Core
from .dispatcher import Dispatcher
from .polls import Poll, Register, forget


class Balancing:
    """The load-balanced workers of all endpoints."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def acquire(
        self,
        endpoint: str,
        seconds: float,
        register: Register,
        wish: str = "",
        strict: bool = False,
    ) -> str | None:
        """Return a ready worker for a request; wait for one up to `seconds`, then return None.

        `wish` is a worker that the client prefers; with `strict` no other will do.  `free` ends the request.

        Raises:
            EndpointGone: the endpoint was deleted.
        """
        dispatcher = self._core.open_dispatcher(endpoint)
        since, end = time.time(), time.monotonic() + seconds
        while True:
            found = _least_busy(dispatcher, wish, strict)
            if found is not None:
                dispatcher.requests(found, 1, time.time())
                dispatcher.scale(time.time())
                self._core.flush(dispatcher)
                self._core.faults.works(endpoint, found)
                return found
            if dispatcher.pool.closed or (strict and wish not in dispatcher.pool.workers):
                return None
            poll = Poll(max(end - time.monotonic(), 0.0))
            self._core.ready_polls.setdefault(endpoint, []).append(poll)
            register(poll)
            dispatcher.requests_waiting.append(since)
            dispatcher.scale(time.time())
            self._core.flush(dispatcher)
            news = await poll.wait()
            dispatcher.requests_waiting.remove(since)
            forget(self._core.ready_polls, endpoint, poll)
            if not news:
                return None

    def free(self, endpoint: str, worker: str) -> None:
        """Note that a request to a load-balanced worker ended."""
        dispatcher = self._core.dispatchers.get(endpoint)
        if dispatcher is None:
            return
        dispatcher.requests(worker, -1, time.time())
        dispatcher.scale(time.time())
        self._core.flush(dispatcher)


def _least_busy(dispatcher: Dispatcher, wish: str, strict: bool) -> str | None:
    """Return the ready worker with the fewest requests, or the one that the client prefers."""
    ready = {worker.id: worker.held for worker in dispatcher.pool.ready()}
    if wish in ready:
        return wish
    if strict or not ready:
        return None
    return min(ready, key=lambda name: ready[name])

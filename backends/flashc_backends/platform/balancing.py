"""Choose the worker that answers a request to a load balancer; let the request wait while no worker is ready."""

from __future__ import annotations

import time

from .core import Core
from .dispatcher import Dispatcher
from .polls import Poll, Register, forget


class Balancing:
    """Assigns requests to the load-balanced workers of all endpoints."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def acquire(
        self,
        endpoint: str,
        seconds: float,
        register: Register,
        preferred: str = "",
        strict: bool = False,
    ) -> str | None:
        """Wait up to `seconds` for a ready worker, assign a request to it, and return its id; None after that time.

        `preferred` is the id of the worker that the client prefers; with `strict`, no other worker is taken.  The
        caller calls `free` when the request has ended.  `register` gets each poll (see `polls.py`).

        Raises:
            EndpointGone: the endpoint was deleted.
        """
        dispatcher = self._core.open_dispatcher(endpoint)
        since, end = time.time(), time.monotonic() + seconds
        while True:
            found = _least_busy(dispatcher, preferred, strict)
            if found is not None:
                dispatcher.count_request(found, 1, time.time())
                dispatcher.scale(time.time())
                self._core.flush(dispatcher)
                self._core.faults.note_work(endpoint, found)
                return found
            if dispatcher.pool.closed or (strict and preferred not in dispatcher.pool.workers):
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
        """Note that a request no longer occupies a load-balanced worker."""
        dispatcher = self._core.dispatchers.get(endpoint)
        if dispatcher is None:
            return
        dispatcher.count_request(worker, -1, time.time())
        dispatcher.scale(time.time())
        self._core.flush(dispatcher)


def _least_busy(dispatcher: Dispatcher, preferred: str, strict: bool) -> str | None:
    """Return the preferred worker if it is ready, else the ready worker with the fewest requests, else None.

    With `strict`, only the preferred worker is returned.
    """
    ready = {worker.id: worker.held for worker in dispatcher.pool.ready()}
    if preferred in ready:
        return preferred
    if strict or not ready:
        return None
    return min(ready, key=lambda name: ready[name])

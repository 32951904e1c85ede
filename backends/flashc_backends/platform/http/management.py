"""Do what all requests to the management APIs have in common: GraphQL and both versions of REST."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from email.utils import formatdate

from flashc_backends.platform.account_limits import AccountLimits

from .asgi import Refused, Request


class Management:
    """The entrance of the management APIs: it counts requests, and delays or refuses them.

    `limits` returns the limits of the account; `refused` is the number of requests that were refused.
    """

    def __init__(self, limits: Callable[[], AccountLimits]) -> None:
        self._limits = limits
        self._ends = 0.0
        self._count = 0
        self.refused = 0

    async def admit(self, request: Request) -> None:
        """Let a request pass; its answer tells the platform's time, and how many more requests may follow.

        Raises:
            Refused: there were too many requests.
        """
        limits = self._limits()
        request.more_headers.append((b"date", formatdate(usegmt=True).encode()))
        if limits.requests is not None:
            self._admit_counted(request, limits.requests, limits.window)
        if limits.latency:
            await asyncio.sleep(limits.latency)

    def _admit_counted(self, request: Request, most: int, window: float) -> None:
        """Count a request; its answer has the headers of the IETF's draft on rate limits."""
        now = time.monotonic()
        if now >= self._ends:
            self._ends, self._count = now + window, 0
        self._count += 1
        left = max(most - self._count, 0)
        reset = math.ceil(self._ends - now)
        request.more_headers += [
            (b"ratelimit-policy", b'"requests";q=%d;w=%d' % (most, math.ceil(window))),
            (b"ratelimit", b'"requests";r=%d;t=%d' % (left, reset)),
        ]
        if self._count > most:
            self.refused += 1
            raise Refused(429, "too many requests")

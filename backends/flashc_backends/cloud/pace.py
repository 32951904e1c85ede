"""Say how long a client of a platform waits, and how often it tries again."""

from __future__ import annotations

from msgspec import Struct


class Pace(Struct, frozen=True, kw_only=True):
    """Times in seconds, and numbers of attempts.

    Attributes:
        connect: the longest time until a connection is there.
        answer: the longest silence while a request or its answer travels.
        attempts: how often a request is sent that may be repeated.
        pause: the pauses between attempts are random, and grow from this one.
        longest_pause: the longest of these pauses.
        longest_asked: the longest pause that the server may ask for; if it asks for a longer one, the
            request fails.
        looks: the pauses between looks for what a request without an answer may have created.
        lease: the pause before the lease of an environment is asked for again.
        lease_lasts: the time after which a lease that is not renewed counts no more.
        settle: how long a platform says that a rollout is done, although workers are there that were
            there before, until this is believed: it may not have begun the rollout.
        watch: the pauses between looks at a rollout grow from the first of these to the second.
    """

    connect: float = 10.0
    answer: float = 60.0
    attempts: int = 5
    pause: float = 0.2
    longest_pause: float = 5.0
    longest_asked: float = 75.0  # the shortest window of Runpod's limits is a minute
    looks: tuple[float, ...] = (0.2, 0.5, 1.0)
    lease: float = 1.0
    lease_lasts: float = 120.0
    settle: float = 15.0
    watch: tuple[float, float] = (0.1, 2.0)

    def waits(self, asked: float | None) -> bool:
        """Return whether a client waits for as long as the server asks; None if it does not ask."""
        return asked is None or asked <= self.longest_asked


STANDARD = Pace()

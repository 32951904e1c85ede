"""Provide the time limits of the Runpod platform, from `data/limits.json`."""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from .facts import Fact, read_facts


class TimeLimit(Fact, frozen=True, kw_only=True):
    """A time after which the platform stops a request or a job."""

    milliseconds: int


class TimeLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """All time limits."""

    load_balancer_processing: TimeLimit
    load_balancer_waiting: TimeLimit
    job_execution_default: TimeLimit


@cache
def time_limits() -> TimeLimits:
    """Return the time limits of the platform."""
    return read_facts("limits", TimeLimits)

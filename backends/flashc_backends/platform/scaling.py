"""Decide how many workers an endpoint needs for its load."""

from __future__ import annotations

import math

from msgspec import Struct

from .records import Limits, Scaler


class Load(Struct, frozen=True, kw_only=True):
    """The load of an endpoint.

    `queued` jobs or requests wait, `running` are being processed, by `busy` workers.  The oldest has waited for
    `oldest_wait` seconds.
    """

    queued: int
    running: int
    busy: int
    oldest_wait: float


def workers_for(load: Load, limits: Limits) -> int:
    """Return the number of workers for the load, between the endpoint's limits.

    QUEUE_DELAY adds a worker whenever the oldest job has waited for another `scaler_value` seconds.
    REQUEST_COUNT gives each worker `scaler_value` jobs.  Both start the first worker at once.
    """
    if limits.scaler is Scaler.REQUEST_COUNT:
        need = math.ceil((load.queued + load.running) / max(limits.scaler_value, 1.0))
    else:
        need = load.busy + min(load.queued, _delays(load, limits))
    if load.queued:
        need = max(need, 1)
    return min(max(need, limits.least), limits.most)


def _delays(load: Load, limits: Limits) -> int:
    """Return the oldest job's wait divided by `scaler_value` seconds, rounded down.

    If `scaler_value` is not positive, return the number of queued jobs.
    """
    if limits.scaler_value <= 0:
        return load.queued
    return int(load.oldest_wait / limits.scaler_value)

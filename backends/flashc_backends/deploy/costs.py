"""Compute what workers that always run cost."""

from __future__ import annotations

from msgspec import Struct

from flashc_backends.cloud.model import Settings
from flashc_ir.platform.prices import highest_price

_HOUR = 3600  # seconds


class Cost(Struct, frozen=True, kw_only=True):
    """The cost of the workers that an endpoint always keeps.

    `hourly` is an upper bound in US dollars per hour; None if the price is not known.
    """

    workers: int
    hourly: float | None


def cost_of(settings: Settings) -> Cost | None:
    """Return what an endpoint costs without any request; None if it keeps no worker."""
    if not settings.workers_min:
        return None
    pools = [token for token in settings.gpus if not token.startswith("-")]
    price = highest_price(pools)
    if price is None:
        return Cost(workers=settings.workers_min, hourly=None)
    gpus = settings.workers_min * max(settings.gpu_count, 1)
    return Cost(workers=settings.workers_min, hourly=round(price * gpus * _HOUR, 4))

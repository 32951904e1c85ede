"""Compute what workers that always run cost."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from flashc_backends.cloud.model import Settings
from flashc_ir.platform.prices import highest_price, prices

_HOUR = 3600  # seconds


class Cost(Struct, frozen=True, kw_only=True):
    """The cost of the workers that an endpoint, or all endpoints together, always keep.

    `hourly` is an upper bound in US dollars per hour for the workers whose price is known; `unpriced`
    is the number of the others.
    """

    workers: int
    hourly: float = 0.0
    unpriced: int = 0


def cost_of(settings: Settings) -> Cost | None:
    """Return what an endpoint costs without any request; None if it keeps no worker."""
    workers = settings.workers_min
    if not workers:
        return None
    pools = [token for token in settings.gpus if not token.startswith("-")]
    if pools:
        of_gpu = highest_price(prices().pools, pools)
        price = None if of_gpu is None else of_gpu * max(settings.gpu_count, 1)
    else:
        price = highest_price(prices().instances, settings.instances)
    if price is None:
        return Cost(workers=workers, unpriced=workers)
    return Cost(workers=workers, hourly=round(price * workers * _HOUR, 4))


def total_of(costs: Iterable[Cost]) -> Cost | None:
    """Return what several endpoints cost together; None if there are none."""
    found = list(costs)
    if not found:
        return None
    return Cost(
        workers=sum(cost.workers for cost in found),
        hourly=round(sum(cost.hourly for cost in found), 4),
        unpriced=sum(cost.unpriced for cost in found),
    )

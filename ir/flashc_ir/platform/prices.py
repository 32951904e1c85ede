"""Provide what a GPU costs per second, from `data/prices.json`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from msgspec import Struct

from .facts import Fact, read_facts


class PoolPrices(Fact, frozen=True, kw_only=True):
    """US dollars per second and GPU, by the id of the pool."""

    per_second: dict[str, float]


class PriceFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the data file."""

    pools: PoolPrices


@cache
def prices() -> PoolPrices:
    """Return the prices of the data file."""
    return read_facts("prices", PriceFacts).pools


def highest_price(pools: Iterable[str]) -> float | None:
    """Return the price of the dearest of some pools, in US dollars per second and GPU.

    The result is None if there are no pools, or if the price of one is not known.
    """
    known = prices().per_second
    found = [known.get(pool) for pool in pools]
    amounts = [amount for amount in found if amount is not None]
    return max(amounts) if amounts and len(amounts) == len(found) else None

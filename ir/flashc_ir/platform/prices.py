"""Provide what workers cost per second, from `data/prices.json`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from msgspec import Struct

from .facts import Fact, read_facts


class Prices(Fact, frozen=True, kw_only=True):
    """US dollars per second, by the id of a pool of GPUs or of a CPU instance type."""

    per_second: dict[str, float]


class PriceFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the data file: prices of a GPU by its pool, and of a worker by its instance type."""

    pools: Prices
    instances: Prices


@cache
def prices() -> PriceFacts:
    """Return the prices of the data file."""
    return read_facts("prices", PriceFacts)


def highest_price(known: Prices, ids: Iterable[str]) -> float | None:
    """Return the price of the dearest of some pools or instance types, in US dollars per second.

    The result is None if there are none, or if the price of one is not known.
    """
    found = [known.per_second.get(each) for each in ids]
    amounts = [amount for amount in found if amount is not None]
    return max(amounts) if amounts and len(amounts) == len(found) else None

"""Prices, on an endpoint of their own."""

from runpod_flash import Endpoint

from ..shared import load_table, rounded


@Endpoint(name="packages-prices", cpu="cpu3c-1-2", workers=2)
async def total(items: dict) -> float:
    prices = load_table("prices")
    unknown = sorted(set(items) - set(prices))
    if unknown:
        raise KeyError(unknown[0])
    return rounded(sum(prices[name] * count for name, count in items.items()))

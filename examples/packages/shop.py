"""The shop's HTTP routes."""

from app.models import available
from runpod_flash import Endpoint

shop = Endpoint(name="packages-shop", cpu="cpu3c-1-2", workers=(1, 2))


@shop.post("/order")
async def order(items: dict) -> dict:
    """Refuse what is not there, and add up the rest."""
    import app.models.prices as prices

    missing = [name for name, count in items.items() if not await available(name, count=count)]
    if missing:
        return {"missing": missing}
    try:
        return {"total": await prices.total(items)}
    except KeyError as error:
        return {"no price for": str(error)}

"""The way in: routes that have the work done by the other endpoints."""

from models import Review
from rating import Model, mean

from flashc import Endpoint

api = Endpoint(name="tested-api", cpu="cpu3c-1-2", workers=(1, 3))


@api.post("/reviews")
async def rate_all(texts: list[str]) -> dict:
    """Rate several reviews, and return their mean."""
    rated: list[Review] = [await Model().rate(text) for text in texts]
    return {"stars": [review.stars for review in rated], "mean": await mean(rated)}


@api.get("/health")
async def health() -> dict:
    return {"status": "ready"}

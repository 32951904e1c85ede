"""HTTP routes that share one load-balanced endpoint."""

from flashc import Endpoint

api = Endpoint(name="skeleton-api", cpu="cpu3c-1-2", workers=(1, 3))


@api.get("/health")
async def health() -> dict:
    return {"status": "ok"}


@api.post("/echo")
async def echo(message: str, times: int = 1) -> dict:
    return {"echo": " ".join([message] * times)}


@api.get("/square/{number}")
def square(number: int) -> dict:
    return {"number": number, "square": number * number}

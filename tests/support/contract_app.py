"""An app whose endpoints take and return values of many kinds, for generated clients and documents."""

from __future__ import annotations

APP = """
import dataclasses, datetime, decimal, enum, uuid
from collections.abc import Iterator
from typing import Annotated, Literal
from fastapi import Cookie, File, Form, Header, Query
from pydantic import BaseModel, Field
from flashc import Endpoint

class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Item(BaseModel):
    name: str = Field(min_length=1)
    size: int = Field(1, ge=0, le=100)

@dataclasses.dataclass
class Offer:
    item: Item
    until: datetime.date
    price: float

class Order(BaseModel):
    id: uuid.UUID
    when: datetime.datetime
    lines: list[Item]
    colour: Colour = Colour.RED
    total: decimal.Decimal | None = None
    size: tuple[int, int] = (1, 1)
    parent: "Order | None" = None

class Refusal(BaseModel):
    reason: Literal["sold out"] = "sold out"

@Endpoint(name="offers", cpu="cpu3c-1-2", max_concurrency=4)
class Offers:
    async def make(self, item: Item, until: datetime.date, price: float = 2.5) -> Offer:
        return Offer(item, until, price)

    def place(self, order: Order, data: bytes = b"", wait: datetime.timedelta | None = None) -> Order | Refusal:
        return order if order.lines else Refusal()

    def size(self, data: bytes) -> bytes:
        return bytes(reversed(data))

    def either(self, what: datetime.date | Item | list[str]) -> str:
        return type(what).__name__

    def fail(self, text: str) -> str:
        raise ValueError(text)

    def count(self, until: Annotated[int, Field(ge=0, le=5)]) -> Iterator[int]:
        yield from range(until)

@Endpoint(name="counter", cpu="cpu3c-1-2")
def count_up(until: Annotated[int, Field(ge=0, le=5)]) -> Iterator[int]:
    yield from range(until)

@Endpoint(name="plain", cpu="cpu3c-1-2")
async def plain(names: list[str] | None = None) -> dict[str, int]:
    return {name: len(name) for name in names or []}

api = Endpoint(name="web", cpu="cpu3c-1-2", workers=(1, 2))

@api.put("/items/{number}")
async def put_item(number: int, item: Item, dry: bool = False, x_who: Annotated[str, Header()] = "nobody") -> list[Item]:
    return [Item(name=f"{item.name} {number} {dry} {x_who}", size=item.size)]

@api.get("/search/{text}")
async def search(text: str, kinds: Literal["new", "old"] = "new", session: Annotated[str, Cookie()] = "") -> dict[str, str]:
    return {"text": text, "kinds": kinds, "session": session}

@api.post("/orders")
async def place_order(order: Order) -> Order | Refusal:
    return order if order.lines else Refusal()

@api.get("/orders")
async def orders(since: datetime.date, colour: Colour = Colour.RED, sizes: Annotated[list[int], Query()] = []) -> list[Order]:
    when = datetime.datetime(since.year, since.month, since.day, tzinfo=datetime.timezone.utc)
    items = [Item(name="tea", size=size % 101) for size in sizes]
    return [Order(id=uuid.UUID(int=1), when=when, lines=items, colour=colour)]

@api.post("/both")
async def both(first: Item, second: int) -> Item:
    return Item(name=first.name, size=second % 101)

@api.post("/form")
async def form(name: Annotated[str, Form()], count: Annotated[int, Form()] = 1) -> str:
    return name * max(0, min(count, 3))

@api.post("/file")
async def file(data: Annotated[bytes, File()], note: Annotated[str, Form()] = "") -> dict[str, int]:
    return {"size": len(data), "note": len(note)}
"""

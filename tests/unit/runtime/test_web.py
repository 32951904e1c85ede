"""Stubs of routes: what a stub sends is what the route's handler reads, and what it answers is returned."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import typing
import uuid
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import pytest
from fastapi import (
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    Query,
    Request,
    Response,
    UploadFile,
)
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from flashc_backends.runtime import dispatch, registry, routes, sending
from flashc_backends.runtime.replies import Reply, reply_of

if typing.TYPE_CHECKING:
    from nowhere import Tensor  # type: ignore[import-not-found]


class Colour(enum.Enum):
    RED = "red"


class Item(BaseModel):
    name: str
    when: datetime.datetime = datetime.datetime(2024, 1, 1)


class Filter(BaseModel):
    limit: int = 1
    tags: list[str] = []


@dataclasses.dataclass
class Point:
    x: int
    at: datetime.date = datetime.date(2024, 1, 1)


Positive = Annotated[int, Field(ge=1)]
NOW = datetime.datetime(2024, 5, 6, 7, 8, 9)


async def query(text: str, times: Annotated[int, Query()] = 1) -> Any:
    return text * times


async def query_default(text: str, times: int = Query(1, alias="n")) -> Any:
    return text * times


async def header(token: Annotated[str | None, Header()] = None, x_tag: str = Header("none")) -> Any:
    return [token, x_tag]


async def cookie(session: Annotated[str, Cookie()], other: str = Cookie("none")) -> Any:
    return [session, other]


async def in_path(ident: uuid.UUID, rest: str, n: int = 1) -> Any:
    return [str(ident), rest, n]


async def models(items: list[Item]) -> list[Item]:
    return items


async def model(item: Item, n: int = 1, colour: Colour = Colour.RED) -> Item:
    return Item(name=item.name * n + colour.value, when=item.when)


async def two_models(one: Item, two: Item) -> Any:
    return [one.name, two.name]


async def marked(n: Annotated[int, Body()], item: Item) -> Any:
    return [n, item.name]


async def whole(numbers: Annotated[list[int], Body()]) -> Any:
    return sum(numbers)


async def wanted(filter: Annotated[Filter, Query()]) -> Any:
    return [filter.limit, filter.tags]


async def point(point: Point, points: list[Point] = []) -> Point:  # noqa: B006
    return dataclasses.replace(point, x=point.x + len(points))


async def when(at: datetime.datetime, flag: bool = True) -> datetime.datetime:
    return at.replace(year=2000 if flag else 2001)


async def provided(request: Request, tasks: BackgroundTasks, n: Positive = 1) -> Any:
    return [request.method, n]


async def depends(who: str = Depends(lambda: "me"), n: int = 1) -> Any:
    return [who, n]


async def upload(data: bytes, note: str = "") -> Any:
    return [len(data), note]


async def file(data: Annotated[bytes, File()], tags: Annotated[list[str], Form()] = []) -> Any:  # noqa: B006
    return [len(data), tags]


async def uploads(files: list[UploadFile], note: Annotated[str, Form()] = "none") -> Any:
    return [[file.filename for file in files], note]


async def only_for_checkers(t: Tensor, _n: int = Field(1, gt=0)) -> Tensor:
    return [t, _n]


async def either() -> Response | dict[str, int]:
    return {"a": 1}


@dataclasses.dataclass
class Blob:
    data: bytes
    more: dict[str, bytes] = dataclasses.field(default_factory=dict)


async def blob(blob: Blob, raw: Annotated[bytes, Body()] = b"") -> Blob:
    return dataclasses.replace(blob, data=blob.data + raw)


async def image() -> Any:
    return Response(b"\x89PNG\xff", media_type="image/png")


async def text() -> Any:
    return PlainTextResponse("123")


async def nothing() -> Any:
    return Response(status_code=204)


async def variadic(text: str, *rest: int, **more: int) -> Any:
    return [text, list(rest), more]


async def positional(a: int, b: int = 5, /, *, c: int) -> Any:
    return [a, b, c]


ID = uuid.UUID(int=7)
TEA = Item(name="tea", when=NOW)
CALLS: list[tuple[Callable[..., Any], str, str, tuple[Any, ...], dict[str, Any], Any]] = [
    (query, "POST", "/", ("ab",), {"times": 2}, "abab"),
    (query_default, "POST", "/", ("ab", 2), {}, "abab"),
    (header, "GET", "/", ("tok",), {"x_tag": "t"}, ["tok", "t"]),
    (header, "GET", "/", (), {}, [None, "none"]),
    (cookie, "GET", "/", ("a",), {"other": "b"}, ["a", "b"]),
    (in_path, "GET", "/{ident}/{rest:path}", (ID, "a/b c"), {"n": 3}, [str(ID), "a/b c", 3]),
    (in_path, "PUT", "/{ident}/{rest}", (ID, "a b"), {"n": 3}, [str(ID), "a b", 3]),
    (models, "POST", "/", ([TEA],), {}, [TEA]),
    (model, "POST", "/", (TEA, 2), {"colour": Colour.RED}, Item(name="teateared", when=NOW)),
    (model, "POST", "/", ({"name": "tea"},), {}, Item(name="teared")),
    (two_models, "POST", "/", (TEA, Item(name="b")), {}, ["tea", "b"]),
    (marked, "POST", "/", (3, TEA), {}, [3, "tea"]),
    (whole, "POST", "/", ([1, 2],), {}, 3),
    (wanted, "GET", "/", (Filter(limit=2, tags=["a", "b"]),), {}, [2, ["a", "b"]]),
    (point, "POST", "/", (Point(1),), {"points": [Point(2)]}, Point(2)),
    (point, "GET", "/", (Point(1),), {}, Point(1)),
    (when, "POST", "/", (NOW,), {"flag": False}, NOW.replace(year=2001)),
    (when, "GET", "/", (NOW,), {"flag": True}, NOW.replace(year=2000)),
    (provided, "POST", "/", (None, None), {"n": 3}, ["POST", 3]),
    (depends, "GET", "/", (), {"n": 2}, ["me", 2]),
    (upload, "POST", "/", (b"123",), {"note": "x"}, [3, "x"]),
    (file, "POST", "/", (b"123",), {"tags": ["a", "b"]}, [3, ["a", "b"]]),
    (uploads, "POST", "/", ([("a.txt", b"1"), ("b.txt", b"2")],), {}, [["a.txt", "b.txt"], "none"]),
    (only_for_checkers, "POST", "/", ([1],), {"_n": 2}, [[1], 2]),
    (either, "GET", "/", (), {}, {"a": 1}),
    (blob, "POST", "/", (Blob(b"abcd", {"k": b"efgh"}), b"ij"), {}, Blob(b"abcdij", {"k": b"efgh"})),
    (image, "GET", "/", (), {}, b"\x89PNG\xff"),
    (text, "GET", "/", (), {}, "123"),
    (nothing, "DELETE", "/", (), {}, None),
    (variadic, "POST", "/", ("a",), {}, ["a", [], {}]),
    (positional, "POST", "/", (1,), {"c": 3}, [1, 5, 3]),
]  # fmt: skip


def connect(monkeypatch: pytest.MonkeyPatch, function: Any, method: str, path: str) -> Any:
    """The stub of a route whose requests go to the route's own app."""
    registry.offer_route("web", method, path, function)
    app = routes.load("web", ())

    async def send(message: Any) -> Any:
        conversation = message.conversation()
        try:
            step = conversation.send(None)
            while True:
                step = conversation.send(await ask(app, step))
        except StopIteration as stop:
            return stop.value

    monkeypatch.setattr(sending, "send_async", send)
    return dispatch.route_stub_of("web", method, path, function)


async def ask(app: Any, step: Any) -> Reply:
    headers = {k: v for k, v in step.headers.items() if k.lower() != "host"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport) as client:
        reply = await client.request(step.method, step.url, headers=headers, **step.content)
        return reply_of(reply, reply.content)


@pytest.mark.parametrize(
    ("function", "method", "path", "args", "kwargs", "result"),
    CALLS,
    ids=[f"{call[0].__name__}-{call[1]}-{number}" for number, call in enumerate(CALLS)],
)
def test_a_stub_sends_what_its_route_reads(
    function: Any,
    method: str,
    path: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    result: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stub = connect(monkeypatch, function, method, path)
    found = asyncio.run(stub(*args, **kwargs))
    assert (type(found), found) == (type(result), result)


@pytest.mark.parametrize(
    ("function", "method", "args", "words"),
    [
        (query, "GET", ({"a": 1},), "argument 'text' of query() is a dict"),
        (variadic, "POST", ("a", 1), "takes 'rest' only from its own code, not by HTTP"),
        (upload, "POST", ("text",), "argument 'data' of upload() is a str, not bytes or a file"),
        (whole, "POST", ({1, 2},), "argument 'numbers' of whole() is a builtins.set"),
        (whole, "POST", ([float("nan")],), "argument 'numbers' of whole()[0] is nan"),
        (
            blob,
            "POST",
            (Blob(b"\xff"),),
            "argument 'blob' of blob().data has bytes that are no text",
        ),
        (query, "POST", (), "query() missing a required argument: 'text'"),
    ],
)
def test_what_a_request_can_not_have_is_refused_before_it_is_sent(
    function: Any,
    method: str,
    args: tuple[Any, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stub = connect(monkeypatch, function, method, "/")
    with pytest.raises(TypeError) as caught:
        asyncio.run(stub(*args))
    assert words in str(caught.value)

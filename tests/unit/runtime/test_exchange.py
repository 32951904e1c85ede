"""Carrying out conversations: blocking and on an event loop, with the same outcome."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from flashc_backends.runtime import exchange
from flashc_backends.runtime.exchange import Conversation, Pause, Reply, Send, Unreachable

Run = Callable[[Conversation], Any]
Handler = Callable[[httpx.Request], httpx.Response]


def run_on_a_loop(conversation: Conversation) -> Any:
    """As `exchange.run`, by the coroutine."""
    return asyncio.run(exchange.run_async(conversation))


BOTH = pytest.mark.parametrize("run", [exchange.run, run_on_a_loop], ids=["blocking", "async"])


def serve(monkeypatch: pytest.MonkeyPatch, handler: Handler) -> None:
    """Let `handler` answer in place of the network."""
    transport = httpx.MockTransport(handler)
    monkeypatch.setattr(exchange, "_client", lambda: httpx.Client(transport=transport))
    monkeypatch.setattr(exchange, "_async_client", lambda: httpx.AsyncClient(transport=transport))


def one(send: Send) -> Conversation:
    """A conversation of one request."""
    return (yield send)


@BOTH
def test_a_request_arrives_as_it_was_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("PATCH", "http://here/a?n=1")
        assert request.headers["X-Own"] == "yes"
        assert request.extensions["timeout"] == dict.fromkeys(
            ("connect", "read", "write", "pool"), 7.0
        )
        return httpx.Response(201, json={"got": request.read().decode()})

    serve(monkeypatch, handler)
    content = {"json": {"x": 1}, "params": {"n": 1}}
    reply = run(one(Send("PATCH", "http://here/a", {"X-Own": "yes"}, 7.0, content)))
    assert reply.status == 201
    assert reply.body["got"].replace(" ", "") == '{"x":1}'


@BOTH
@pytest.mark.parametrize(
    ("status", "text", "body"),
    [
        (200, "[1, null]", [1, None]),
        (500, "Internal Server Error", "Internal Server Error"),
        (204, "", ""),
    ],
)
def test_a_body_is_json_or_text(
    run: Run, status: int, text: str, body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(monkeypatch, lambda _request: httpx.Response(status, text=text))
    assert run(one(Send("GET", "http://here/", {}, 1.0))) == Reply(status, body)


@BOTH
@pytest.mark.parametrize(
    ("kind", "timed_out"),
    [
        (httpx.ConnectError, False),
        (httpx.ConnectTimeout, False),
        (httpx.PoolTimeout, False),
        (httpx.ReadTimeout, True),
        (httpx.WriteTimeout, True),
        (httpx.ReadError, True),
    ],
)
def test_no_reply_is_thrown_into_the_conversation(
    run: Run, kind: type[httpx.HTTPError], timed_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`timed_out`: the request may have been carried out, so that it must not be sent again."""

    def handler(_request: httpx.Request) -> httpx.Response:
        raise kind("no")

    def conversation() -> Conversation:
        try:
            yield Send("GET", "http://here/x", {}, 1.0)
        except Unreachable as error:
            return str(error), error.timed_out

    serve(monkeypatch, handler)
    assert run(conversation()) == (f"{kind.__name__} on GET http://here/x", timed_out)
    with pytest.raises(Unreachable):
        run(one(Send("GET", "http://here/x", {}, 1.0)))


@BOTH
def test_a_conversation_goes_on_after_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Iterator[Exception | httpx.Response] = iter(
        [httpx.ConnectError("no"), httpx.Response(200, json=2)]
    )

    def handler(_request: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def conversation() -> Conversation:
        send = Send("GET", "http://here/", {}, 1.0)
        try:
            yield send
        except Unreachable:
            yield Pause(0.0)
        reply: Reply = yield send
        return reply.body

    serve(monkeypatch, handler)
    assert run(conversation()) == 2


def test_a_pause_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(-seconds)

    def conversation() -> Conversation:
        yield Pause(2.0)
        return "done"

    monkeypatch.setattr(time, "sleep", waited.append)
    assert exchange.run(conversation()) == "done"
    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert run_on_a_loop(conversation()) == "done"
    assert waited == [2.0, -2.0]


@BOTH
def test_what_a_conversation_raises_comes_out(run: Run) -> None:
    def conversation() -> Conversation:
        yield Pause(0.0)
        raise LookupError("nothing")

    with pytest.raises(LookupError, match="nothing"):
        run(conversation())


def test_connections_are_reused_but_never_by_a_child_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "_blocking", {})
    with exchange._client() as first:
        assert exchange._client() is first
        monkeypatch.setattr(os, "getpid", lambda: -1)
        with exchange._client() as second:
            assert second is not first
            assert exchange._client() is second


def test_each_event_loop_has_connections_of_its_own() -> None:
    async def client() -> httpx.AsyncClient:
        found = exchange._async_client()
        assert exchange._async_client() is found
        await found.aclose()
        return found

    assert asyncio.run(client()) is not asyncio.run(client())

"""Carrying out conversations: blocking and on an event loop, with the same outcome."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import os
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from flashc_backends.runtime import exchange
from flashc_backends.runtime.exchange import Conversation, Pause, Send, Unreachable
from flashc_backends.runtime.replies import Reply
from tests.support.raw_server import http, serving

Run = Callable[[Conversation], Any]
Handler = Callable[[httpx.Request], httpx.Response]


def run_on_a_loop(conversation: Conversation) -> Any:
    """As `exchange.run`, by the coroutine."""
    return asyncio.run(exchange.run_async(conversation))


BOTH = pytest.mark.parametrize("run", [exchange.run, run_on_a_loop], ids=["blocking", "async"])


def serve(monkeypatch: pytest.MonkeyPatch, handler: Handler) -> None:
    """Let `handler` answer in place of the network."""
    transport = httpx.MockTransport(handler)
    monkeypatch.setattr(exchange, "_client", lambda: httpx.AsyncClient(transport=transport))


class Body(httpx.AsyncByteStream):
    """The body of an answer as the network delivers it: in parts, and not read yet."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = parts

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._parts:
            yield part


def answer(status: int, body: str) -> httpx.Response:
    return httpx.Response(status, stream=Body(body.encode()))


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
        return answer(201, json.dumps({"got": request.content.decode()}))

    serve(monkeypatch, handler)
    content = {"json": {"x": 1}, "params": {"n": 1}}
    reply = run(
        one(
            Send(
                method="PATCH",
                url="http://here/a",
                headers={"X-Own": "yes"},
                timeout=7.0,
                content=content,
            )
        )
    )
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
    serve(monkeypatch, lambda _request: answer(status, text))
    assert run(one(Send(method="GET", url="http://here/", headers={}, timeout=1.0))) == Reply(
        status=status, body=body
    )


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
            yield Send(method="GET", url="http://here/x", headers={}, timeout=1.0)
        except Unreachable as error:
            return str(error), error.timed_out

    serve(monkeypatch, handler)
    assert run(conversation()) == (f"{kind.__name__} on GET http://here/x: no", timed_out)
    with pytest.raises(Unreachable):
        run(one(Send(method="GET", url="http://here/x", headers={}, timeout=1.0)))


@BOTH
def test_a_conversation_goes_on_after_a_failure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Iterator[Exception | httpx.Response] = iter(
        [httpx.ConnectError("no"), answer(200, "2")]
    )

    def handler(_request: httpx.Request) -> httpx.Response:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def conversation() -> Conversation:
        send = Send(method="GET", url="http://here/", headers={}, timeout=1.0)
        try:
            yield send
        except Unreachable:
            yield Pause(0.0)
        reply: Reply = yield send
        return reply.body

    serve(monkeypatch, handler)
    assert run(conversation()) == 2


@BOTH
def test_a_pause_waits(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    def conversation() -> Conversation:
        yield Pause(2.0)
        return "done"

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert run(conversation()) == "done"
    assert waited == [2.0]


@BOTH
def test_what_a_conversation_raises_comes_out(run: Run) -> None:
    def conversation() -> Conversation:
        yield Pause(0.0)
        raise LookupError("nothing")

    with pytest.raises(LookupError, match="nothing"):
        run(conversation())


def test_one_thread_sends_all_requests_but_never_those_of_a_child_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "_loops", {})
    loops = [exchange._sending_loop(), exchange._sending_loop()]
    monkeypatch.setattr(os, "getpid", lambda: -1)
    loops.append(exchange._sending_loop())
    try:
        assert loops[0] is loops[1]
        assert loops[0] is not loops[2]
    finally:
        for loop in loops[1:]:
            stop(loop)


def stop(loop: asyncio.AbstractEventLoop) -> None:
    """Stop a loop that runs in a thread, and close it."""
    thread = next(t for t in threading.enumerate() if t.ident == getattr(loop, "_thread_id", None))
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()


def test_event_loops_share_connections_and_no_loop_is_kept() -> None:
    """An app may start an event loop for each job: `asyncio.run(...)` in a plain function."""
    known: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def ask(url: str) -> Reply:
        known.append(weakref.ref(asyncio.get_running_loop()))
        return await exchange.run_async(one(Send(method="GET", url=url, headers={}, timeout=60.0)))  # type: ignore[no-any-return]

    with serving(http(b"1")) as server:
        for _ in range(3):
            assert asyncio.run(ask(server.url)).body == 1
    deadline = time.monotonic() + 60
    while any(
        loop() for loop in known
    ):  # the other thread may still be at the end of the last call
        assert time.monotonic() < deadline
        gc.collect()


@BOTH
def test_the_callers_context_is_that_of_the_conversation(run: Run) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="")

    def conversation() -> Conversation:
        yield Pause(0.0)
        return variable.get()

    def call() -> Any:
        variable.set("the caller's")
        return run(conversation())

    assert contextvars.copy_context().run(call) == "the caller's"


def test_an_abandoned_call_is_ended() -> None:
    ended = threading.Event()

    def conversation() -> Conversation:
        try:
            yield Pause(60.0)
        finally:
            ended.set()

    async def give_up() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(exchange.run_async(conversation()), 0.01)

    asyncio.run(give_up())
    assert ended.wait(60)


@BOTH
def test_cookies_of_an_answer_are_not_kept(run: Run) -> None:
    with serving(http(b"1", set_cookie="a=b; Path=/")) as server:
        for _ in range(2):
            run(one(Send(method="GET", url=server.url, headers={}, timeout=60.0)))
    assert not any(b"cookie" in request.lower() for request in server.requests)

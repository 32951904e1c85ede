"""What may have run is never sent again: the platform keeps no key by which it would know a second request."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import pytest

from flashc_backends.runtime import exchange, platform
from flashc_backends.runtime.client import Client
from flashc_backends.runtime.errors import RemoteError
from flashc_backends.runtime.exchange import Conversation
from flashc_backends.runtime.parts import stream_job
from flashc_backends.runtime.platform import Location
from flashc_backends.runtime.web import Request
from flashc_backends.runtime.wire import run_job
from tests.support.raw_server import RawServer, http, json_answer, serving

Ask = Callable[[Location], Conversation]
DONE = {"id": "j", "status": "COMPLETED", "output": 1}
ASKS: dict[str, Ask] = {
    "a job": lambda here: run_job(here, "gpu", "infer", {"x": 1}),
    "a generator": lambda here: stream_job(here, "gpu", "infer", {"x": 1}),
    "a job of a client": lambda here: Client("gpu", None).call("POST", "runsync", {"input": 1}),
    "a request": lambda here: Request(
        resource="gpu", function="infer", method="POST", path="/items", content={"json": 1}
    ).conversation(),
}
# What comes back after the request was sent.
LOST = {
    "nothing": [],
    "half of an answer": [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"],
    "something else": [b"220 mail.example.org ESMTP\r\n"],
    "a page": http(b"<html>", content_type="text/html"),
    **{
        status: json_answer({"detail": "try again"}, status)
        for status in (
            *("408 Request Timeout", "409 Conflict", "425 Too Early", "500 Internal Server Error"),
            *("502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"),
        )
    },
}


@pytest.fixture(autouse=True)
def limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHC_CALL_TIMEOUT", "30")


def here(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> Location:
    """The location of an endpoint on the server, which is that of the sentinel too."""
    monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", f"{server.url}/v2")
    return platform.by_id("gpu")


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("ask", ASKS)
def test_what_may_have_run_is_sent_once(
    ask: str, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(LOST[lost]) as server:
        location = here(server, monkeypatch)
        if (ask, lost) == ("a request", "a page"):  # a route may answer with a page
            exchange.run(ASKS[ask](location))
        else:
            with pytest.raises(RemoteError):
                for _ in exchange.iterate(ASKS[ask](location)):
                    pass
    assert len(server.requests) == 1
    assert b"idempotency" not in server.requests[0].lower()


def test_what_the_platform_has_refused_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """429 says that nothing was accepted."""
    answers = [json_answer({}, "429 Too Many Requests")] * 2 + [json_answer(DONE)]
    with serving(lambda: answers.pop(0)) as server:
        found = exchange.run(ASKS["a job"](here(server, monkeypatch)))
    assert found == 1
    assert {request.partition(b"\r\n\r\n")[2] for request in server.requests} == {
        json.dumps({"input": {"x": 1}}, separators=(",", ":")).encode()
    }
    assert len(server.requests) == 3


def test_connecting_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent yet; then the call fails."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", f"http://127.0.0.1:{port}/v2")
    with pytest.raises(RemoteError, match="can't be reached"):
        exchange.run(ASKS["a job"](platform.by_id("gpu")))

"""Traces and deadlines: what calls of other endpoints carry of the job or request that makes them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from starlette.background import BackgroundTasks

from flashc_backends.runtime import dispatch, identity, queue, registry, routes, sdk, trace
from flashc_backends.runtime.errors import RemoteTimeout

PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


class Recorder(BaseHTTPRequestHandler):
    """Answers as the platform, and keeps the headers of each call."""

    calls: list[tuple[str, dict[str, str]]]

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        sent = json.loads(self.rfile.read(size) or b"null")
        self.calls.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        answer: Any = {"id": "j", "status": "COMPLETED", "output": "done"}
        if self.path == "/graphql":
            manifest = {"resources_endpoints": {"gpu": f"{self.base}/v2/e1", "web": self.base}}
            answer = {"data": {"flashBuild": {"id": "b", "manifest": manifest}}}
            if "getFlashEnvironment" in sent["query"]:
                answer = {"data": {"flashEnvironment": {"activeBuildId": "b"}}}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @property
    def base(self) -> str:
        return f"http://{self.headers['host']}"

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, str]]]]:
    kept: list[tuple[str, dict[str, str]]] = []
    handler = type("Handler", (Recorder,), {"calls": kept})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", f"{base}/v2")
        monkeypatch.setenv("RUNPOD_API_BASE_URL", base)
        monkeypatch.setenv("RUNPOD_API_KEY", "k")
        monkeypatch.setenv("FLASH_APP", "app")
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture(params=["sentinel", "environment"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "environment":
        monkeypatch.setenv("FLASH_ENVIRONMENT_ID", "env1")
    return str(request.param)


def infer(x: int) -> str:
    return str(x)


async def infer_async(x: int) -> str:
    return str(x)


class Model:
    def infer(self, x: int) -> str:
        return str(x)

    @staticmethod
    def fixed(x: int) -> str:
        return str(x)


def stubs() -> dict[str, Callable[..., Any]]:
    """A call of every kind of stub."""
    return {
        "function": dispatch.stub_of("gpu", infer),
        "async": lambda x: asyncio.run(dispatch.stub_of("gpu", infer_async)(x)),
        "method": lambda x: dispatch.stub_of("gpu", Model)().infer(x),
        "static": lambda x: dispatch.stub_of("gpu", Model).fixed(x),
        "route": dispatch.route_stub_of("web", "POST", "/infer", infer),
    }


def job(**more: Any) -> dict[str, Any]:
    return {"id": "j", "input": {"x": 1}, **more}


def handler_of(target: Any, *, at_once: int = 1) -> Any:
    registry.offer("own", target)
    return queue.load("own", (), at_once)


@pytest.mark.parametrize("kind", ["function", "async", "method", "static", "route"])
def test_each_stub_passes_trace_and_deadline_on(
    kind: str, way: str, calls: list[tuple[str, dict[str, str]]]
) -> None:
    stub = stubs()[kind]

    def target(x: int) -> Any:
        return stub(x)

    handler_of(target)(job(traceparent=PARENT, flashcTimeout=5000))
    path, sent = calls[-1]
    assert sent["traceparent"] == PARENT
    assert 1000 < int(sent["x-flashc-timeout"]) <= 5000
    assert ("x-flash-endpoint" in sent) == (way == "sentinel")
    assert all(headers["traceparent"] == PARENT for _, headers in calls)
    assert path.partition("?")[0].endswith("/infer" if kind == "route" else "/runsync")


def test_a_client_of_a_foreign_endpoint_passes_the_trace_on(
    calls: list[tuple[str, dict[str, str]]],
) -> None:
    """The job goes on when its client stops waiting, so it has no deadline."""

    async def target(x: int) -> Any:
        return (await sdk.Endpoint(id="e9").runsync({"x": x})).output

    assert asyncio.run(handler_of(target)(job(traceparent=PARENT, flashcTimeout=5000))) == "done"
    ((path, sent),) = calls
    assert path == "/v2/e9/runsync?wait=5000"
    assert sent["traceparent"] == PARENT
    assert "x-flashc-timeout" not in sent


def test_without_a_trace_there_is_no_header(calls: list[tuple[str, dict[str, str]]]) -> None:
    """So it is in the cloud; only the caller's own limit is sent."""
    stub = stubs()["function"]
    run = handler_of(lambda x: stub(x))
    run(job(traceparent=PARENT, flashcTimeout=5000))
    run(job())
    sent = calls[-1][1]
    assert "traceparent" not in sent
    assert sent["x-flashc-timeout"] in ("899999", "900000")


@pytest.mark.parametrize("wrong", ["", "soon", "-5", "1e3", None, [5], "9" * 20])
def test_a_wrong_timeout_is_ignored(wrong: Any) -> None:
    trace.begin("", wrong)
    assert trace.left() is None


def test_what_nobody_waits_for_is_not_called(calls: list[tuple[str, dict[str, str]]]) -> None:
    stub = stubs()["function"]
    with pytest.raises(RemoteTimeout, match="time limit of the caller has passed") as caught:
        handler_of(lambda x: stub(x))(job(flashcTimeout=0))
    assert caught.value.status == "TIMED_OUT"
    assert calls == []


def test_jobs_at_once_keep_apart() -> None:
    async def slow(x: int) -> str:
        await asyncio.sleep(0.01)
        return trace.headers().get("traceparent", "")

    def threaded(x: int) -> str:
        return trace.headers().get("traceparent", "")

    async def all_jobs(run: Any) -> list[str]:
        async def one(number: int) -> str:
            return str(await run(job(traceparent=str(number))))

        return list(await asyncio.gather(*map(one, range(5))))

    for target in (slow, threaded):
        assert asyncio.run(all_jobs(handler_of(target, at_once=5))) == list("01234")


def test_a_stream_belongs_to_its_job() -> None:
    def source(x: int) -> Iterator[str]:
        yield trace.headers()["traceparent"]

    async def collected() -> Any:
        return await handler_of(source)(job(traceparent=PARENT))

    assert asyncio.run(collected()) == [PARENT]


def test_a_route_has_the_trace_and_the_deadline_until_it_has_answered() -> None:
    seen: list[Any] = []

    async def route(tasks: BackgroundTasks) -> str:
        tasks.add_task(lambda: seen.append((trace.headers(), trace.left())))
        return f"{trace.headers()['traceparent']} {trace.left()}"

    def plain() -> Any:
        return [trace.headers().get("traceparent"), trace.left()]

    registry.offer_route("web", "POST", "/route", route)
    registry.offer_route("web", "POST", "/plain", plain)
    app = routes.load("web", ())
    identity.become("web")

    async def ask(path: str, **headers: str) -> Any:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://web") as web:
            return (await web.post(path, headers=headers)).json()

    sent = {"traceparent": PARENT, "x-flashc-timeout": "5000"}
    header, left = str(asyncio.run(ask("/route", **sent))).split()
    assert header == PARENT
    assert 1 < float(left) <= 5
    assert seen == [({"traceparent": PARENT}, None)]
    assert asyncio.run(ask("/plain", **sent))[0] == PARENT
    assert asyncio.run(ask("/plain")) == [None, None]

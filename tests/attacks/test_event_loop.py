"""A worker that waits for another endpoint answers other requests and runs other jobs meanwhile."""

from __future__ import annotations

import asyncio
import json
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from flashc_backends.runtime import dispatch, identity, platform, proof, queue, registry, routes
from tests.support.raw_server import RawServer, json_answer, serving


def _slow(s: float) -> float: ...  # type: ignore[empty-body]


slow = dispatch.stub_of("slow", _slow)


def helper(s: float) -> Any:
    return slow(s)


def further(s: float) -> Any:
    return helper(s)


async def through_a_helper(s: float) -> Any:
    return helper(s)


async def through_helpers_in_containers(s: float) -> Any:
    return {"calls": [further(s), (helper(s),)]}


async def in_a_thread(s: float) -> Any:
    return await asyncio.to_thread(lambda: slow(s) * 1)


async def in_a_variable(s: float) -> Any:
    found = helper(s)
    return found  # noqa: RET504


async def awaited(s: float) -> Any:
    return await helper(s)


def in_plain_code(s: float) -> Any:
    return helper(s) * 1


async def streamed(s: float) -> AsyncIterator[Any]:
    yield helper(s)
    yield [further(s)]


FORMS: dict[Callable[..., Any], Any] = {
    through_a_helper: 3,
    through_helpers_in_containers: {"calls": [3, [3]]},
    in_a_thread: 3,
    in_a_variable: 3,
    awaited: 3,
    in_plain_code: 3,
}


@dataclass
class Gate:
    """Another endpoint, which answers when `opened` is set; `was_open` says whether that was in time."""

    opened: threading.Event = field(default_factory=threading.Event)
    was_open: list[bool] = field(default_factory=list[bool])
    server: RawServer | None = None

    def answer(self) -> list[bytes]:
        """Answer a job."""
        self.was_open.append(self.opened.wait(60))
        return json_answer({"status": "COMPLETED", "output": 3})

    async def until_asked(self) -> None:
        """Wait for a job."""
        assert self.server is not None
        async with asyncio.timeout(60):
            while not self.server.requests:
                await asyncio.sleep(0.001)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Be a worker of an app that has another endpoint."""
    monkeypatch.setattr(identity, "_own", None)
    monkeypatch.setattr(proof, "_proofs", ["proof"])
    monkeypatch.setattr(registry, "_targets", {})
    monkeypatch.setattr(registry, "_routes", {})
    monkeypatch.setattr(platform, "_urls", {})
    monkeypatch.delenv("FLASH_ENVIRONMENT_ID", raising=False)
    found = Gate()
    with serving(found.answer) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        found.server = server
        monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", server.url)
        yield found
    assert found.was_open
    assert all(found.was_open)


@pytest.mark.parametrize(("form", "result"), FORMS.items(), ids=[f.__name__ for f in FORMS])
def test_a_route_that_waits_lets_other_requests_through(
    form: Callable[..., Any], result: Any, gate: Gate
) -> None:
    registry.offer_route("front", "GET", "/wait", form)
    app = routes.load("front", ())

    async def run() -> Any:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://front") as client:
            waiting = asyncio.create_task(client.get("/wait?s=3"))
            await gate.until_asked()
            assert (await client.get("/ping")).status_code == 200
            gate.opened.set()
            return (await waiting).json()

    assert asyncio.run(run()) == result


@pytest.mark.parametrize(
    ("form", "result"),
    [*FORMS.items(), (streamed, [3, [3]])],
    ids=[f.__name__ for f in (*FORMS, streamed)],
)
def test_a_job_that_waits_lets_other_jobs_run(
    form: Callable[..., Any], result: Any, gate: Gate
) -> None:
    registry.offer("front", form)
    handler = queue.load("front", (), 2)

    async def other() -> None:
        await gate.until_asked()
        gate.opened.set()

    async def job() -> Any:
        found: Any = handler({"input": {"s": 3}})
        return await found

    async def run() -> Any:
        return (await asyncio.gather(job(), other()))[0]

    assert json.loads(json.dumps(asyncio.run(run()))) == result

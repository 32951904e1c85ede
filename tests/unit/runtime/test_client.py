"""Clients of deployed endpoints: what each method sends, and what becomes of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from flashc_backends.runtime import client, exchange
from flashc_backends.runtime.client import Client, EndpointJob
from flashc_backends.runtime.errors import RemoteError, RemoteTimeout
from flashc_backends.runtime.replies import Reply
from tests.support.conversations import Answer, Script, lost

JOBS = "https://api.runpod.ai/v2/e1"
QUEUED = Reply(status=200, body={"id": "j", "status": "IN_QUEUE"})
DONE = Reply(status=200, body={"id": "j", "status": "COMPLETED", "output": 42})


def begin(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> Script:
    """A script that carries out the client's conversations, and whose clock it reads."""
    script = Script(*answers)

    monkeypatch.setattr(exchange, "run", script.run)
    monkeypatch.setattr(exchange, "run_async", script.run_async)
    monkeypatch.setattr(client, "time", script)
    return script


def wait(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


HERE = Client(None, "e1")


def test_run_submits_a_job_and_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, QUEUED, QUEUED)
    job = wait(HERE.run({"x": 1}, webhook="https://hook"))
    assert (job.id, job.done, job.output, job.error) == ("j", False, None, None)
    wait(HERE.run({"x": 1}))
    first, second = script.sent
    assert (first.method, first.url) == ("POST", f"{JOBS}/run")
    assert first.content == {"json": {"input": {"x": 1}, "webhook": "https://hook"}}
    assert second.content == {"json": {"input": {"x": 1}}}


def test_runsync_waits_as_long_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, DONE)
    job = wait(HERE.runsync([1], timeout=5))
    assert (job.output, job.done) == (42, True)
    assert (script.sent[0].url, script.sent[0].timeout) == (f"{JOBS}/runsync?wait=5000", 7)


def test_runsync_returns_a_job_that_has_not_ended_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(
        monkeypatch, *[Reply(status=200, body={"id": "j", "status": "IN_PROGRESS"})] * 10
    )
    job = wait(HERE.runsync([1], timeout=0.5))
    assert (job.id, job.done) == ("j", False)
    assert script.sent[0].url == f"{JOBS}/runsync?wait=1000"


def test_status_and_cancel_name_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, DONE, Reply(status=200, body={"id": "j", "status": "CANCELLED"}))
    assert wait(HERE.status("j")).output == 42
    assert wait(HERE.cancel("j")).done
    assert [(s.method, s.url) for s in script.sent] == [
        ("GET", f"{JOBS}/status/j"),
        ("POST", f"{JOBS}/cancel/j"),
    ]
    assert script.sent[0].content == {}


def test_a_request_goes_to_the_endpoints_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", " secret ")
    script = begin(monkeypatch, Reply(status=200, body=[1]), Reply(status=200, body=None))
    assert wait(HERE.request("GET", "/items")) == [1]
    wait(HERE.request("POST", "/items", {"x": 1}, timeout=3, headers={"X-Own": "yes"}))
    first, second = script.sent
    assert first.url == "https://e1.api.runpod.ai/v2/items".replace("/v2", "")
    assert first.content == {}
    assert first.headers["Authorization"] == "Bearer secret"
    assert (second.content, second.timeout) == ({"json": {"x": 1}}, 3)
    assert second.headers["X-Own"] == "yes"


def test_an_endpoint_with_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, QUEUED)
    wait(Client("image", None).run({}))
    assert script.sent[0].url == "https://api.runpod.ai/v2/flash/run"
    assert script.sent[0].headers["X-Flash-Endpoint"] == "image"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Reply(status=401, body={"error": "no key"}), RemoteError, "'e1' answered 401: .*no key"),
        (lost(timed_out=True), RemoteTimeout, "ReadTimeout"),
        (lost(), RemoteError, "ConnectError"),
    ],
)
def test_a_request_that_fails_raises(
    answer: Answer, kind: type[RemoteError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(monkeypatch, answer)
    with pytest.raises(kind, match=words) as caught:
        wait(HERE.run({}))
    assert type(caught.value) is kind
    assert caught.value.endpoint == "e1"


@pytest.mark.parametrize("end", ["COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"])
def test_waiting_ends_with_the_job(end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    last = Reply(status=200, body={"id": "j", "status": end, "error": "e", "output": "o"})
    script = begin(monkeypatch, *[QUEUED] * 12, last)
    job = EndpointJob(QUEUED.body, HERE)
    assert wait(job.wait()) is job
    assert (job.output, job.error, job.done) == ("o", "e", True)
    assert script.paused[:2] == [0.25, 0.375]
    assert max(script.paused) == script.paused[-1] == 5.0


def test_waiting_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, QUEUED, QUEUED, QUEUED)
    with pytest.raises(TimeoutError, match="job j has not ended within 1 s"):
        wait(EndpointJob(QUEUED.body, HERE).wait(timeout=1))
    assert sum(script.paused) == 1


def test_a_job_that_has_ended_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch)
    wait(EndpointJob(DONE.body, HERE).wait())
    assert script.sent == []


def test_a_job_keeps_its_data_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    begin(
        monkeypatch,
        Reply(status=200, body={"id": "j"}),
        Reply(status=200, body={"status": "CANCELLED"}),
    )
    job = EndpointJob({"id": "j", "status": "RUNNING"}, HERE)
    assert wait(job.status()) == "UNKNOWN"
    assert wait(job.cancel()) is job
    assert repr(job) == "EndpointJob(id='j', status='CANCELLED')"


def test_an_answer_that_is_no_object_is_the_output() -> None:
    job = EndpointJob([1], HERE)
    assert (job.output, job.id, job.done) == ([1], "", False)

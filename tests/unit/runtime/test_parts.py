"""Generators of other endpoints: their results come one by one, and in the end the job's failure."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from flashc_backends.runtime import exchange, wire
from flashc_backends.runtime.errors import RemoteError, RemoteTimeout
from flashc_backends.runtime.exchange import Unreachable
from flashc_backends.runtime.parts import stream_job
from flashc_backends.runtime.platform import Location
from flashc_backends.runtime.replies import Reply
from tests.support.conversations import Answer, Script, lost

HERE = Location(jobs="https://api/v2/e1", web="https://e1.api", headers={}, sentinel=False)
QUEUED = Reply(status=200, body={"id": "j", "status": "IN_QUEUE"})
NOTHING = Reply(status=200, body={"status": "IN_PROGRESS", "stream": []})
ENDED = Reply(status=200, body={"status": "COMPLETED", "stream": []})


def parts(*outputs: Any) -> Reply:
    return Reply(
        status=200,
        body={"status": "IN_PROGRESS", "stream": [{"output": output} for output in outputs]},
    )


def end(status: str = "COMPLETED", **rest: Any) -> Reply:
    return Reply(status=200, body={"id": "j", "status": status, **rest})


def begin(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> tuple[Script, Generator[Any]]:
    """A script that answers, and the results of the generator."""
    script = Script(*answers)
    monkeypatch.setattr(wire, "time", script)

    async def answer(step: Any) -> Any:
        script.sent.append(step)
        found = script.answers.pop(0)
        if isinstance(found, Unreachable):
            raise found
        return found

    async def sleep(seconds: float) -> None:
        script.paused.append(seconds)
        script.now += seconds

    monkeypatch.setattr(exchange, "_exchange", answer)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return script, exchange.iterate(stream_job(HERE, "gpu", "count", {"to": 3}))


def test_results_come_as_the_platform_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [QUEUED, NOTHING, parts(1), NOTHING, parts(2, 3), ENDED, end(output=[1, 2, 3])]
    script, results = begin(monkeypatch, *answers)
    assert next(results) == 1
    assert len(script.answers) == 4
    assert list(results) == [2, 3]
    assert [s.url.removeprefix("https://api/v2/e1/") for s in script.sent] == [
        "run",
        *["stream/j"] * 5,
        "status/j",
    ]
    assert script.paused == [0.25, 0.25]


def test_pauses_become_longer_up_to_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    script, results = begin(monkeypatch, QUEUED, *[NOTHING] * 9, ENDED, end(output=[]))
    assert list(results) == []
    assert script.paused[:2] == [0.25, 0.3]
    assert script.paused[-1] == 1.0


def test_a_worker_that_does_not_stream_sends_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    _, results = begin(monkeypatch, QUEUED, ENDED, end(output=[1, 2]))
    assert list(results) == [1, 2]
    _, results = begin(monkeypatch, QUEUED, ENDED, end(output="text"))
    with pytest.raises(RemoteError, match="answered with a str"):
        next(results)


def test_a_failure_is_raised_after_the_results_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    record = {"error_type": "<class 'ValueError'>", "error_message": "no"}
    failed = Reply(status=200, body={"status": "FAILED", "stream": []})
    _, results = begin(monkeypatch, QUEUED, parts(1), failed, end("FAILED", error=record))
    assert next(results) == 1
    with pytest.raises(ValueError, match="no"):
        next(results)


def test_answers_that_are_lost_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Reply(status=503, body="busy")
    answers: list[Answer] = [QUEUED, lost(), busy, parts(1), lost(), ENDED, lost(), end(output=[1])]
    _, results = begin(monkeypatch, *answers)
    assert list(results) == [1]
    _, results = begin(monkeypatch, QUEUED, *[lost()] * 5)
    with pytest.raises(RemoteError, match="the state of job j on 'gpu' is unknown"):
        next(results)


def test_who_stops_listening_cancels_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    script, results = begin(monkeypatch, QUEUED, parts(1, 2), end("CANCELLED"))
    assert next(results) == 1
    results.close()
    assert script.sent[-1].url.endswith("/cancel/j")


def test_a_job_that_takes_too_long_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHC_CALL_TIMEOUT", "1")
    script, results = begin(monkeypatch, QUEUED, *[NOTHING] * 4, end("CANCELLED"))
    with pytest.raises(RemoteTimeout, match="was IN_PROGRESS, and is cancelled"):
        next(results)
    assert script.sent[-1].url.endswith("/cancel/j")

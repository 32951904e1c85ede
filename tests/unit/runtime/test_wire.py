"""Jobs and requests: what is sent, how long is waited, and what each answer becomes."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import HTTPException

from flashc_backends.runtime import app, wire
from flashc_backends.runtime.errors import EndpointNotFound, RemoteError, RemoteTimeout
from flashc_backends.runtime.platform import Location
from flashc_backends.runtime.replies import Reply
from flashc_backends.runtime.web import Request
from tests.support.conversations import Answer, Script, lost

HERE = Location(
    jobs="https://api/v2/e1",
    web="https://e1.api",
    headers={"Authorization": "Bearer k"},
    sentinel=False,
)
SENTINEL = Location(jobs="https://api/v2/flash", web="https://flash.api", headers={}, sentinel=True)
DONE = Reply(status=200, body={"id": "j", "status": "COMPLETED", "output": 42})


def waiting(status: str = "IN_QUEUE") -> Reply:
    return Reply(status=200, body={"id": "j", "status": status})


def begin(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> Script:
    """A script whose clock the module under test reads."""
    script = Script(*answers)
    monkeypatch.setattr(wire, "time", script)
    return script


def job(script: Script, location: Location = HERE, payload: Any = None) -> Any:
    result = script.run(wire.run_job(location, "gpu", "infer", payload or {"x": 1}))
    assert script.answers == []
    return result


# Submitting ---------------------------------------------------------------------------------------


def test_a_job_that_ends_at_once_is_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, DONE)
    assert job(script, payload={"x": [1, 2]}) == 42
    (sent,) = script.sent
    assert (sent.method, sent.url) == ("POST", "https://api/v2/e1/runsync?wait=5000")
    assert sent.headers == {"Authorization": "Bearer k", "X-Flashc-Timeout": "900000"}
    assert sent.content == {"json": {"input": {"x": [1, 2]}}}
    assert sent.timeout == 100.0


def test_a_job_that_was_not_accepted_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(
        monkeypatch, Reply(status=429, body="slow down"), Reply(status=429, body="slow down"), DONE
    )
    assert job(script) == 42
    assert script.paused == [0.25, 0.375]
    assert len({sent.url for sent in script.sent}) == 1


def test_a_job_is_not_sent_again_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASHC_CALL_TIMEOUT", "1")
    script = begin(monkeypatch, *[Reply(status=429, body={"detail": "slow down"})] * 3)
    with pytest.raises(RemoteError, match="answered 429: slow down") as caught:
        job(script)
    assert caught.value.status == "429"
    assert sum(script.paused) < 1


@pytest.mark.parametrize(
    ("timed_out", "kind", "words"),
    [(True, RemoteTimeout, "did not answer in time"), (False, RemoteError, "can't be reached")],
)
def test_a_job_that_may_have_arrived_is_not_sent_again(
    timed_out: bool, kind: type[RemoteError], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = begin(monkeypatch, lost(timed_out=timed_out))
    with pytest.raises(kind, match=words) as caught:
        job(script)
    assert type(caught.value) is kind
    assert (caught.value.endpoint, caught.value.function) == ("gpu", "infer")
    assert len(script.sent) == 1


def test_an_endpoint_that_the_app_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLASH_APP", "shop")
    monkeypatch.setenv("FLASH_ENV", "staging")
    with pytest.raises(EndpointNotFound, match=r"'shop' has no endpoint 'gpu'.*'staging'"):
        job(begin(monkeypatch, Reply(status=404, body="")), SENTINEL)


def test_not_found_at_a_known_address_is_no_missing_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RemoteError, match="answered 404") as caught:
        job(begin(monkeypatch, Reply(status=404, body="gone")))
    assert not isinstance(caught.value, EndpointNotFound)


# Waiting ------------------------------------------------------------------------------------------


def test_a_running_job_is_asked_for_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, waiting(), waiting(), waiting("IN_PROGRESS"), DONE)
    assert job(script) == 42
    assert script.paused == [0.25, 0.3, 0.36]
    assert [(s.method, s.url) for s in script.sent[1:]] == [
        ("GET", "https://api/v2/e1/status/j")
    ] * 3


def test_pauses_grow_to_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, *[waiting()] * 25, DONE)
    job(script)
    assert script.paused == sorted(script.paused)
    assert script.paused[-1] == script.paused[-2] == 5.0


def test_a_result_is_at_most_a_fifth_of_its_time_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer comes after 5 seconds; a pause is short beside what a job has taken by then."""
    script = begin(monkeypatch, *[waiting()] * 25, DONE)
    job(script)
    taken = [5.0 + sum(script.paused[:number]) for number in range(len(script.paused))]
    assert all(pause <= 0.2 * before for pause, before in zip(script.paused, taken, strict=True))


def test_a_platform_that_is_asked_too_often_is_asked_later(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, waiting(), *[Reply(status=429, body="")] * 20, DONE)
    assert job(script) == 42
    assert script.paused[-1] == 5.0


@pytest.mark.parametrize("bad", [lost(), lost(timed_out=True), Reply(status=503, body="")])
def test_four_bad_answers_in_a_row_are_borne(bad: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, waiting(), *[bad] * 4, waiting(), *[bad] * 4, DONE)
    assert job(script) == 42


def test_after_five_bad_answers_the_job_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, waiting(), *[Reply(status=502, body="")] * 5)
    with pytest.raises(
        RemoteError, match="the state of job j on 'gpu' is unknown: the platform answered 502"
    ):
        job(script)


def test_a_job_that_the_platform_forgot(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RemoteError, match=r"the platform has lost job j \(404\)") as caught:
        job(begin(monkeypatch, waiting(), Reply(status=404, body="")))
    assert caught.value.status == "LOST"


def test_the_id_of_a_job_is_one_part_of_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, Reply(status=200, body={"id": "a/b?c", "status": "RUNNING"}), DONE)
    job(script)
    assert script.sent[1].url.endswith("/status/a%2Fb%3Fc")


@pytest.mark.parametrize("answer", [Reply(status=200, body={}), lost()])
def test_a_job_that_takes_too_long_is_cancelled(
    answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancellation that fails does not hide the timeout."""
    monkeypatch.setenv("FLASHC_CALL_TIMEOUT", "1")
    script = begin(monkeypatch, waiting(), *[waiting("IN_PROGRESS")] * 3, answer)
    with pytest.raises(RemoteTimeout, match=r"job j was IN_PROGRESS, and is cancelled") as caught:
        job(script)
    assert caught.value.status == "TIMED_OUT"
    assert isinstance(caught.value, TimeoutError)
    assert (script.sent[-1].method, script.sent[-1].url) == ("POST", f"{HERE.jobs}/cancel/j")
    assert script.now <= 1001.0


@pytest.mark.parametrize(
    ("variables", "resource", "seconds"),
    [
        ({}, "gpu", 900.0),
        ({}, "limited", 12.0 + 300.0),
        ({"FLASHC_CALL_TIMEOUT": "7.5"}, "limited", 7.5),
        ({"FLASH_SENTINEL_TIMEOUT": "30"}, "gpu", 30.0),
        ({"FLASH_SENTINEL_TIMEOUT": "30", "FLASHC_CALL_TIMEOUT": "7.5"}, "gpu", 7.5),
        ({"FLASH_SENTINEL_TIMEOUT": "long"}, "gpu", 900.0),
        ({"FLASH_SENTINEL_TIMEOUT": "-1", "FLASHC_CALL_TIMEOUT": ""}, "gpu", 900.0),
    ],
)
def test_how_long_a_job_may_take(
    variables: dict[str, str], resource: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.TIMEOUTS, "limited", 12.0)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    script = begin(monkeypatch, DONE)
    script.run(wire.run_job(HERE, resource, "infer", {}))
    assert script.sent[0].timeout == min(seconds + 2, 100.0)
    assert script.sent[0].url == f"{HERE.jobs}/runsync?wait=5000"
    assert wire.limit_of(resource, "infer") == seconds


# Results ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ({"status": "COMPLETED", "output": [1]}, [1]),
        ({"output": 5}, 5),
        ({"status": "COMPLETED"}, None),
    ],
)
def test_the_result_of_an_answer(body: Any, result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert job(begin(monkeypatch, Reply(status=200, body=body))) == result


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"status": "FAILED", "error": "broken"}, RemoteError, "broken"),
        ({"status": "FAILED", "output": "broken"}, RemoteError, "broken"),
        ({"status": "COMPLETED", "error": "broken", "output": 1}, RemoteError, "broken"),
        ({"status": "CANCELLED"}, RemoteError, "the job on 'gpu' was CANCELLED"),
        ({"status": "TIMED_OUT"}, RemoteTimeout, "took too long"),
        (
            {"status": "FAILED", "error": '{"error_type": "KeyError", "error_message": "k"}'},
            KeyError,
            "k",
        ),
    ],
)
def test_a_job_that_failed_raises(
    body: Any, kind: type[Exception], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(kind, match=words) as caught:
        job(begin(monkeypatch, Reply(status=200, body=body)))
    assert isinstance(caught.value, RemoteError)
    assert caught.value.status == body["status"]


# Requests -----------------------------------------------------------------------------------------


def ask(script: Script) -> Any:
    return script.run(
        Request(
            resource="web",
            function="target",
            method="PUT",
            path="/items",
            content={"json": {"x": 1}},
        ).conversation()
    )


def test_a_request_tells_the_route_that_another_endpoint_asks() -> None:
    script = Script(Reply(status=200, body={"ok": True}))
    assert ask(script) == {"ok": True}
    (sent,) = script.sent
    assert (sent.method, sent.url.rpartition("/")[2]) == ("PUT", "items")
    assert sent.headers["X-Flashc-Dispatch"] == "proof-of-the-app"
    assert sent.headers["X-Flash-Endpoint"] == "web"
    assert sent.timeout == 900.0


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            Reply(status=422, body={"detail": "no such item"}),
            RemoteError,
            "answered 422: no such item",
        ),
        (
            Reply(status=500, body="Internal Server Error"),
            RemoteError,
            "answered 500: Internal Server Error",
        ),
        (
            Reply(status=500, body={"error_type": "ValueError", "error_message": "bad"}),
            ValueError,
            "bad",
        ),
        (lost(timed_out=True), RemoteTimeout, "did not answer in time"),
        (lost(), RemoteError, "can't be reached"),
    ],
)
def test_a_request_that_fails_raises(answer: Answer, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        ask(Script(answer))
    assert isinstance(caught.value, RemoteError)
    assert caught.value.endpoint == "web"


def test_the_detail_of_an_answer_is_data_of_the_exception() -> None:
    for body in ({"detail": {"item": 3}}, {"detail": [{"loc": ["body", "x"]}]}):
        with pytest.raises(RemoteError) as caught:
            ask(Script(Reply(status=422, body=body)))
        assert (caught.value.status, caught.value.detail) == ("422", body["detail"])
        assert caught.value.function == "target"


def test_an_http_exception_of_a_route_is_one_for_the_caller_too() -> None:
    record = {
        "detail": "no such item",
        "error_type": "fastapi.exceptions.HTTPException",
        "error_message": "404: no such item",
        "error_traceback": "Traceback: raise HTTPException",
    }
    with pytest.raises(HTTPException) as caught:
        ask(Script(Reply(status=404, body=record)))
    assert RemoteError in caught.type.__mro__
    error: Any = caught.value
    assert (error.status_code, error.detail, error.headers) == (404, "no such item", None)
    assert (error.endpoint, error.function, error.status) == ("web", "target", "404")
    assert "raise HTTPException" in str(error.__cause__)


def test_a_long_answer_is_cut_in_the_message() -> None:
    with pytest.raises(RemoteError) as caught:
        ask(Script(Reply(status=400, body="x" * 10_000)))
    assert len(str(caught.value)) < 600

"""Where the other endpoints are: the state manager's table, and the sentinel where it has no answer."""

from __future__ import annotations

from typing import Any

import pytest

from flashc_backends.runtime import identity, platform
from flashc_backends.runtime.exchange import Pause, Send
from flashc_backends.runtime.platform import RETRY_SECONDS, TABLE_SECONDS, Location
from flashc_backends.runtime.replies import Reply
from tests.support.conversations import Answer, Script, lost

STATE = Reply(status=200, body={"data": {"flashEnvironment": {"activeBuildId": "b7"}}})
ADDRESS = "https://api.runpod.ai/v2/e1"


def build(table: Any) -> Reply:
    return Reply(
        status=200, body={"data": {"flashBuild": {"manifest": {"resources_endpoints": table}}}}
    )


def begin(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> Script:
    """A worker that knows its environment, and a script whose clock it reads."""
    monkeypatch.setenv("FLASH_ENVIRONMENT_ID", "env1")
    monkeypatch.setenv("RUNPOD_API_KEY", "k")
    script = Script(*answers)
    monkeypatch.setattr(platform, "time", script)
    return script


def locate(script: Script, resource: str = "gpu") -> Location:
    found: Location = script.run(platform.locate(resource))
    return found


@pytest.mark.parametrize("missing", ["FLASH_ENVIRONMENT_ID", "RUNPOD_API_KEY"])
def test_without_environment_or_key_the_sentinel_is_asked(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = begin(monkeypatch)
    monkeypatch.delenv(missing)
    monkeypatch.setenv("FLASH_APP", "shop")
    found = locate(script)
    assert found.sentinel
    assert found.jobs == "https://api.runpod.ai/v2/flash"
    assert found.web == "https://flash.api.runpod.ai"
    assert found.headers["X-Flash-App"] == "shop"
    assert found.headers["X-Flash-Environment"] == "production"
    assert found.headers["X-Flash-Endpoint"] == "gpu"
    assert found.host == {}


@pytest.mark.parametrize(
    "base",
    ["http://127.0.0.1:8000/v2/", "http://[::1]:8000/v2", "http://localhost:8000/v2"],
)
def test_below_an_address_the_sentinel_is_named_in_a_header(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", base)
    found = locate(Script())
    address = base.rstrip("/").removesuffix("/v2").removeprefix("http://")
    assert found.web == f"http://{address}"
    assert found.host == {"Host": f"flash.{address}"}


def test_the_table_is_asked_for_once_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, STATE, build({"gpu": ADDRESS + "/", "web": "https://w.example"}))
    found = locate(script)
    assert (found.jobs, found.web, found.sentinel) == (ADDRESS, ADDRESS, False)
    assert locate(script, "web").jobs == "https://w.example"
    assert locate(script, "other").sentinel
    state, manifest = script.sent
    assert state.url == manifest.url == "https://api.runpod.io/graphql"
    assert state.headers["Authorization"] == "Bearer k"
    assert state.content["json"]["variables"] == {"flashEnvironmentId": "env1"}
    assert manifest.content["json"]["variables"] == {"input": "b7"}


def test_a_name_below_localhost_is_only_in_a_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many systems do not find such names; the local platform has them in its table."""
    monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", "http://127.0.0.1:7000/v2")
    script = begin(monkeypatch, STATE, build({"web": "https://ep1.localhost:7000"}))
    found = locate(script, "web")
    assert (found.web, found.host) == (
        "http://127.0.0.1:7000",
        {"Host": "ep1.127.0.0.1:7000"},
    )


def test_the_table_is_asked_for_again_when_it_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch, STATE, build({"gpu": ADDRESS}), STATE, build({}))
    assert not locate(script).sentinel
    script.now += TABLE_SECONDS - 1
    assert not locate(script).sentinel
    script.now += 1
    assert locate(script).sentinel


@pytest.mark.parametrize(
    "bad",
    [
        lost(),
        Reply(status=500, body=""),
        Reply(status=200, body="no json"),
        Reply(status=200, body={"errors": [{"message": "no"}]}),
        Reply(status=200, body={"data": None}),
        Reply(status=200, body={"data": {"flashEnvironment": None}}),
    ],
)
def test_a_table_that_cannot_be_had_leaves_what_is_known(
    bad: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = begin(monkeypatch, bad, STATE, build({"gpu": ADDRESS}), bad)
    assert locate(script).sentinel
    assert locate(script).sentinel  # not asked again at once
    script.now += RETRY_SECONDS
    assert not locate(script).sentinel
    script.now += TABLE_SECONDS
    assert not locate(script).sentinel


def test_of_many_callers_one_fetches_the_first_table(monkeypatch: pytest.MonkeyPatch) -> None:
    script = begin(monkeypatch)
    first, second = platform.locate("gpu"), platform.locate("gpu")
    assert isinstance(first.send(None), Send)
    assert isinstance(second.send(None), Pause)
    assert isinstance(first.send(STATE), Send)
    assert isinstance(second.send(None), Pause)
    with pytest.raises(StopIteration) as end:
        first.send(build({"gpu": ADDRESS}))
    assert end.value.value.jobs == ADDRESS
    with pytest.raises(StopIteration) as end:
        second.send(None)
    assert end.value.value.jobs == ADDRESS
    assert script.sent == []


def test_a_caller_that_is_abandoned_lets_the_next_one_fetch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script = begin(monkeypatch, STATE, build({"gpu": ADDRESS}))
    abandoned = platform.locate("gpu")
    abandoned.send(None)
    abandoned.close()
    assert locate(script).jobs == ADDRESS


def test_headers_name_the_caller_and_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    assert platform.headers() == {"User-Agent": "flashc-runtime", "X-Flash-Caller": ""}
    identity.become("api")
    monkeypatch.setenv("RUNPOD_API_KEY", " k\n")
    assert platform.headers()["X-Flash-Caller"] == "api"
    assert platform.headers()["Authorization"] == "Bearer k"


def test_an_endpoint_whose_id_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_ENDPOINT_BASE_URL", "https://api.example/v2/")
    found = platform.by_id("e9")
    assert (found.jobs, found.web) == ("https://api.example/v2/e9", "https://e9.api.example")

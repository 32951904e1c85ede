"""A deployment at the limits of an account: quotas, missing hardware, throttling, a slow platform."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.transport import Transport
from flashc_backends.platform.account_limits import AccountLimits
from flashc_backends.platform.faults import Faults
from tests.support.deploy_runs import Built, run
from tests.support.deploy_stage import FIRST, SECOND, DeployStage, built, deploy_stage
from tests.support.deployments import FAST

# FIRST has three endpoints, with 4 workers at most together; SECOND one endpoint more, with one worker.


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Built]:
    folder = tmp_path_factory.mktemp("apps")
    return built(folder / "first", FIRST), built(folder / "second", SECOND)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[DeployStage]:
    with deploy_stage(tmp_path) as stage:
        yield stage


def limit(stage: DeployStage, **limits: Any) -> None:
    async def change() -> None:
        faults = Faults(limits=AccountLimits(**limits))
        stage.platform.core.faults.replace_faults(faults)

    stage.wait(change())


@pytest.mark.parametrize("limits", [{"workers": 4}, {"endpoints": 3}], ids=str)
def test_a_quota_is_said_and_what_ran_before_is_restored(
    stage: DeployStage, apps: tuple[Built, Built], limits: dict[str, int]
) -> None:
    limit(stage, **limits)
    assert not run(stage.folder, apps[0]).has_errors
    before = stage.endpoints()
    result = run(stage.folder, apps[1])
    [found] = result.diagnostics
    assert found.rule.code == "FC606"
    assert "quota" in str(found.message)
    assert "lower `workers=`" in found.help[0]
    assert stage.endpoints() == before
    limit(stage)
    assert not run(stage.folder, apps[1], "gone").has_errors


def test_hardware_that_no_data_centre_has_is_said(
    stage: DeployStage, apps: tuple[Built, Built]
) -> None:
    limit(stage, absent={"cpu3c": ()})
    found = run(stage.folder, apps[0]).diagnostics
    assert {str(d.message).partition(": ")[2] for d in found if d.rule.code == "FC617"} == {
        "no cpu3c in EU-RO-1",
        "no cpu3c in any data centre",
    }


def test_hardware_is_looked_for_where_the_volume_is(
    stage: DeployStage, apps: tuple[Built, Built]
) -> None:
    limit(stage, absent={"cpu3c": ("EU-RO-1",)})
    found = run(stage.folder, apps[0]).diagnostics
    [said] = [str(d.message) for d in found if d.rule.code == "FC617"]
    assert said == "`clf` has no place now: no cpu3c in EU-RO-1"  # where its volume is


def test_a_throttled_deployment_waits_as_long_as_the_platform_asks(
    stage: DeployStage, apps: tuple[Built, Built]
) -> None:
    limit(stage, requests=12, window=1.0)
    began = time.monotonic()
    assert not run(stage.folder, apps[0]).has_errors
    requests = len(stage.proxy.places)
    assert requests > 24
    assert time.monotonic() - began > requests / 12 - 2


def test_a_slow_platform_is_waited_for(stage: DeployStage, apps: tuple[Built, Built]) -> None:
    limit(stage, latency=0.05)
    began = time.monotonic()
    assert not run(stage.folder, apps[0]).has_errors
    assert time.monotonic() - began > 0.5


class _Limited(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self.server.times.append(time.monotonic())
        content = b"{}"
        self.send_response_only(429 if self.server.headers else 200)
        for name, value in self.server.headers.pop(0) if self.server.headers else ():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    """Answers each request with 429 and the next headers, and with 200 when there are no more."""

    def __init__(self, *headers: list[tuple[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Limited)
        self.headers = list(headers)
        self.times: list[float] = []


@contextmanager
def limited(*headers: list[tuple[str, str]]) -> Iterator[_Server]:
    with _Server(*headers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def ask(server: _Server) -> None:
    transport = Transport("key", user_agent="test", pace=FAST)
    try:
        transport.rest("GET", f"http://127.0.0.1:{server.server_port}/v2/x", is_idempotent=True)
    finally:
        transport.close()


OBEYED: dict[str, list[tuple[str, str]]] = {
    "one window": [("RateLimit", '"default";r=0;t=1')],
    "the window that has ended": [
        ("RateLimit", '"minute";r=50;t=40, "hour";r=0;t=1, "day";r=900;t=5000')
    ],
    "the longer of two that have ended": [("RateLimit", '"a";r=0;t=0, "b";r=0;t=1')],
    "seconds": [("Retry-After", "1")],
    "seconds before windows": [("Retry-After", "1"), ("RateLimit", '"a";r=0;t=1000')],
    "an older form": [("RateLimit", "limit=10, remaining=0, reset=1")],
}


@pytest.mark.parametrize("what", OBEYED)
def test_the_time_that_the_platform_asks_for_is_obeyed(what: str) -> None:
    with limited(OBEYED[what]) as server:
        ask(server)
    first, second = server.times
    assert 1.0 <= second - first < 1.9


TOO_LONG: dict[str, list[tuple[str, str]]] = {
    "a day": [("RateLimit", '"minute";r=3;t=1, "day";r=0;t=4000')],
    "an hour": [("Retry-After", "4000")],
}


@pytest.mark.parametrize("what", TOO_LONG)
def test_a_platform_that_asks_for_too_long_a_pause_is_not_asked_again(what: str) -> None:
    with limited(TOO_LONG[what]) as server, pytest.raises(CloudError) as caught:
        ask(server)
    assert len(server.times) == 1
    assert caught.value.trouble is Trouble.BUSY
    assert str(caught.value).endswith("it may be asked again in 4000 s")


def test_a_date_is_compared_with_the_date_of_the_platform() -> None:
    """The clock of this machine may be wrong."""
    later = [
        ("Date", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("Retry-After", "Thu, 01 Jan 2026 00:00:01 GMT"),
    ]
    with limited(later) as server:
        ask(server)
    assert server.times[1] - server.times[0] >= 1.0


def test_a_value_that_is_no_date_is_no_error() -> None:
    with limited([("Retry-After", "soon")], [("Date", "today"), ("RateLimit", "?")]) as server:
        ask(server)
    assert len(server.times) == 3

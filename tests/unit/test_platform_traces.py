"""Traces and deadlines on the platform: what workers get, what is kept, and what ends when its caller gave up."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner

from flashc.cli.main import cli
from flashc_backends.platform import spans
from flashc_backends.platform.assembly import LocalPlatform
from flashc_backends.platform.otlp import Exporter, ExportError
from flashc_backends.platform.spans import Span
from flashc_backends.platform.store import Store
from flashc_backends.platform.tracing import position_below, position_of
from tests.support.platform_stage import CoroutineEngine, Stage, Wire, echo, play, staged

TRACE, PARENT = "a" * 32, "b" * 16
HEADER = f"00-{TRACE}-{PARENT}-01"


async def nothing(_wire: Wire) -> None:
    """Never become ready."""
    await asyncio.sleep(3600)


async def trace_of(stage: Stage, trace: str = TRACE) -> list[dict[str, Any]]:
    reply = await stage.client.get(f"/traces/{trace}")
    found: list[dict[str, Any]] = reply.raise_for_status().json()["spans"]
    return found


# The header ---------------------------------------------------------------------------------------


def test_a_position_is_below_the_caller_and_keeps_its_flags() -> None:
    position = position_below(HEADER.removesuffix("01") + "00")
    assert (position.trace, position.parent, position.is_sampled) == (TRACE, PARENT, False)
    assert position.span != PARENT
    assert position_of(position.traceparent, PARENT) == position
    assert position_below(f"cc-{TRACE}-{PARENT}-01-later").parent == PARENT


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        HEADER.upper(),
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{HEADER}-more",
        f'{HEADER}"',
    ],
)
def test_a_wrong_header_begins_a_new_trace(header: str) -> None:
    position = position_below(header)
    assert position.trace != TRACE
    assert position.parent is None
    assert position.is_sampled


# Jobs ---------------------------------------------------------------------------------------------


def test_a_job_goes_to_its_worker_with_its_own_span_and_what_time_is_left(tmp_path: Path) -> None:
    got: list[dict[str, Any]] = []

    async def keep(wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is not None:
                got.append(job)
                await wire.done(job["id"], {"output": 1})

    async def scene(stage: Stage) -> None:
        headers = {"traceparent": HEADER, "x-flashc-timeout": "5000"}
        await stage.post("runsync", {"input": {"x": 1}}, headers=headers)
        await stage.post("runsync", {"input": {"x": 2}})
        (span,) = await trace_of(stage)
        assert got[0]["input"] == {"x": 1}
        assert got[0]["traceparent"] == f"00-{TRACE}-{span['span']}-01"
        assert 1000 < got[0]["flashcTimeout"] <= 5000
        assert (span["parent"], span["label"], span["status"]) == (PARENT, "queue", "COMPLETED")
        assert (span["job"], span["endpoint"]) == (got[0]["id"], stage.ids["queue"])
        assert span["start"] <= span["end"]
        made = got[1]["traceparent"].split("-")[1]
        assert 590_000 < got[1]["flashcTimeout"] <= 600_000
        assert [found["parent"] for found in await trace_of(stage, made)] == [None]
        noted = [e.what for e in stage.platform.journal.after(0) if e.kind == "span"]
        assert [what["trace"] for what in noted] == [TRACE, made]

    play(tmp_path, scene, keep)


def test_a_job_whose_caller_gave_up_is_not_started(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        headers = {"traceparent": HEADER, "x-flashc-timeout": "300"}
        reply = await stage.post("runsync", {"input": 1}, headers=headers)
        answer = reply.json()
        assert answer["status"] == "TIMED_OUT"
        assert answer["error"] == "the caller of the job no longer waits for it"
        assert "workerId" not in answer
        ((found),) = await trace_of(stage)
        assert (found["status"], found["worker"]) == ("TIMED_OUT", None)
        again = await stage.post(f"retry/{answer['id']}")
        assert again.json()["status"] == "IN_QUEUE"
        await asyncio.sleep(0.5)
        assert (await stage.get(f"status/{answer['id']}")).json()["status"] == "IN_QUEUE"

    play(tmp_path, scene, nothing)


def test_a_job_that_runs_when_its_caller_gives_up_is_stopped(tmp_path: Path) -> None:
    stopped: list[str] = []

    async def hold(wire: Wire) -> None:
        await wire.take()
        stopped.extend(await wire.stops())

    async def scene(stage: Stage) -> None:
        job = (await stage.post("run", {"input": 1}, headers={"x-flashc-timeout": "2000"})).json()[
            "id"
        ]
        assert (await stage.final(job))["status"] == "TIMED_OUT"
        async with asyncio.timeout(5):
            while stopped != [job]:
                await asyncio.sleep(0.01)

    play(tmp_path, scene, hold)


def test_traces_need_the_key(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        headers = {"authorization": ""}
        assert (await stage.client.get(f"/traces/{TRACE}", headers=headers)).status_code == 401
        assert (await stage.client.get(f"/traces/{TRACE}")).status_code == 404

    play(tmp_path, scene)


# Load balancers -----------------------------------------------------------------------------------


async def mirror(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the headers, after half a second at /slow."""
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    body = json.dumps({key.decode(): value.decode() for key, value in scope["headers"]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def test_requests_to_load_balancers_have_spans_and_deadlines(tmp_path: Path) -> None:
    async def run() -> None:
        config = uvicorn.Config(mirror, port=0, lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        address = server.servers[0].sockets[0].getsockname()[:2]
        async with staged(tmp_path, CoroutineEngine(nothing, address), "web") as stage:
            base = f"/lb/{stage.ids['web']}"
            sent = {"traceparent": HEADER, "x-flashc-timeout": "5000"}
            got = (await stage.client.get(f"{base}/a?q=1", headers=sent)).json()
            late = await stage.client.get(
                f"{base}/slow", headers={**sent, "x-flashc-timeout": "200"}
            )
            over = await stage.client.get(f"{base}/a", headers={**sent, "x-flashc-timeout": "0"})
            free = (await stage.client.get(f"{base}/a")).json()
            first, second, third = await trace_of(stage)
            assert got["traceparent"] == f"00-{TRACE}-{first['span']}-01"
            assert 1000 < int(got["x-flashc-timeout"]) <= 5000
            assert (first["name"], first["label"], first["status"]) == ("GET /a", "web", "200")
            assert (first["parent"], first["job"]) == (PARENT, None)
            assert (late.status_code, over.status_code) == (504, 504)
            assert (second["name"], second["status"]) == ("GET /slow", "504")
            assert (third["status"], third["worker"]) == ("504", None)
            assert free["traceparent"].split("-")[1] != TRACE
            assert int(free["x-flashc-timeout"]) > 100_000
        server.should_exit = True
        await serving

    asyncio.run(run())


# The store ----------------------------------------------------------------------------------------


def test_spans_survive_a_restart_and_only_the_newest_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        for number in range(4):
            await stage.post("runsync", {"input": number}, headers={"traceparent": HEADER})

    play(tmp_path, scene)
    kept = spans._TRIM.replace(str(spans.KEPT), "3")
    monkeypatch.setattr(spans, "_TRIM", kept)

    async def again() -> None:
        async with staged(tmp_path, CoroutineEngine(echo), deployed=False) as stage:
            found = await trace_of(stage)
            assert len(found) == 4
            await stage.post("runsync", {"input": 4}, headers={"traceparent": HEADER})
            assert len(await trace_of(stage)) == 5
            core = stage.platform.core
            await core.store.write(core.spans.trim())
            assert len(await trace_of(stage)) == 3
            assert core.spans.trim() == []

    asyncio.run(again())


def test_a_database_of_the_first_version_is_brought_up_to_date(tmp_path: Path) -> None:
    schema = files("flashc_backends.platform").joinpath("schema.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(tmp_path / "platform.sqlite")) as connection:
        connection.executescript(f"{schema}; PRAGMA user_version=1;")
    store = Store(tmp_path)
    assert store.query("PRAGMA user_version") == [(2,)]
    assert store.query("SELECT count(*) FROM span") == [(0,)]
    store.close()


# Exporting ----------------------------------------------------------------------------------------


@pytest.fixture
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A collector's URL, and the requests that it got."""
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", got
        server.shutdown()
        thread.join()


def test_spans_are_exported(
    tmp_path: Path, collector: tuple[str, list[tuple[str, bytes]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    url, got = collector
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")

    async def run() -> None:
        platform = await LocalPlatform.start(None, folder=tmp_path, otlp=url)
        try:
            spans = platform.core.spans
            spans.add(position_below(HEADER), "e1", "GET /a", 10.5, 11.0, "503", "w1")
            spans.add(position_below(f"00-{TRACE}-{PARENT}-00"), "e1", "hidden", 1, 2, "200", "w1")
        finally:
            await platform.close()

    asyncio.run(run())
    ((path, body),) = got
    assert path == "/v1/traces"
    (resource,) = ExportTraceServiceRequest.FromString(body).resource_spans
    names = {item.key: item.value.string_value for item in resource.resource.attributes}
    assert names["service.name"] == "e1"
    (span,) = resource.scope_spans[0].spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert (span.name, span.start_time_unix_nano) == ("GET /a", 10_500_000_000)
    assert span.end_time_unix_nano == 11_000_000_000
    assert span.status.code == span.status.STATUS_CODE_ERROR


@pytest.mark.parametrize("url", ["localhost:4318", "ftp://a", "http://", "http://a:b", "http://["])
def test_a_wrong_url_of_a_collector_is_a_finding(url: str) -> None:

    with pytest.raises(ExportError) as caught:
        Exporter(url)
    assert caught.value.rule.code == "FC524"


def test_missing_packages_are_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    words = ["platform", "--engine", "process", "--state", str(tmp_path), "--otlp", "http://a:1"]
    ended = CliRunner().invoke(cli, words)
    assert ended.exit_code == 3
    assert "FC523" in ended.output
    assert "pip install 'flashc[otlp]'" in ended.output


def test_what_failed() -> None:
    def span(status: str) -> Span:
        return Span(
            trace="",
            span="",
            parent=None,
            endpoint="",
            label="",
            name="",
            start=0,
            end=0,
            status=status,
            worker=None,
            job=None,
        )

    failed = ("FAILED", "TIMED_OUT", "EXPIRED", "500", "504")
    fine = ("COMPLETED", "CANCELLED", "200", "404", "499")
    assert [span(status).has_failed for status in failed] == [True] * 5
    assert [span(status).has_failed for status in fine] == [False] * 5

"""Faults on request: their file, their HTTP interface, and what each of them does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_args

import httpx
import jsonschema
import pytest

from flashc.api.faults import read_fault_file
from flashc_backends.platform.fault_file import read_faults
from flashc_backends.platform.faults import (
    ColdStart,
    Death,
    DoubleResult,
    Fault,
    Faults,
    IdleWorker,
    LateResult,
    LostResult,
    Network,
    NoStock,
    OldRelease,
    Unauthorized,
)
from tests.support.platform_stage import (
    CoroutineEngine,
    Stage,
    Wire,
    archive,
    echo,
    manifest,
    staged,
)
from tests.support.projects import ROOT


def play(
    folder: Path,
    scene: Callable[[Stage], Awaitable[None]],
    *faults: Fault,
    behaviour: Callable[[Wire], Awaitable[None]] = echo,
    **fields: Any,
) -> None:
    """Run a scene on a platform with faults."""

    async def run() -> None:
        engine = CoroutineEngine(behaviour)
        async with staged(folder, engine, "queue", faults=Faults(fault=faults), **fields) as stage:
            await scene(stage)

    asyncio.run(run())


def happened(stage: Stage) -> list[tuple[str, int]]:
    found = stage.platform.core.faults.view()["happened"]
    return [(what["fault"], what["number"]) for what in found]


# The file -----------------------------------------------------------------------------------------


def test_the_example_has_every_fault_and_its_schema_describes_it() -> None:
    import tomllib

    text = (ROOT / "spec" / "faults.toml").read_text(encoding="utf-8")
    faults = read_faults(text)
    assert {type(fault) for fault in faults.fault} == set(get_args(Fault))
    schema = json.loads((ROOT / "spec" / "faults.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(tomllib.loads(text), schema)


@pytest.mark.parametrize(
    ("text", "place", "message", "cure"),
    [
        ("a =", ":0", "not TOML", "correct the syntax"),
        ("seed = 1\na = = 2", ":2:5", "not TOML", "correct the syntax"),
        ("seed = -1", ":1:1", "`seed`: expected `int` >= 0", "correct the value"),
        ("sed = 1", ":1:1", "no key `sed`", "did you mean `seed`?"),
        ("fault = 3", ":1:1", "`fault` is not a list", "[[fault]]"),
        ("fault = [3]", ":0", "fault 1 is not a table", "cold-start"),
        ("\n[[fault]]\nat = [1]", ":2", "fault 1 has no `kind`", "death"),
        ("[[fault]]\n  kind = 'deth'", ":2:3", "of the kind 'deth'", 'did you mean "death"?'),
        ("[[fault]]\nkind = 'cold-start'", ":1", "no key `seconds`", "add the key"),
        ("[[fault]]\nkind = 'death'\nsecnds = 1", ":3:1", "no key `secnds`", "`seconds`?"),
        ("[[fault]]\nkind = 'death'\nat = [0]", ":3:1", "`at`: expected", "correct the value"),
        ("[[fault]]\nkind = 'death'\nseconds = nan", ":3:1", "`seconds`", "correct the value"),
        ("[[fault]]\nkind = 'death'\nprobability = 2", ":3:1", "`probability`", "correct"),
        ("[limits]\nwrokers = 1", ":2:1", "no key `wrokers`", "did you mean `workers`?"),
        ("[limits]\nworkers = -1", ":2:1", "`workers`: expected `int` >= 0", "correct"),
        ("[limits]\nabsent = {a = 'x'}", ":2:1", "`absent`: expected `array`", "correct"),
        ("limits = 3", ":1:1", "`limits`: expected `object`", "correct the value"),
        ("[[fault]]\nkind = 'network'\ncut = 'x'", ":3:1", "`cut`: invalid", "correct the value"),
    ],
)
def test_a_wrong_file_is_a_finding_with_place_and_cure(
    text: str, place: str, message: str, cure: str, tmp_path: Path
) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    result = read_fault_file(path)
    (found,) = result.diagnostics
    assert result.faults is None
    assert found.rule.code == "FC525"
    where = str(found.location)
    assert where.startswith(str(path) + ("" if place == ":0" else place))
    assert message in found.message
    assert cure in found.help[0]


def test_every_wrong_fault_is_reported_and_a_missing_file_too(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text("[[fault]]\nkind = 'a'\n[[fault]]\nkind = 'b'\n")
    assert len(read_fault_file(path).diagnostics) == 2
    assert "No such file" in read_fault_file(tmp_path / "none").diagnostics[0].message
    path.write_bytes(b"\xff")
    assert "UTF-8" in read_fault_file(path).diagnostics[0].message


# Over HTTP ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({"seed": "x"}, [(0, "seed")]),
        ({"sed": 1}, [(0, "sed")]),
        ({"fault": {}}, [(0, "fault")]),
        ([], [(0, "")]),
        ({"fault": [{"kind": "death"}, {"kind": "deth"}, 5]}, [(2, "kind"), (3, "")]),
        ({"fault": [{"kind": "cold-start"}]}, [(1, "seconds")]),
        ({"fault": [{"kind": "death", "at": [1, "x"]}]}, [(1, "at")]),
        (
            {"fault": [{"kind": "network", "latency": "soon"}, {"at": [1]}]},
            [(1, "latency"), (2, "")],
        ),
    ],
)
def test_each_mistake_is_answered_with_its_fault_and_key(
    document: Any, places: list[tuple[int, str]], tmp_path: Path
) -> None:
    async def scene(stage: Stage) -> None:
        reply = await stage.client.put("/faults", json=document)
        assert reply.status_code == 400
        problems = reply.json()["problems"]
        assert [(found["fault"], found["key"]) for found in problems] == places
        assert all(found["message"] and found["help"] for found in problems)

    play(tmp_path, scene)


def test_faults_are_shown_and_replaced_with_the_key_only(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        asked = {"seed": 3, "fault": [{"kind": "lost-result", "at": [1]}]}
        reply = await stage.client.put("/faults", json=asked)
        assert reply.status_code == 200
        job = await stage.run(5)
        assert (await stage.final(job))["output"] == 5
        view = (await stage.client.get("/faults")).json()
        assert view["seed"] == 3
        assert view["fault"][0]["kind"] == "lost-result"
        assert view["counts"] == [1]
        (what,) = view["happened"]
        assert abs(what.pop("time") - time.time()) < 60
        assert what == {"fault": "lost-result", "name": "queue", "number": 1}
        entries = [e for e in stage.platform.journal.after(0) if e.kind == "fault"]
        assert [entry.what["job"] for entry in entries] == [job]
        wrong = await stage.client.put("/faults", json={"fault": [{"kind": "deth"}]})
        assert wrong.status_code == 400
        assert "FC525" in wrong.json()["error"]
        assert (await stage.client.get("/faults")).json()["fault"] == view["fault"]
        assert (await stage.client.put("/faults", content=b"{")).status_code == 400
        assert (await stage.client.delete("/faults")).status_code == 405
        async with httpx.AsyncClient(base_url=stage.platform.base, trust_env=False) as stranger:
            assert (await stranger.get("/faults")).status_code == 401
            assert (await stranger.put("/faults", json={})).status_code == 401

    play(tmp_path, scene)


# What faults do -----------------------------------------------------------------------------------


def test_a_worker_that_dies_in_mid_job_loses_no_job(tmp_path: Path) -> None:
    async def slowly(wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is not None:
                await asyncio.sleep(0.2)
                await wire.done(job["id"], {"output": wire.spec.worker})

    async def scene(stage: Stage) -> None:
        first_worker = (await stage.post("runsync", {"input": 1})).json()["output"]
        answer = (await stage.post("runsync", {"input": 2})).json()
        assert answer["status"] == "COMPLETED"
        assert answer["output"] != first_worker
        assert happened(stage) == [("death", 2)]

    play(tmp_path, scene, Death(at=(2,), seconds=0.05), behaviour=slowly)


def test_a_worker_that_dies_at_once_reports_nothing_however_fast_it_is(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answer = (await stage.post("runsync", {"input": 1})).json()
        assert answer["status"] == "COMPLETED"
        jobs = [entry.what for entry in stage.platform.journal.after(0) if entry.kind == "job"]
        assert [what["attempt"] for what in jobs if what["status"] == "COMPLETED"] == [2]

    play(tmp_path, scene, Death(at=(1,)))


def test_lost_late_and_double_results_are_one_result(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for number in range(4):
            answer = (await stage.post("runsync", {"input": number})).json()
            assert (answer["status"], answer["output"]) == ("COMPLETED", number)
        await asyncio.sleep(0.3)
        health = (await stage.get("health")).json()["jobs"]
        assert health["completed"] == 4
        assert health["inProgress"] == health["inQueue"] == health["failed"] == 0
        assert happened(stage) == [("lost-result", 1), ("late-result", 3), ("double-result", 5)]

    faults = (LostResult(at=(1,)), LateResult(at=(3,), seconds=0.2), DoubleResult(at=(5,)))
    play(tmp_path, scene, *faults)


def test_a_refused_request_of_a_client_and_one_of_a_worker(tmp_path: Path) -> None:
    refused: list[int] = []

    async def stubborn(wire: Wire) -> None:
        while True:
            try:
                job = await wire.take()
            except httpx.HTTPStatusError as error:
                refused.append(error.response.status_code)
                continue
            if job is not None:
                await wire.done(job["id"], {"output": 1})

    async def scene(stage: Stage) -> None:
        assert (await stage.post("run", {"input": 1})).status_code == 200
        assert (await stage.post("run", {"input": 1})).status_code == 401
        assert (await stage.post("runsync", {"input": 1})).json()["output"] == 1
        assert refused == [401]

    faults = (Unauthorized(at=(2,)), Unauthorized(at=(1,), requests="workers"))
    play(tmp_path, scene, *faults, behaviour=stubborn)


def test_without_stock_workers_are_throttled_and_a_cold_start_takes_its_time(
    tmp_path: Path,
) -> None:
    async def scene(stage: Stage) -> None:
        workers = f"/v2/serverless/{stage.ids['queue']}/workers"
        began = time.monotonic()
        job = await stage.run(1)
        async with asyncio.timeout(20):
            while not (health := (await stage.get("health")).json()["workers"])["throttled"]:
                await asyncio.sleep(0.01)
        assert health["initializing"] == 0
        shown = (await stage.client.get(workers)).json()
        assert (shown["summary"]["throttled"], shown["summary"]["initializing"]) == (1, 0)
        assert [worker["status"] for worker in shown["workers"]] == ["THROTTLED"]
        assert (await stage.final(job))["output"] == 1
        assert time.monotonic() - began > 0.7
        health = (await stage.get("health")).json()["workers"]
        assert (health["throttled"], health["ready"]) == (0, 1)
        assert (await stage.client.get(workers)).json()["summary"]["throttled"] == 0

    play(tmp_path, scene, NoStock(at=(1,), seconds=0.5), ColdStart(at=(1,), seconds=0.3))


def test_other_faults_end_what_the_old_ones_do(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = await stage.run(1)
        async with asyncio.timeout(20):
            while not stage.platform.core.faults.throttled:
                await asyncio.sleep(0.01)
        assert (await stage.client.put("/faults", json={})).status_code == 200
        assert (await stage.final(job))["output"] == 1

    play(tmp_path, scene, NoStock(seconds=200))


def test_a_platform_ends_at_once_although_there_is_no_stock(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.platform.control.delete_endpoint(stage.ids["queue"])
        await asyncio.sleep(0.1)
        assert not stage.platform.core.faults.throttled

    began = time.monotonic()
    play(tmp_path, scene, NoStock(seconds=200))
    assert time.monotonic() - began < 10


def test_an_idle_worker_is_ready_and_gets_no_job_for_its_time(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        job = await stage.run(1)
        async with asyncio.timeout(30):
            while (await stage.get("health")).json()["workers"]["ready"] != 1:
                await asyncio.sleep(0.01)
        assert (await stage.get(f"status/{job}")).json()["status"] == "IN_QUEUE"
        assert (await stage.final(job))["output"] == 1

    play(tmp_path, scene, IdleWorker(at=(1,), seconds=2.0))


def test_a_worker_of_a_new_release_runs_the_code_of_the_old(tmp_path: Path) -> None:
    async def tell(wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is not None:
                await wire.done(job["id"], {"output": wire.spec.artifact.name})

    async def scene(stage: Stage) -> None:
        before = (await stage.post("runsync", {"input": 0})).json()
        again = manifest("queue", workersMin=1, workersMax=1)
        await stage.platform.deploy("app", "production", again, archive(tmp_path))
        async with asyncio.timeout(20):
            while True:
                answer = (await stage.post("runsync", {"input": 0})).json()
                if answer["workerId"] != before["workerId"]:
                    break
                await asyncio.sleep(0.02)
        assert answer["output"] == before["output"]
        assert happened(stage) == [("old-release", 1)]

    play(tmp_path, scene, OldRelease(), behaviour=tell)


def test_the_network_between_endpoints_is_slow_or_cut_and_a_client_s_is_not(
    tmp_path: Path,
) -> None:
    async def scene(stage: Stage) -> None:
        caller = {"x-flash-caller": "gateway"}
        began = time.monotonic()
        assert (await stage.post("runsync", {"input": 1}, headers=caller)).json()["output"] == 1
        assert time.monotonic() - began >= 0.3
        with pytest.raises(httpx.TransportError):
            await stage.post("runsync", {"input": 2}, headers=caller)
        with pytest.raises(httpx.TransportError):
            await stage.post("runsync", {"input": 3}, headers=caller)
        assert (await stage.post("runsync", {"input": 4})).json()["output"] == 4
        with pytest.raises(httpx.TransportError):  # a refusal is an answer, too
            url = f"/v2/{stage.ids['queue']}/status/none"
            await stage.client.get(url, headers=caller)
        other = {"x-flash-caller": "other"}
        assert (await stage.post("runsync", {"input": 5}, headers=other)).json()["output"] == 5
        jobs = (await stage.get("health")).json()["jobs"]
        assert (
            jobs["completed"] == 4
        )  # the work of the cut answer is done, that of the cut request is not

    faults = (
        Network(at=(1,), latency=0.3, caller="gateway"),
        Network(at=(2,), cut="request", caller="gateway"),
        Network(at=(3, 4), cut="answer", caller="gateway"),
    )
    play(tmp_path, scene, *faults)

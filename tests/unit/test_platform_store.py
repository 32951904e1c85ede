"""What the platform's store keeps, and that a kill loses nothing that was acknowledged."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from flashc_backends.platform.records import App, Job, Spilled, Status
from flashc_backends.platform.statements import Statement, insert_job, save_record, update_job
from flashc_backends.platform.store import Store, StoreError
from tests.support.platform_stage import staged
from tests.support.projects import ROOT

_KEY = "a-key-for-the-test"


def _job(name: str = "j", **fields: Any) -> Job:
    return replace(
        Job(
            id=name,
            endpoint="ep",
            sequence=1,
            created=1.0,
            input=b'{"a": 1}',
            ttl_at=100.0,
            timeout=10.0,
            retention=60.0,
        ),
        **fields,
    )


def test_a_job_comes_back_as_it_was(tmp_path: Path) -> None:
    async def scene() -> None:
        with closing(Store(tmp_path)) as store:
            store.start()
            job = _job(low_priority=True, webhook="http://x", extra=b'"s3Config":{}')
            await store.write([insert_job(job)])
            assert store.load_job("j") == job
            final = replace(
                job, status=Status.COMPLETED, output=b"5", finished=2.0, expires=9.0, attempt=1
            )
            await store.write([update_job(final)])
            assert store.load_job("j") == final
            assert store.load_open_jobs("ep") == []
            assert store.count_jobs("ep") == {Status.COMPLETED: 1}

    asyncio.run(scene())


def test_many_writers_share_transactions(tmp_path: Path) -> None:
    async def scene() -> None:
        with closing(Store(tmp_path)) as store:
            store.start()
            writes = [
                store.write([insert_job(_job(f"j{number}", sequence=number))])
                for number in range(1, 501)
            ]
            await asyncio.gather(*writes)
            assert len(store.load_open_jobs("ep")) == 500
            assert store.last_sequence() == 500

    asyncio.run(scene())


def test_one_wrong_write_does_not_harm_the_others_of_its_transaction(tmp_path: Path) -> None:
    async def scene() -> None:
        with closing(Store(tmp_path)) as store:
            store.start()
            good = store.write([insert_job(_job("a", sequence=1))])
            half = [insert_job(_job("b", sequence=2)), Statement("INSERT INTO absent VALUES (1)")]
            bad = store.write(half)
            after = store.write([insert_job(_job("c", sequence=3))])
            await good
            with pytest.raises(StoreError, match="no such table"):
                await bad
            await after
            assert [job.id for job in store.load_open_jobs("ep")] == ["a", "c"]

    asyncio.run(scene())


def test_large_bodies_are_files_until_no_job_needs_them(tmp_path: Path) -> None:
    async def scene() -> None:
        with closing(Store(tmp_path)) as store:
            store.start()
            body = store.spill(b"x" * 300_000)
            assert isinstance(body, Spilled)
            assert store.read_body(body) == b"x" * 300_000
            path = tmp_path / "bodies" / body.name
            os.utime(path, (1.0, 1.0))
            await store.write([insert_job(_job(input=body, expires=10.0))])
            store.sweep(5.0)
            assert path.exists()
            await store.write(store.sweep(time.time()))
            assert not path.exists()
            assert store.load_job("j") is None

    asyncio.run(scene())


def test_records_come_back(tmp_path: Path) -> None:
    async def scene() -> None:
        app = App(id="app1", name="shop", created=1.0)
        with closing(Store(tmp_path)) as store:
            store.start()
            await store.write([save_record(app)])
            await store.write([save_record(replace(app, name="other"))])
        with closing(Store(tmp_path)) as store:
            assert store.load_records() == [replace(app, name="other")]

    asyncio.run(scene())


def test_the_state_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "platform.sqlite")) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(StoreError, match="version 99"):
        Store(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "platform.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path)


def test_on_a_full_disk_nothing_is_acknowledged_and_nothing_lost(tmp_path: Path) -> None:
    """The database's own limit of pages stands for the disk."""

    async def scene() -> None:
        async with staged(tmp_path) as stage:
            before = await stage.run("before")
            await stage.final(before)
            writer = stage.platform.store._writer
            writer.execute("PRAGMA max_page_count=1")
            text = "x" * 200_000
            reply = await stage.post("run", {"input": text})
            assert reply.status_code == 503
            assert "FC520" in reply.json()["error"]
            dispatcher = stage.platform.core.dispatchers[stage.ids["queue"]]
            assert not dispatcher.jobs
            assert (await stage.get(f"status/{before}")).json()["output"] == "before"
            writer.execute("PRAGMA max_page_count=1000000")
            assert (await stage.final(await stage.run(text)))["output"] == text

    asyncio.run(scene())


@contextmanager
def _process(folder: Path) -> Generator[tuple[subprocess.Popen[str], httpx.Client, str]]:
    """Run a platform in a process of its own; yield it, a client and the id of its endpoint."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "ir"), str(ROOT / "backends")])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.platform_process", str(folder), _KEY],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert process.stdout is not None
    try:
        port, endpoint = process.stdout.readline().split()
        headers = {"authorization": f"Bearer {_KEY}"}
        base = f"http://127.0.0.1:{port}/v2/{endpoint}"
        with httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False) as client:
            yield process, client, endpoint
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_no_acknowledged_job_is_lost_when_the_platform_is_killed(tmp_path: Path) -> None:
    """Three times jobs are sent until the platform is killed; each that was acknowledged gets its result."""
    sent: dict[str, int] = {}
    dice = random.Random(7)
    for _ in range(3):
        with _process(tmp_path) as (process, client, _):
            end = time.monotonic() + dice.uniform(0.2, 0.8)
            while time.monotonic() < end:
                number = len(sent)
                job = client.post("/run", json={"input": number}).json()["id"]
                sent[job] = number
            process.send_signal(signal.SIGKILL)
    assert len(sent) > 50
    with _process(tmp_path) as (_, client, _):
        waiting = dict(sent)
        end = time.monotonic() + 60
        while waiting and time.monotonic() < end:
            for job, number in list(waiting.items()):
                view = client.get(f"/status/{job}").json()
                if view["status"] == "COMPLETED":
                    assert view["output"] == number
                    del waiting[job]
        assert not waiting

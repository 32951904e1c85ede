"""What an engine can't do is an error with a rule, a reason and a remedy."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import docker
import pytest

from flashc_backends.platform.engines import interpreters, process, rootfs
from flashc_backends.platform.engines.base import EngineError, Line, WorkerKind, WorkerSpec
from flashc_backends.platform.engines.docker_engine import DockerEngine
from flashc_backends.platform.engines.images import own_image_name
from flashc_backends.platform.engines.process import ProcessEngine
from tests.support.engines import staged
from tests.support.interpreters import oldest_worker_python

IMAGE = "flashc-test-empty:1"


def spec_of(folder: Path, **changes: object) -> WorkerSpec:
    given: dict[str, object] = {
        "worker": "w1",
        "endpoint": "e1",
        "label": "it",
        "kind": WorkerKind.QUEUE,
        "artifact": folder,
        "python": oldest_worker_python().minor,
        "environ": {},
    }
    return WorkerSpec(**{**given, **changes})  # type: ignore[arg-type]


def refusal(work: Callable[[], Awaitable[None]]) -> EngineError:
    async def run() -> None:
        await work()

    with pytest.raises(EngineError) as caught:
        asyncio.run(run())
    assert caught.value.help
    return caught.value


def quiet(_text: str) -> None:
    """Show nothing."""


def processes(cache: Path, folder: Path) -> ProcessEngine:
    return ProcessEngine(cache=cache, folder=folder, volumes=folder, report=quiet, sandbox=False)


def test_no_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    async def work() -> None:
        engine = DockerEngine(cache=tmp_path, report=quiet)
        try:
            await engine.open()
        finally:
            await engine.close()

    error = refusal(work)
    assert error.rule.code == "FC501"
    assert "--engine process" in " ".join(error.help)


def test_no_python_of_this_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "_candidates", lambda _version: iter(["/bin/false"]))

    async def work() -> None:
        await processes(tmp_path, tmp_path).prepare([spec_of(tmp_path, python="3.9")])

    error = refusal(work)
    assert error.rule.code == "FC503"
    assert "Python 3.9" in str(error)


def test_packages_that_can_not_be_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))

    async def work() -> None:
        await processes(tmp_path, tmp_path).prepare([spec_of(tmp_path)])

    error = refusal(work)
    assert error.rule.code == "FC504"
    assert any("offline" in note or "cache" in note for note in error.notes)
    assert list((tmp_path / "workers").iterdir()) == []


def test_a_cache_that_can_not_be_written(tmp_path: Path) -> None:
    tmp_path.joinpath("workers").write_text("a file")

    async def work() -> None:
        await processes(tmp_path, tmp_path).prepare([spec_of(tmp_path)])

    assert refusal(work).rule.code == "FC506"


def test_folders_that_can_not_be_made(cache_folder: Path, tmp_path: Path) -> None:
    async def work() -> None:
        tmp_path.joinpath("file").touch()
        engine = processes(cache_folder, tmp_path / "file" / "folder")
        await engine.open()
        try:
            await engine.start(spec_of(tmp_path))
        finally:
            await engine.close()

    assert refusal(work).rule.code == "FC506"


def test_a_supervisor_that_was_killed(cache_folder: Path, tmp_path: Path) -> None:
    async def work() -> None:
        engine = processes(cache_folder, tmp_path)
        await engine.open()
        await engine.prepare([spec_of(tmp_path)])
        started = engine._supervisor
        assert started is not None
        started.kill()
        started.wait()
        try:
            await engine.start(spec_of(tmp_path))
        finally:
            await engine.close()

    assert refusal(work).rule.code == "FC502"


def test_a_command_that_can_not_be_started_says_so_in_its_log(
    cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "ENTRY", tmp_path)
    (tmp_path / "worker.py").write_text("raise SystemExit('no such app')")

    async def scene() -> None:
        async with staged("process", cache_folder, tmp_path) as stage:
            await stage.begin("")
            assert (await stage.printed("no such app")).stream == "stderr"

    asyncio.run(scene())


def test_another_python_than_the_artifact_is_for(
    cache_folder: Path, tmp_path: Path, docker_host: str
) -> None:
    """An image of the user's may have any Python; the packages of the artifact fit one only."""
    wrong = "3.13" if oldest_worker_python().minor != "3.13" else "3.12"

    async def scene() -> None:
        async with staged("docker", cache_folder, tmp_path) as stage:
            assert isinstance(stage.engine, DockerEngine)
            await stage.begin("")
            image = own_image_name(oldest_worker_python().minor)
            await stage.engine.start(spec_of(tmp_path, worker="w2", python=wrong, image=image))
            await stage.printed(
                f"the app is compiled for Python {wrong}, this is {oldest_worker_python().minor}",
                "w2",
            )
            lines = [e for e in stage.happened if isinstance(e, Line) and e.worker == "w2"]
            assert len(lines) == 1

    asyncio.run(scene())


def test_an_image_that_is_not_there(docker_host: str, cache_folder: Path, tmp_path: Path) -> None:
    async def work() -> None:
        engine = DockerEngine(cache=cache_folder, report=quiet, image="none:1", pull=False)
        await engine.open()
        try:
            await engine.prepare([spec_of(tmp_path)])
        finally:
            await engine.close()

    error = refusal(work)
    assert error.rule.code == "FC505"
    assert "none:1" in str(error)


def test_a_python_of_which_no_image_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootfs, "find_interpreter", lambda _version: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError) as caught:
        rootfs.make_rootfs("3.13", tmp_path / "rootfs.tar", quiet)
    assert caught.value.rule.code == "FC505"
    assert "--image python:3.13-slim" in caught.value.help[0]


def test_an_image_without_python(docker_host: str, cache_folder: Path, tmp_path: Path) -> None:
    client = docker.from_env()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name in ("app", "tmp", "root", "run", "var/tmp", "opt/flashc"):
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE
            tar.addfile(info)
    name, _, tag = IMAGE.partition(":")
    client.api.import_image_from_data(archive.getvalue(), name, tag)

    async def work() -> None:
        engine = DockerEngine(cache=cache_folder, report=quiet, image=IMAGE, pull=False)
        await engine.open()
        try:
            await engine.start(spec_of(tmp_path))
        finally:
            await engine.close()

    try:
        error = refusal(work)
    finally:
        client.images.remove(IMAGE)
        client.close()
    assert error.rule.code == "FC502"
    assert "as `python` on its PATH" in error.help[0]
    assert os.environ["DOCKER_HOST"] == docker_host

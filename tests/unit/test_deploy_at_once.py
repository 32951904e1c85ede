"""Deployments of one account at once, and one that is stopped, on the real local platform."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from flashc_backends.deploy.lease_state import lease_name, this_holder
from flashc_backends.deploy.variables import Target
from tests.support.deploy_runs import Agreeing, run, start
from tests.support.deploy_stage import FIRST, SECOND, DeployStage, built, deploy_stage
from tests.support.faulty_proxy import FaultyProxy, Place
from tests.support.projects import write

TARGET = Target("app", "production")


def _second_proxy(stage: DeployStage, folder: Path) -> FaultyProxy:
    """A second way to the platform, for deployments from another folder."""
    folder.mkdir()
    proxy = FaultyProxy(stage.platform.port)
    stage.wait(proxy.start())
    text = (stage.folder / ".env").read_text()
    (folder / ".env").write_text(text.replace(str(stage.proxy.port), str(proxy.port)))
    return proxy


def test_two_deployments_of_one_environment_do_not_interleave(tmp_path: Path) -> None:
    apps = built(tmp_path / "first", FIRST), built(tmp_path / "second", SECOND)
    log: list[int] = []
    with deploy_stage(tmp_path / "stage") as stage:
        run(stage.folder, apps[0])
        other = _second_proxy(stage, tmp_path / "elsewhere")
        for number, proxy in enumerate((stage.proxy, other)):
            proxy.begin()

            async def note(place: Place, number: int = number) -> None:
                if not (place.only_reads or place.name == "secretCreate"):
                    log.append(number)

            proxy.before = note
        processes = [
            start(folder, app, environment="production")
            for folder, app in ((stage.folder, apps[1]), (tmp_path / "elsewhere", apps[0]))
        ]
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0]
        assert log == sorted(log) or log == sorted(log, reverse=True)
        names = [endpoint.name for endpoint in stage.endpoints()]
        assert len(set(names)) == len(names)
        stage.wait(other.close())


def test_two_environments_are_deployed_at_once(tmp_path: Path) -> None:
    app = built(tmp_path / "first", FIRST)
    with deploy_stage(tmp_path / "stage") as stage:
        processes = [start(stage.folder, app, environment=name) for name in ("a", "b")]
        for process in processes:
            process.join(60)
        assert [process.exitcode for process in processes] == [0, 0]
        assert [len(stage.endpoints(environment=name)) for name in ("a", "b")] == [3, 3]
        assert len(stage.cloud.apps()) == 1
        assert len(stage.cloud.volumes()) == 1


def test_who_has_to_be_waited_for_is_said(tmp_path: Path) -> None:
    app = built(tmp_path / "first", FIRST)
    with deploy_stage(tmp_path / "stage") as stage:
        holder = msgspec.structs.replace(this_holder(60.0), process=1, machine="elsewhere")
        description = msgspec.json.encode(holder).decode()
        stage.cloud.create_secret(lease_name(TARGET), "-", description)
        audience = Agreeing()
        result = run(stage.folder, app, audience=audience, patience=0.1)
        assert [d.rule.code for d in result.diagnostics] == ["FC610"]
        assert "process 1 on elsewhere" in str(result.diagnostics[0].message)
        assert len(audience.waits) == 1
        assert audience.waits[0].startswith(f"{holder}, since ")
        assert not stage.cloud.apps()


def _write_app(stage: DeployStage, folder: Path, source: str) -> Path:
    root = write(folder / "app", {"workers.py": source})
    (root / ".env").write_bytes((stage.folder / ".env").read_bytes())
    return root


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_restores_what_ran_and_gives_the_lease_back(
    tmp_path: Path, number: signal.Signals
) -> None:
    with deploy_stage(tmp_path / "stage") as stage:
        run(stage.folder, built(tmp_path / "first", FIRST))
        before = stage.endpoints()
        root = _write_app(stage, tmp_path, FIRST.replace("return x", "return x + 1"))
        command = [sys.executable, "-m", "flashc", "deploy", "--yes"]
        path = os.pathsep.join(sys.path)
        environ = {**os.environ, "PYTHONPATH": path}
        stage.proxy.begin()
        arrived = threading.Event()

        async def stop(place: Place) -> None:
            if place.name == "deployBuildToEnvironment":
                process.send_signal(number)
                arrived.set()

        with subprocess.Popen(
            command, cwd=root, env=environ, stderr=subprocess.PIPE, text=True
        ) as process:
            stage.proxy.after = stop
            _, printed = process.communicate(timeout=60)
        assert arrived.is_set()
        assert process.returncode not in (0, -number)
        assert "Traceback" not in printed
        assert stage.endpoints() == before
        names = [secret.name for secret in stage.cloud.secrets()]
        assert lease_name(TARGET) not in names


def test_a_secret_that_nobody_has_is_missed_before_anything_changes(tmp_path: Path) -> None:
    text = FIRST.replace('os.environ["TOKEN"]', '"{{ RUNPOD_SECRET_lost }}"')
    app = built(tmp_path / "first", text)
    with deploy_stage(tmp_path / "stage") as stage:
        result = run(stage.folder, app)
        assert [d.rule.code for d in result.diagnostics] == ["FC615"]
        assert not stage.cloud.apps()
        stage.cloud.create_secret("lost", "found", "")
        assert not run(stage.folder, app).has_errors


def test_the_same_command_may_be_typed_again_after_it_has_deleted_something(
    tmp_path: Path,
) -> None:
    first, second = built(tmp_path / "first", FIRST), built(tmp_path / "second", SECOND)
    with deploy_stage(tmp_path / "stage") as stage:
        run(stage.folder, first)
        assert not run(stage.folder, second, "gone").diagnostics
        again = run(stage.folder, second, "gone")
        assert [d.rule.code for d in again.diagnostics] == ["FC625"]
        assert again.deployed is not None

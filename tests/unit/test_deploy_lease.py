"""Only one deployment changes an environment at a time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Secret
from flashc_backends.deploy.lease import Busy, Holder, clear_dead, held, lease_name, this_system
from flashc_backends.deploy.variables import Target
from tests.support.deploy_runs import Agreeing, run, start
from tests.support.deploy_stage import FIRST, SECOND, DeployStage, built, deploy_stage
from tests.support.deployments import FAST
from tests.support.faulty_proxy import FaultyProxy, Place
from tests.support.memory_cloud import MemoryCloud
from tests.support.projects import write

TARGET = Target("app", "production")
NOBODY = 2**22 + 1  # no process has this number


def _holder(**fields: object) -> Holder:
    now = time.time()
    me = Holder(
        machine=socket.gethostname(),
        system=this_system(),
        process=os.getpid(),
        since=now,
        until=now + 60,
    )
    return msgspec.structs.replace(me, **fields)


def _leased(description: str) -> MemoryCloud:
    cloud = MemoryCloud()
    cloud.create_secret(lease_name(TARGET), "-", description)
    return cloud


def _take(cloud: MemoryCloud, patience: float = 0.0) -> list[Holder | None]:
    """Hold the lease for a moment; return who was waited for."""
    waited: list[Holder | None] = []
    with held(cloud, TARGET, patience=patience, longest=10, waiting=waited.append, pace=FAST):
        assert [secret.name for secret in cloud.secrets()] == [lease_name(TARGET)]
    assert not cloud.secrets()
    return waited


def test_a_lease_is_given_back_after_a_failure_too() -> None:
    cloud = MemoryCloud()
    with (
        pytest.raises(KeyboardInterrupt),
        held(cloud, TARGET, patience=0, longest=1, waiting=lambda _: None, pace=FAST),
    ):
        raise KeyboardInterrupt
    assert not cloud.secrets()


DEAD: dict[str, Callable[[], str]] = {
    "a process that has ended": lambda: _text(_holder(process=NOBODY)),
    "a deployment of this process that has ended": lambda: _text(_holder(since=1.0)),
    "another machine whose time is over": lambda: _text(_holder(system="other", until=1.0)),
    "something that is no lease": lambda: "what is this",
    "a process that no machine has": lambda: _text(_holder(process=2**80)),
}


def _text(holder: Holder) -> str:
    return msgspec.json.encode(holder).decode() if holder.process < 2**63 else "{}"


@pytest.mark.parametrize("who", DEAD)
def test_the_lease_of_a_dead_holder_is_taken_over(who: str) -> None:
    assert _take(_leased(DEAD[who]())) == []


@pytest.mark.parametrize("process", [1, NOBODY])
def test_a_living_holder_is_waited_for_and_then_the_deployment_refuses(process: int) -> None:
    """Another machine's process is not looked for here, although it may have the number of one."""
    system = this_system() if process == 1 else "another machine"
    holder = _holder(process=process, system=system)
    cloud = _leased(_text(holder))
    waited: list[Holder | None] = []
    with (
        pytest.raises(Busy) as caught,
        held(cloud, TARGET, patience=0.1, longest=1, waiting=waited.append, pace=FAST),
    ):
        raise AssertionError
    assert waited == [holder]
    assert caught.value.holder == holder
    assert [secret.description for secret in cloud.secrets()] == [_text(holder)]


def test_a_lease_that_is_given_back_goes_to_the_one_who_waits() -> None:
    cloud = _leased(_text(_holder(process=1)))
    [lease] = cloud.secrets()
    threading.Timer(0.1, lambda: cloud.delete_secret(lease.id)).start()
    assert len(_take(cloud, patience=10.0)) == 1


def test_many_that_want_a_lease_at_once_get_it_one_after_the_other() -> None:
    cloud, inside, most = MemoryCloud(), [0], [0]

    def work() -> None:
        with held(cloud, TARGET, patience=30, longest=1, waiting=lambda _: None, pace=FAST):
            inside[0] += 1
            most.append(inside[0])
            time.sleep(0.01)
            inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert most == [0] + [1] * 8
    assert not cloud.secrets()


class _EqualNames(MemoryCloud):
    """A platform that allows secrets with equal names."""

    def create_secret(self, name: str, value: str, description: str) -> Secret:
        made = Secret(id=self._new("sec"), name=name, description=description, created="same")
        self._secrets[made.id] = made
        return made


def test_on_a_platform_that_allows_equal_names_the_oldest_lease_counts() -> None:
    cloud = _EqualNames()
    other = cloud.create_secret(lease_name(TARGET), "-", _text(_holder(process=1)))
    with (
        pytest.raises(Busy),
        held(cloud, TARGET, patience=0.1, longest=1, waiting=lambda _: None, pace=FAST),
    ):
        raise AssertionError
    cloud.delete_secret(other.id)
    clear_dead(cloud, TARGET, cloud.secrets())
    assert not cloud.secrets()


class _Failing(MemoryCloud):
    """A platform whose secrets fail in one way."""

    def __init__(self, trouble: Trouble, *, acted: bool = False) -> None:
        super().__init__()
        self._trouble = trouble
        self._acted = acted

    def create_secret(self, name: str, value: str, description: str) -> Secret:
        raise CloudError(self._trouble, "no", may_have_acted=self._acted)


def test_a_platform_without_secrets_has_no_leases() -> None:
    with held(
        _Failing(Trouble.ABSENT), TARGET, patience=0, longest=1, waiting=lambda _: None, pace=FAST
    ):
        pass


@pytest.mark.parametrize("trouble", set(Trouble) - {Trouble.ABSENT})
@pytest.mark.parametrize("acted", [False, True])
def test_a_lease_that_cant_be_had_is_an_error(trouble: Trouble, acted: bool) -> None:
    with (
        pytest.raises(CloudError),
        held(
            _Failing(trouble, acted=acted),
            TARGET,
            patience=0,
            longest=1,
            waiting=lambda _: None,
            pace=FAST,
        ),
    ):
        raise AssertionError


def test_containers_and_machines_are_told_apart() -> None:
    script = "from flashc_backends.deploy.lease import this_system; print(this_system())"
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == this_system()


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
        holder = _holder(process=1, machine="elsewhere")
        stage.cloud.create_secret(lease_name(TARGET), "-", _text(holder))
        audience = Agreeing()
        result = run(stage.folder, app, audience=audience, patience=0.1)
        assert [d.rule.code for d in result.diagnostics] == ["FC610"]
        assert "process 1 on elsewhere" in str(result.diagnostics[0].message)
        assert audience.waits == [str(holder)]
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

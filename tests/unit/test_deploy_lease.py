"""Only one deployment changes an environment at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import msgspec
import pytest
from msgspec import structs

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Secret
from flashc_backends.cloud.pace import Pace
from flashc_backends.cloud.port import Cloud
from flashc_backends.deploy.lease import Busy, clear_dead, held, take_lease
from flashc_backends.deploy.lease_state import Holder, Lease, lease_name, this_holder, this_system
from flashc_backends.deploy.variables import Target
from tests.support.deployments import FAST
from tests.support.memory_cloud import MemoryCloud

TARGET = Target("app", "production")
NOBODY = 2**22 + 1  # no process has this number
QUICK = structs.replace(FAST, lease_lasts=0.4)


def _holder(**fields: Any) -> Holder:
    return structs.replace(this_holder(60.0), **fields)


def _text(holder: Holder) -> str:
    return msgspec.json.encode(holder).decode() if holder.process < 2**63 else "{}"


def _leased(description: str, *, age: float = 0.0) -> MemoryCloud:
    cloud = MemoryCloud()
    cloud.clock = lambda: time.time() - age
    cloud.create_secret(lease_name(TARGET), "-", description)
    cloud.clock = time.time
    return cloud


def _take(cloud: MemoryCloud, patience: float = 0.0) -> list[str]:
    """Hold the lease for a moment; return who was waited for."""
    waited: list[str] = []

    def wait(lease: Lease) -> None:
        waited.append(str(lease.holder))

    with held(cloud, TARGET, patience=patience, waiting=wait, pace=FAST):
        assert [secret.name for secret in cloud.secrets()] == [lease_name(TARGET)]
    assert not cloud.secrets()
    return waited


def _hold(cloud: Cloud, pace: Pace = FAST, patience: float = 0.0) -> AbstractContextManager[Cloud]:
    return held(cloud, TARGET, patience=patience, waiting=lambda _: None, pace=pace)


def test_a_lease_is_given_back_after_a_failure_too() -> None:
    cloud = MemoryCloud()
    with pytest.raises(KeyboardInterrupt), _hold(cloud):
        raise KeyboardInterrupt
    assert not cloud.secrets()


DEAD: dict[str, tuple[float, Callable[[], str]]] = {
    "a process that has ended": (0, lambda: _text(_holder(process=NOBODY))),
    "a deployment of this process that has ended": (0, lambda: _text(_holder(token="0" * 12))),
    "another machine that has not renewed it": (61, lambda: _text(_holder(system="other"))),
    "something that is no lease": (0, lambda: "what is this"),
    "a process that no machine has": (0, lambda: _text(_holder(process=2**80))),
    "a process of another user, which has not renewed it": (61, lambda: _text(_holder(process=1))),
}


@pytest.mark.parametrize("who", DEAD)
def test_the_lease_of_a_dead_holder_is_taken_over(who: str) -> None:
    age, description = DEAD[who]
    assert _take(_leased(description(), age=age)) == []


@pytest.mark.parametrize("process", [1, NOBODY])
def test_a_living_holder_is_waited_for_and_then_the_deployment_refuses(process: int) -> None:
    """Another machine's process is not looked for here, although it may have the number of one."""
    system = this_system() if process == 1 else "another machine"
    holder = _holder(process=process, system=system)
    cloud = _leased(_text(holder), age=59)
    waited: list[Lease] = []
    with (
        pytest.raises(Busy) as caught,
        held(cloud, TARGET, patience=0.1, waiting=waited.append, pace=FAST),
    ):
        raise AssertionError
    assert [lease.holder for lease in waited] == [holder]
    assert caught.value.lease.holder == holder
    assert [secret.description for secret in cloud.secrets()] == [_text(holder)]


@pytest.mark.parametrize("wrong", [-7200.0, 7200.0])
def test_the_clock_of_another_machine_does_not_matter(
    wrong: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only times of the platform are compared with each other."""
    fresh = _leased(_text(_holder(system="other")), age=30)
    old = _leased(_text(_holder(system="other")), age=61)
    right = time.time
    for cloud in (fresh, old):
        cloud.clock = right
    monkeypatch.setattr(time, "time", lambda: right() + wrong)
    with pytest.raises(Busy), _hold(fresh):
        raise AssertionError
    assert _take(old) == []


class _WithoutClock(MemoryCloud):
    """A platform that tells no times."""

    def now(self) -> float | None:
        return None

    def _time(self) -> str:
        return ""


def test_where_the_platform_tells_no_time_a_lease_is_watched_for_as_long_as_it_lasts() -> None:
    cloud = _WithoutClock()
    cloud.create_secret(lease_name(TARGET), "-", _text(_holder(system="other", lasts=0.2)))
    began = time.monotonic()
    with _hold(cloud, patience=10.0):
        assert 0.2 <= time.monotonic() - began < 5.0


@pytest.mark.parametrize("kind", [MemoryCloud, _WithoutClock])
def test_a_deployment_that_takes_longer_than_its_lease_keeps_it(kind: type[MemoryCloud]) -> None:
    cloud = kind()
    other = _Elsewhere(cloud)
    with _hold(cloud, QUICK):
        until = time.monotonic() + 3 * QUICK.lease_lasts
        while time.monotonic() < until:
            assert not other.gets_the_lease(patience=0.0)
            time.sleep(0.02)
        assert len(cloud.secrets()) <= 3  # the lease, and the newest renewals
    assert not cloud.secrets()
    assert other.gets_the_lease(patience=0.0)


class _Elsewhere:
    """A machine that wants the lease now and then, from the same platform."""

    def __init__(self, cloud: MemoryCloud) -> None:
        self._cloud = cloud
        self._me = _holder(system="elsewhere", token="e" * 12, lasts=QUICK.lease_lasts)

    def gets_the_lease(self, patience: float) -> bool:
        try:
            tenure = take_lease(self._cloud, TARGET, self._me, patience=patience, pace=QUICK)
        except Busy:
            return False
        return tenure is not None


def test_a_deployment_that_was_asleep_changes_nothing_any_more() -> None:
    cloud = MemoryCloud()
    now = [0.0]
    cloud.clock = lambda: now[0]
    tenure = take_lease(
        cloud, TARGET, _holder(token="a" * 12), patience=0.0, pace=FAST, clock=lambda: now[0]
    )
    assert tenure is not None
    tenure.check()
    now[0] += 61
    assert _Elsewhere(cloud).gets_the_lease(patience=0.0)
    before = cloud.secrets()
    for _ in range(2):
        with pytest.raises(CloudError) as caught:
            tenure.check()
        assert caught.value.trouble is Trouble.LOST
    tenure.give_back()  # what is another one's stays
    assert {s.id for s in before} & {s.id for s in cloud.secrets()} == {s.id for s in before}


def test_a_lease_that_is_given_back_goes_to_the_one_who_waits() -> None:
    cloud = _leased(_text(_holder(process=1)))
    [lease] = cloud.secrets()
    threading.Timer(0.1, lambda: cloud.delete_secret(lease.id)).start()
    assert len(_take(cloud, patience=10.0)) == 1


def test_many_that_want_a_lease_at_once_get_it_one_after_the_other() -> None:
    cloud, inside, most = MemoryCloud(), [0], [0]

    def work() -> None:
        with _hold(cloud, patience=30.0):
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


class _JustGone(MemoryCloud):
    """A platform on which another lease is given back between a refusal and the next look."""

    def __init__(self, other: str) -> None:
        super().__init__()
        self.create_secret(lease_name(TARGET), "-", other)

    def create_secret(self, name: str, value: str, description: str) -> Secret:
        try:
            return super().create_secret(name, value, description)
        except CloudError:
            self._secrets.clear()
            raise


def test_a_lease_that_goes_between_a_refusal_and_the_next_look_is_asked_for_again() -> None:
    assert not _take(_JustGone(_text(_holder(process=1))))


class _EqualNames(MemoryCloud):
    """A platform that allows secrets with equal names."""

    def create_secret(self, name: str, value: str, description: str) -> Secret:
        made = Secret(id=self._new("sec"), name=name, description=description, created="same")
        self._secrets[made.id] = made
        return made


def test_on_a_platform_that_allows_equal_names_the_oldest_lease_counts() -> None:
    cloud = _EqualNames()
    other = cloud.create_secret(lease_name(TARGET), "-", _text(_holder(process=1)))
    with pytest.raises(Busy), _hold(cloud, patience=0.1):
        raise AssertionError
    assert cloud.secrets() == (other,)


@pytest.mark.parametrize("who", DEAD)
def test_a_dead_lease_is_removed_when_there_is_nothing_to_do(who: str) -> None:
    age, description = DEAD[who]
    cloud = _leased(description(), age=age)
    clear_dead(cloud, TARGET, cloud.secrets())
    assert not cloud.secrets()
    living = _leased(_text(_holder(process=1)))
    clear_dead(living, TARGET, living.secrets())
    assert len(living.secrets()) == 1


class _Failing(MemoryCloud):
    """A platform whose secrets fail in one way."""

    def __init__(self, trouble: Trouble, *, acted: bool = False) -> None:
        super().__init__()
        self._trouble = trouble
        self._acted = acted

    def create_secret(self, name: str, value: str, description: str) -> Secret:
        raise CloudError(self._trouble, "no", may_have_acted=self._acted)


def test_a_platform_without_secrets_has_no_leases() -> None:
    with _hold(_Failing(Trouble.ABSENT)):
        pass


@pytest.mark.parametrize("trouble", [t for t in Trouble if t is not Trouble.ABSENT])
@pytest.mark.parametrize("acted", [False, True])
def test_a_lease_that_cant_be_had_is_an_error(trouble: Trouble, acted: bool) -> None:
    with pytest.raises(CloudError), _hold(_Failing(trouble, acted=acted)):
        raise AssertionError


def test_containers_and_machines_are_told_apart() -> None:
    script = "from flashc_backends.deploy.lease_state import this_system; print(this_system())"
    found = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == this_system()

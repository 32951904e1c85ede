"""Each request of a deployment fails in each way, and the deployment is killed at each step: nothing is lost or doubled.

The platform is the real local one, behind a proxy.  A worker's answer is the release that it runs.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flashc.api.deploying import DeployResult
from flashc_backends.cloud.model import Endpoint, Kind, Settings
from tests.support.deploy_runs import Built, run, start
from tests.support.deploy_stage import (
    FIRST,
    SECOND,
    DeployStage,
    Load,
    built,
    deploy_stage,
)
from tests.support.faulty_proxy import AFTER, BEFORE, Fault, Place
from tests.support.profiles import examples

_READS = 1  # of the reads with one name, the first ones
_PASSING = frozenset((*BEFORE, *AFTER)) - {"410"}
_STAYING = ("500", "drop", "410")


class Scene:
    """Two versions of an app that replace each other, and an endpoint that belongs to neither."""

    def __init__(self, stage: DeployStage, first: Built, second: Built) -> None:
        self.stage = stage
        self._apps = [(first, ("new",)), (second, ("gone",))]
        assert not run(stage.folder, first).has_errors
        found = stage.cloud.app("app")
        assert found is not None
        [self.environment] = found.environments
        self.clf = self._named("clf").id
        kept = Settings(kind=Kind.QUEUE, image="other", disk_gb=5, instances=("cpu3c-1-2",))
        self._kept = stage.cloud.create_endpoint(self.environment.id, "kept", kept).id

    def _named(self, name: str) -> Endpoint:
        [found] = [e for e in self.stage.endpoints() if e.name == name]
        return found

    def turn(self) -> tuple[Built, tuple[str, ...]]:
        """Return the version to deploy next, and the endpoints to delete."""
        self._apps.reverse()
        return self._apps[0]

    def places(self) -> list[Place]:
        """Deploy both versions, and return the requests that both deployments send."""
        found: set[Place] = set()
        for _ in range(2):
            self.stage.proxy.begin()
            app, prune = self.turn()
            self.check(run(self.stage.folder, app, *prune))
            found |= {p for p in self.stage.proxy.places if p.index < _READS or not p.only_reads}
        return sorted(found)

    def check(self, result: DeployResult) -> None:
        """Check that a deployment has succeeded, and that the platform has exactly what it should."""
        assert not result.has_errors, _messages(result)
        stage, (app, _) = self.stage, self._apps[0]
        names = [endpoint.name for endpoint in stage.endpoints()]
        assert sorted(names) == sorted({*app.candidate().manifest.resources, "kept"})
        assert self._named("clf").id == self.clf
        assert self._named("kept").id == self._kept
        [found] = stage.cloud.apps()
        [environment] = found.environments
        assert environment.id == self.environment.id
        assert stage.cloud.manifest(environment.build)["artifact_digest"] == app.digest
        [volume] = stage.cloud.volumes()
        assert volume.name == "data"
        secrets = [secret.name for secret in stage.cloud.secrets()]
        assert len(set(secrets)) == len(secrets)
        assert not [name for name in secrets if name.startswith("flash_lease_")]

    def repeat(self, load: Load) -> None:
        """Type the same command again, and check everything; then a further run does nothing."""
        stage, (app, prune) = self.stage, self._apps[0]
        stage.wait(stage.proxy.settle())
        stage.proxy.begin()
        self.check(run(stage.folder, app, *prune))
        load.await_output(app.digest)
        stage.proxy.begin()
        again = run(stage.folder, app)
        assert again.plan is not None
        assert again.plan.is_empty, again.plan
        assert all(place.only_reads for place in stage.proxy.places)

    def check_load(self, load: Load) -> None:
        """Check that no request failed."""
        digests = {app.digest for app, _ in self._apps}
        assert set(load.outputs) <= digests

    def state(self) -> tuple[str, tuple[Endpoint, ...]]:
        """Return the build that runs, and the endpoints."""
        found = self.stage.cloud.app("app")
        assert found is not None
        return found.environments[0].build, self.stage.endpoints()


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> tuple[Built, Built]:
    folder = tmp_path_factory.mktemp("apps")
    return built(folder / "first", FIRST), built(folder / "second", SECOND)


@pytest.fixture
def scene(tmp_path: Path, apps: tuple[Built, Built]) -> Iterator[Scene]:
    with deploy_stage(tmp_path) as stage:
        yield Scene(stage, *apps)


def _faults(places: list[Place]) -> list[Fault]:
    """Every fault that can happen to every request; a request that only reads does not act."""
    found = [
        Fault(kind, place)
        for place in places
        for kind in (*BEFORE, "truncated", *(() if place.only_reads else AFTER))
    ]
    return found + [Fault(kind, place, stays=True) for place in places for kind in _STAYING]


def _some(faults: list[Fault], number: int) -> list[Fault]:
    """Return a number of faults, among them one for every request."""
    random.shuffle(faults)
    first = {fault.at: fault for fault in faults}
    others = [fault for fault in faults if first[fault.at] is not fault]
    return [*first.values(), *others][: max(number, len(first))]


def test_each_request_of_a_deployment_fails(scene: Scene) -> None:
    """The deployment succeeds, or the next one does; the endpoint serves all the time."""
    stage = scene.stage
    with Load(stage, scene.clf) as load:
        for fault in _some(_faults(scene.places()), examples(50)):
            app, prune = scene.turn()
            stage.proxy.begin(fault)
            result = run(stage.folder, app, *prune)
            with _named(fault):
                if fault.kind in _PASSING and not fault.stays:
                    assert not result.has_errors, _messages(result)
                scene.repeat(load)
                scene.check_load(load)


def test_a_deployment_is_killed_at_each_step(scene: Scene) -> None:
    stage = scene.stage
    places = [place for place in scene.places() if not place.only_reads]
    # What is killed before a request is killed after the one before it.
    moments = [(places[0], False), *((place, True) for place in places)]
    random.shuffle(moments)
    with Load(stage, scene.clf) as load:
        for place, acted in moments:
            app, prune = scene.turn()
            stage.proxy.begin()
            code = _killed(stage, app, prune, place, acted, signal.SIGKILL)
            with _named(f"killed at {place}, which has {'' if acted else 'not '}acted"):
                assert code in (0, -signal.SIGKILL)
                scene.repeat(load)
                scene.check_load(load)


def test_an_interrupted_deployment_restores_what_ran(scene: Scene) -> None:
    stage = scene.stage
    places = [place for place in scene.places() if not place.only_reads]
    random.shuffle(places)
    with Load(stage, scene.clf) as load:
        for place in places:
            before = scene.state()
            app, prune = scene.turn()
            stage.proxy.begin()
            code = _killed(stage, app, prune, place, True, signal.SIGINT)
            with _named(f"interrupted at {place}"):
                serves = any(seen.name == "deleteEndpoint" for seen in stage.proxy.places)
                assert code == 130 or serves
                if code == 130 and not _is_served(stage.proxy.places, place):
                    assert scene.state() == before
                scene.repeat(load)
                scene.check_load(load)


def _is_served(places: list[Place], place: Place) -> bool:
    """Return whether the new release served when the request `place` was sent."""
    return place.name in ("deleteEndpoint", "secretDelete")


def _killed(
    stage: DeployStage,
    app: Built,
    prune: tuple[str, ...],
    place: Place,
    acted: bool,
    how: signal.Signals,
) -> int:
    """Deploy in another process, which gets a signal at a request; return its exit code."""
    ready = asyncio.Event()
    number: list[int] = []

    async def kill(seen: Place) -> None:
        if seen != place:
            return
        await ready.wait()
        os.kill(number[0], how)
        if how is signal.SIGKILL:
            raise ConnectionAbortedError

    if acted:
        stage.proxy.after = kill
    else:
        stage.proxy.before = kill
    process = start(stage.folder, app, *prune)
    assert process.pid is not None
    number.append(process.pid)
    stage.loop.call_soon_threadsafe(ready.set)
    process.join(30)
    assert process.exitcode is not None
    return process.exitcode


@contextmanager
def _named(what: object) -> Iterator[None]:
    """Name the fault in an assertion that fails."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"the fault: {what}")
        raise


def _messages(result: DeployResult) -> list[str]:
    return [str(diagnostic.message) for diagnostic in result.diagnostics]

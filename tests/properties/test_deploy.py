"""Laws of deployments, on a platform in memory: a plan that is executed gives what was wanted, whatever was there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Endpoint
from flashc_backends.cloud.port import Cloud
from flashc_backends.deploy.plan import Action, Plan
from flashc_backends.deploy.variables import ENVIRONMENT_ID
from flashc_backends.deploy.world import World
from tests.support.deployments import (
    TARGET,
    deploy,
    plan_of,
    seen,
    wanted_of,
    wishes_of,
    world_of,
)
from tests.support.memory_cloud import MemoryCloud
from tests.support.profiles import examples
from tests.support.wishes import NAMES, lines, wishes

_earlier = st.lists(wishes("workers=1-2"), max_size=2)
_stray = st.lists(st.sampled_from(NAMES + "ef").flatmap(lines), max_size=3)
_prune = st.sets(st.sampled_from(NAMES + "ef"))


def _prepared(earlier: list[str], strays: list[str], artifact: Path) -> MemoryCloud:
    """A platform after earlier deployments, with further endpoints that something else has made."""
    cloud = MemoryCloud()
    for wish in earlier:
        deploy(cloud, wish, artifact)
    app = cloud.app(TARGET.app)
    environment = app.environment(TARGET.environment) if app is not None else None
    if environment is not None:
        for line in strays:
            text = f"nothing runs\n{line.replace('volume=', 'w=')}"
            [stray] = world_of(text).endpoints
            cloud.create_endpoint(environment.id, stray.name, stray.settings)
    cloud.done.clear()
    return cloud


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("deploy") / "artifact.tar.gz"
    path.write_bytes(b"artifact")
    return path


@settings(max_examples=examples(150))
@given(earlier=_earlier, strays=_stray, wish=wishes("workers=1-2"), prune=_prune)
def test_a_deployment_gives_what_is_wanted(
    artifact: Path, earlier: list[str], strays: list[str], wish: str, prune: set[str]
) -> None:
    cloud = _prepared(earlier, strays, artifact)
    before = seen(cloud)
    plan, deployed = deploy(cloud, wish, artifact, *prune)
    assert not deployed.failed
    after = seen(cloud)
    _check_wanted(after, wish)
    _check_survivors(before, after, wish, prune)
    _check_order(cloud.done, plan)
    assert plan_of(after, wish, *prune).is_empty


@settings(max_examples=examples(200))
@given(
    earlier=_earlier,
    strays=_stray,
    wish=wishes("workers=1-2"),
    prune=_prune,
    step=st.integers(0, 40),
    acted=st.booleans(),
)
def test_after_a_deployment_that_was_killed_the_next_one_gives_what_is_wanted(
    artifact: Path,
    earlier: list[str],
    strays: list[str],
    wish: str,
    prune: set[str],
    step: int,
    acted: bool,
) -> None:
    cloud = _prepared(earlier, strays, artifact)
    before = seen(cloud)

    def fail(number: int, _name: str, call: Callable[[], Any]) -> Any:
        if number < step:
            return call()
        if number == step and acted:
            call()
        raise _Killed

    try:
        deploy(_failing(cloud, fail), wish, artifact, *prune)
    except _Killed:
        deploy(cloud, wish, artifact, *prune)
    after = seen(cloud)
    _check_wanted(after, wish)
    _check_survivors(before, after, wish, prune)
    assert plan_of(after, wish, *prune).is_empty
    assert not _doubles(after, before, wish)


@settings(max_examples=examples(200))
@given(
    earlier=_earlier,
    strays=_stray,
    wish=wishes("workers=1-2"),
    step=st.integers(0, 40),
    acted=st.booleans(),
    trouble=st.sampled_from([Trouble.KEY, Trouble.RETIRED, Trouble.REFUSED, Trouble.SILENT]),
)
def test_a_deployment_that_fails_restores_what_ran(
    artifact: Path,
    earlier: list[str],
    strays: list[str],
    wish: str,
    step: int,
    acted: bool,
    trouble: Trouble,
) -> None:
    cloud = _prepared(earlier, strays, artifact)
    before = seen(cloud)

    failed: list[str] = []

    def fail(number: int, name: str, call: Callable[[], Any]) -> Any:
        if number != step:
            return call()
        failed.append(name)
        if acted:
            call()
        raise CloudError(trouble, "a fault", may_have_acted=acted)

    try:
        deploy(_failing(cloud, fail), wish, artifact)
    except CloudError:
        after = seen(cloud)
        if failed == ["delete_endpoint"]:  # then the new release serves already
            _check_wanted(after, wish)
        else:
            _check_restored(before, after)
    deploy(cloud, wish, artifact)
    after = seen(cloud)
    _check_wanted(after, wish)
    _check_survivors(before, after, wish, set())
    assert not _doubles(after, before, wish)


class _Killed(BaseException):
    """The process is killed: nothing that it calls afterwards has an effect."""


_Through = Callable[[int, str, Callable[[], Any]], Any]


class _Failing:
    """A platform whose changes go through a function, with their numbers and names."""

    def __init__(self, cloud: Cloud, through: _Through) -> None:
        self._cloud = cloud
        self._through = through
        self._number = -1

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._cloud, name)
        is_change = name.split("_")[0] in (
            "create",
            "change",
            "delete",
            "set",
            "activate",
            "upload",
        )
        if not is_change:
            return operation

        def call(*given: Any) -> Any:
            self._number += 1
            return self._through(self._number, name, lambda: operation(*given))

        return call


def _failing(cloud: MemoryCloud, through: _Through) -> Cloud:
    return cast(Cloud, _Failing(cloud, through))


def _check_wanted(after: World, wish: str) -> None:
    """Each endpoint that is wanted exists, with the settings that are wanted."""
    assert after.environment is not None
    _, wanted, _ = wanted_of(wish)
    for item in wanted:
        variables = {
            name: after.environment.id if value == ENVIRONMENT_ID else value
            for name, value in item.settings.environment.items()
        }
        expected = structs.replace(item.settings, environment=variables)
        assert expected in [e.settings for e in after.endpoints if e.name == item.name]
    volumes = {(volume.name, volume.data_center) for volume in after.volumes}
    assert {(wish.name, wish.data_center) for wish in wishes_of(wanted)} <= volumes
    assert len(volumes) == len(after.volumes)


def _check_survivors(before: World, after: World, wish: str, prune: set[str]) -> None:
    """What the project does not declare, and nobody has named, is there as it was."""
    declared = {item.name for item in wanted_of(wish)[1]}
    ids = {endpoint.id: endpoint for endpoint in after.endpoints}
    for endpoint in before.endpoints:
        if endpoint.name not in declared:
            assert (endpoint.id in ids) == (endpoint.name not in prune)
            assert endpoint.name in prune or _told(ids[endpoint.id]) == _told(endpoint)


def _told(endpoint: Endpoint) -> Endpoint:
    """An endpoint without what only the manifest of the running build tells."""
    return structs.replace(endpoint, settings=structs.replace(endpoint.settings, registry=""))


def _check_restored(before: World, after: World) -> None:
    """The endpoints that there were are as they were, and run the build that they ran."""
    if before.environment is None or not before.environment.build:
        return
    assert after.environment is not None
    assert after.environment.build == before.environment.build
    ids = {endpoint.id: endpoint for endpoint in after.endpoints}
    for endpoint in before.endpoints:
        assert ids[endpoint.id] == endpoint


def _doubles(after: World, before: World, wish: str) -> list[str]:
    """The names of endpoints that there are twice, and were not twice before."""
    declared = {item.name for item in wanted_of(wish)[1]}

    def count(world: World, name: str) -> int:
        return sum(endpoint.name == name for endpoint in world.endpoints)

    return [n for n in declared if count(after, n) > max(1, count(before, n))]


def _check_order(done: list[str], plan: Plan) -> None:
    """New endpoints, then the build, then changes with callees first, then deletions."""
    changed = [what.split()[1] for what in done if what.startswith("change ")]
    calls = {step.name: step.calls for step in plan.steps if step.settings is not None}

    def leads(start: str, end: str) -> bool:
        seen, waiting = set[str](), [start]
        while waiting:
            for called in calls.get(waiting.pop(), ()):
                if called not in seen:
                    seen.add(called)
                    waiting.append(called)
        return end in seen

    for position, caller in enumerate(changed):
        for callee in changed[position + 1 :]:
            assert not leads(caller, callee) or leads(callee, caller)
    stages = ["create", "activate", "change", "delete"]
    order = [stages.index(what.split()[0]) for what in done]
    assert order == sorted(order)
    created = {step.name for step in plan.steps if step.action is Action.CREATE}
    assert created <= {what.removeprefix("create ") for what in done}

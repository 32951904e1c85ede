"""The platform in memory, on which the laws of deployments are tested, answers as the real local platform does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from flashc_backends.cloud.errors import CloudError
from flashc_backends.cloud.model import Endpoint, Kind, Settings
from flashc_backends.cloud.port import Cloud
from flashc_backends.deploy.world import World
from tests.support.deploy_stage import DeployStage, deploy_stage
from tests.support.deployments import deploy, instructions, plan_of, seen
from tests.support.memory_cloud import MemoryCloud
from tests.support.platform_stage import archive
from tests.support.profiles import examples
from tests.support.wishes import wishes

_ENVIRONMENT = re.compile(r"\benv\w+")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployStage]:
    with deploy_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive(tmp_path_factory.mktemp("artifact"))


def _seen(world: World) -> Any:
    """A world without ids and times."""
    assert world.app is not None
    assert world.environment is not None
    own = world.environment.id
    return (
        [
            (e.name, _without(e.settings.environment, own), _plain(e.settings))
            for e in world.endpoints
        ],
        sorted((v.name, v.size, v.data_center) for v in world.volumes),
        sorted(secret.name for secret in world.secrets or ()),
        len(world.app.builds),
        bool(world.environment.build),
        world.manifest.get("artifact_digest"),
        sorted(world.manifest.get("resources_endpoints", {})),
    )


def _plain(given: Settings) -> Settings:
    return structs.replace(given, environment={})


def _without(variables: dict[str, str], own: str) -> dict[str, str]:
    return {name: "own" if value == own else value for name, value in variables.items()}


@settings(max_examples=examples(20))
@given(history=st.lists(wishes("workers=1-2"), min_size=1, max_size=4))
def test_the_same_deployments_give_the_same(
    stage: DeployStage, artifact: Path, history: list[str]
) -> None:
    stage.empty()
    memory = MemoryCloud()
    clouds: tuple[Cloud, ...] = (memory, stage.cloud)
    for wish in history:
        plans = [deploy(cloud, wish, artifact, "b")[0] for cloud in clouds]
        first, second = (instructions(_named(plan)) for plan in plans)
        assert re.sub(_ENVIRONMENT, "own", first) == re.sub(_ENVIRONMENT, "own", second)
        worlds = [seen(memory), seen(stage.cloud)]
        assert _seen(worlds[0]) == _seen(worlds[1])
        assert all(plan_of(world, wish, "b").is_empty for world in worlds)


def _named(plan: Any) -> Any:
    """A plan without the ids of endpoints."""
    return structs.replace(plan, steps=tuple(structs.replace(s, id=s.name) for s in plan.steps))


_PLAIN = Settings(kind=Kind.QUEUE, image="i", disk_gb=5, instances=("cpu3c-1-2",), workers_max=0)


def _wrong(cloud: Cloud) -> dict[str, Callable[[], Any]]:
    """What a platform refuses, or does without complaint."""
    app = cloud.create_app("one")
    environment = cloud.create_environment(app.id, "here")
    cloud.create_secret("s", "v", "d")
    made = cloud.create_endpoint(environment.id, "e", _PLAIN)
    missing = Endpoint(id="none", name="none", settings=_PLAIN)
    return {
        "an app with a name that is taken": lambda: cloud.create_app("one"),
        "an app without a name": lambda: cloud.create_app(" "),
        "an environment with a name that is taken": lambda: cloud.create_environment(
            app.id, "here"
        ),
        "an environment of no app": lambda: cloud.create_environment("none", "x"),
        "a secret with a name that is taken": lambda: cloud.create_secret("s", "w", "d"),
        "an endpoint of no environment": lambda: cloud.create_endpoint("none", "x", _PLAIN),
        "a second endpoint with a name": lambda: cloud.create_endpoint(environment.id, "e", _PLAIN),
        "a second volume with a name": lambda: [
            cloud.create_volume("v", 10, "EU-RO-1") for _ in range(2)
        ],
        "a change of no endpoint": lambda: cloud.change_endpoint(
            environment.id, missing, structs.replace(_PLAIN, idle_timeout=9)
        ),
        "a build of nothing that was uploaded": lambda: cloud.create_build(app.id, "none", {}),
        "the manifest of no build": lambda: cloud.manifest("none"),
        "a manifest for no build": lambda: cloud.set_manifest("none", {}),
        "no build for an environment": lambda: cloud.activate(environment.id, "none"),
        "endpoints of no environment": lambda: cloud.endpoints("none"),
        "deleting no endpoint": lambda: cloud.delete_endpoint("none"),
        "deleting no secret": lambda: cloud.delete_secret("none"),
        "deleting no app": lambda: cloud.delete_app("none"),
        "deleting no environment": lambda: cloud.delete_environment("none"),
        "no app": lambda: cloud.app("none"),
        "deleting an endpoint twice": lambda: _twice(partial(cloud.delete_endpoint, made.id)),
        "the workers of an endpoint that is gone": lambda: cloud.workers(made.id),
        "the rollout of an endpoint that is gone": lambda: cloud.rollout(made.id),
    }


def _twice(action: Callable[[], None]) -> None:
    action()
    action()


def _outcome(action: Callable[[], Any]) -> str:
    try:
        return type(action()).__name__
    except CloudError as error:
        return error.trouble


def test_the_same_mistakes_give_the_same_answers(stage: DeployStage) -> None:
    stage.empty()
    memory, real = _wrong(MemoryCloud()), _wrong(stage.cloud)
    found = {what: (_outcome(memory[what]), _outcome(real[what])) for what in memory}
    assert {what: pair for what, pair in found.items() if pair[0] != pair[1]} == {}

"""Find what earlier deployments have left on a platform and nothing uses any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import structs

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import App, Manifest, VolumeName
from flashc_backends.cloud.port import Cloud

from .plan import Action, Code, Plan
from .removal import Thing
from .variables import secret_prefix, secrets_in, secrets_named
from .world import World

KEPT_BUILDS = 10
"""So many builds of an environment can be rolled back to: their secrets stay."""
_PARALLEL = 8  # requests at once
_MOST_READ = 100  # builds whose manifests are read


def add_cleaning(
    cloud: Cloud,
    plan: Plan,
    world: World,
    manifest: Mapping[str, Any],
    *,
    kept: int = KEPT_BUILDS,
) -> Plan:
    """Return a plan that also removes what nothing uses after it, and names the volumes that it leaves.

    Only secrets are removed whose names say that flashc has made them for values of the plan's
    environment.  If the platform does not tell what uses a secret, all stay.

    Args:
        cloud: the platform.
        plan: the plan, without that.
        world: what the plan was made from.
        manifest: the manifest of the build that is to run.
        kept: the number of builds whose secrets stay.
    """
    return structs.replace(
        plan,
        cleans=_unused_secrets(cloud, plan, world, manifest, kept),
        left_volumes=tuple(sorted(_volumes_before(world) - _volumes_after(plan, world))),
    )


def was_deployed(manifest: Manifest, environment: str) -> bool:
    """Return whether a build was deployed to an environment wholly; its manifest then has the URLs.

    `flash` does not write which environment it was.
    """
    here = manifest.get("environment") in (None, environment)
    return here and "resources_endpoints" in manifest


def _unused_secrets(
    cloud: Cloud, plan: Plan, world: World, manifest: Mapping[str, Any], kept: int
) -> tuple[Thing, ...]:
    prefix = secret_prefix(plan.target)
    used = {*_used_by_endpoints(plan, world), *secrets_named(manifest)}
    unused = [
        secret
        for secret in world.secrets or ()
        if secret.name.startswith(prefix) and secret.name not in used
    ]
    if not unused:
        return ()
    if world.app is not None:
        try:
            for document in _kept_manifests(cloud, plan, world.app, kept):
                used |= set(secrets_named(document))
        except CloudError:  # what could not be read must not be taken for unused
            return ()
    return tuple(
        Thing(kind="secret", name=secret.name, id=secret.id)
        for secret in sorted(unused, key=lambda secret: secret.name)
        if secret.name not in used
    )


def _used_by_endpoints(plan: Plan, world: World) -> Iterator[str]:
    """Yield the secrets that the endpoints of the environment use after the plan."""
    stay = {step.id for step in plan.steps if step.action is Action.LEAVE}
    for step in plan.steps:
        if step.settings is not None:
            yield from secrets_in(step.settings.environment)
    for endpoint in world.endpoints:
        if endpoint.id in stay:
            yield from secrets_in(endpoint.settings.environment)


def _volumes_before(world: World) -> set[VolumeName]:
    return {volume for endpoint in world.endpoints for volume in endpoint.settings.volumes}


def _volumes_after(plan: Plan, world: World) -> set[VolumeName]:
    stay = {step.id for step in plan.steps if step.action is Action.LEAVE}
    settings = [step.settings for step in plan.steps if step.settings is not None]
    settings += [endpoint.settings for endpoint in world.endpoints if endpoint.id in stay]
    return {volume for each in settings for volume in each.volumes}


def _kept_manifests(cloud: Cloud, plan: Plan, app: App, kept: int) -> Iterator[Manifest]:
    """Yield the manifests of the builds that run somewhere, and of those that can be rolled back to.

    Raises:
        CloudError: the platform does not tell a manifest, or there are too many builds to look at.
    """
    running = {environment.build for environment in app.environments if environment.build}
    yield from _read(cloud, sorted(running)).values()
    wanted = kept - (plan.code is not Code.UNCHANGED and bool(plan.artifact))
    ids = [build.id for build in app.builds]
    for start in range(0, len(ids), _PARALLEL):
        if wanted <= 0:
            return
        if start >= _MOST_READ:
            raise CloudError(Trouble.BUSY, "the app has too many builds of other environments")
        for document in _read(cloud, ids[start : start + _PARALLEL]).values():
            if wanted > 0 and was_deployed(document, plan.target.environment):
                wanted -= 1
                yield document


def _read(cloud: Cloud, builds: list[str]) -> dict[str, Manifest]:
    """Return the manifests of builds, in their order; a build that is just deleted has none."""

    def read(build: str) -> Manifest:
        try:
            return cloud.manifest(build)
        except CloudError as error:
            if error.trouble is Trouble.MISSING:
                return {}
            raise

    with ThreadPoolExecutor(_PARALLEL) as pool:
        return dict(zip(builds, pool.map(read, builds), strict=True))

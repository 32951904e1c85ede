"""Read what a platform has of an app: the state that a plan starts from."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, structs

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import App, Endpoint, Environment, Manifest, Secret, Volume
from flashc_backends.cloud.port import Cloud
from flashc_backends.contracts.differences import resource_of

from .variables import Target


class World(Struct, frozen=True, kw_only=True):
    """What a platform has; None and () for what does not exist.

    `manifest` is that of the build that the environment runs.  `secrets` is None if the platform
    has no secrets.
    """

    app: App | None = None
    environment: Environment | None = None
    manifest: Manifest = {}
    endpoints: tuple[Endpoint, ...] = ()
    volumes: tuple[Volume, ...] = ()
    secrets: tuple[Secret, ...] | None = ()


def read_world(cloud: Cloud, target: Target, app: App | None, *, volumes: bool) -> World:
    """Return what the platform has of an app and its environment, with the account's secrets.

    `app` is the app as the platform has just told it.  `volumes`: read the account's network
    volumes too.

    Raises:
        CloudError: the platform can't be asked.
    """
    environment = app.environment(target.environment) if app is not None else None
    if app is None or environment is None:
        return World(
            app=app,
            volumes=cloud.volumes() if volumes else (),
            secrets=secrets_of(cloud),
        )
    manifest = cloud.manifest(environment.build) if environment.build else {}
    return World(
        app=app,
        environment=environment,
        manifest=manifest,
        endpoints=tuple(_complete(e, manifest) for e in cloud.endpoints(environment.id)),
        volumes=cloud.volumes() if volumes else (),
        secrets=secrets_of(cloud),
    )


def secrets_of(cloud: Cloud) -> tuple[Secret, ...] | None:
    """Return the secrets of the account; None if the platform has no secrets.

    A platform that only fails to tell them has secrets: without them, values would be readable.
    """
    try:
        return cloud.secrets()
    except CloudError as error:
        if error.trouble is Trouble.ABSENT:
            return None
        raise


def _complete(endpoint: Endpoint, manifest: Manifest) -> Endpoint:
    """Return an endpoint with the settings that the API does not tell, from the manifest.

    The manifest of another tool says what the program wanted, not what the tool did.
    """
    if "artifact_digest" not in manifest:
        return endpoint
    template = resource_of(manifest, endpoint.name).get("template")
    registry = template.get("containerRegistryAuthId") if isinstance(template, Mapping) else None
    if not isinstance(registry, str):
        return endpoint
    return structs.replace(endpoint, settings=structs.replace(endpoint.settings, registry=registry))

"""Answer the queries and mutations of the GraphQL schema, from the records of the platform."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

from flashc_backends.platform.control import Control
from flashc_backends.platform.fields import Invalid, NotFound, get
from flashc_backends.platform.records import App, Build, Endpoint, Environment, Secret, Template

from .formats import timestamp

_LOGIN_SECONDS = 600.0
_URL_SECONDS = 3600.0  # until the `expiresAt` of a URL for an artifact
# fields that the API returns as they were given
_OTHER_FIELDS = (
    "workersStandby workersPFBTarget flashBootType gpuIds gpuCount allowedCudaVersions minCudaVersion"
    " instanceIds locations networkVolumeId"
).split()
_TEMPLATE_FIELDS = ("dockerArgs", "readme")


class Logins:
    """The login requests, by which tools get the API key; a user who has the key approves a request."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._requests: dict[str, tuple[float, bool]] = {}

    def create(self) -> dict[str, Any]:
        """Create a login request and return its state; forget those that expired over ten minutes ago."""
        now = time.time()
        self._requests = {
            name: entry for name, entry in self._requests.items() if entry[0] > now - _LOGIN_SECONDS
        }
        name = secrets.token_urlsafe(16)
        self._requests[name] = (now + _LOGIN_SECONDS, False)
        return self.view(name)

    def approve(self, name: str) -> bool:
        """Approve a login request; return False if there is no such request, or if it has expired."""
        expires, _ = self._requests.get(name, (0.0, False))
        if expires < time.time():
            return False
        self._requests[name] = (expires, True)
        return True

    def view(self, name: str) -> dict[str, Any]:
        """Return the state of a login request, with the API key if the request is approved.

        Raises:
            NotFound: there is no such request.
        """
        if name not in self._requests:
            raise NotFound("login request not found")
        expires, approved = self._requests[name]
        status = "APPROVED" if approved else "EXPIRED" if expires < time.time() else "PENDING"
        key = {"apiKey": self._key} if approved else {}
        return {"id": name, "status": status, "expiresAt": timestamp(expires), **key}


class Root:
    """The fields of `Query` and `Mutation`; their names are those of the schema.

    The methods under 'Views' are helpers.

    `info.context` is the URL at which the client reaches the platform.
    """

    def __init__(self, control: Control, logins: Logins) -> None:
        self._control = control
        self._logins = logins

    # Queries -------------------------------------------------------------------------------------

    def flashAppByName(self, _info: Any, flashAppName: str) -> dict[str, Any]:
        """Return the app with this name."""
        return self._app(self._control.app_named(flashAppName))

    def flashApp(self, _info: Any, flashAppId: str) -> dict[str, Any]:
        """Return the app with this id."""
        return self._app(get(self._control.apps, flashAppId, "app"))

    def flashEnvironmentByName(self, info: Any, input: dict[str, str]) -> dict[str, Any] | None:
        """Return the environment with this name; None if there is none."""
        for environment in self._control.environments_of(input["flashAppId"]):
            if environment.name == input["name"]:
                return self._environment(environment, info.context)
        return None

    def flashEnvironment(self, info: Any, flashEnvironmentId: str) -> dict[str, Any]:
        """Return the environment with this id."""
        found = get(self._control.environments, flashEnvironmentId, "environment")
        return self._environment(found, info.context)

    def flashBuild(self, _info: Any, flashBuildId: str) -> dict[str, Any]:
        """Return the build with this id."""
        return _build(get(self._control.builds, flashBuildId, "build"))

    def myself(self, _info: Any) -> _User:
        """Return the only user of this platform."""
        return _User(self)

    def podTemplate(self, _info: Any, id: str) -> dict[str, Any] | None:
        """Return the template with this id; None if there is none."""
        found = self._control.templates.get(id)
        return None if found is None else _template(found)

    def gpuTypes(self, _info: Any, input: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the GPU types that the client names; each is in stock unless the limits of this platform exclude it."""
        given = input or {}
        names = given.get("ids") or [given.get("id") or "any"]
        return [{"id": name, "lowestPrice": self._stock(name)} for name in names]

    def cpuFlavors(self, _info: Any, input: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the CPU flavor that the client names; it is in stock unless the limits of this platform exclude it."""
        name = (input or {}).get("id") or "any"
        return [{"id": name, "specifics": self._stock(name)}]

    def flashAuthRequestStatus(self, _info: Any, flashAuthRequestId: str) -> dict[str, Any]:
        """Return the state of a login request."""
        return self._logins.view(flashAuthRequestId)

    # Mutations -----------------------------------------------------------------------------------

    async def createFlashApp(self, _info: Any, input: dict[str, str]) -> dict[str, Any]:
        """Create an app."""
        return self._app(await self._control.create_app(input["name"]))

    async def deleteFlashApp(self, _info: Any, flashAppId: str) -> bool:
        """Delete an app with its environments."""
        await self._control.delete_app(flashAppId)
        return True

    async def createFlashEnvironment(self, info: Any, input: dict[str, str]) -> dict[str, Any]:
        """Create an environment."""
        created = await self._control.create_environment(input["flashAppId"], input["name"])
        return self._environment(created, info.context)

    async def deleteFlashEnvironment(self, _info: Any, flashEnvironmentId: str) -> bool:
        """Delete an environment with its endpoints."""
        await self._control.delete_environment(flashEnvironmentId)
        return True

    def prepareFlashArtifactUpload(self, info: Any, input: dict[str, Any]) -> dict[str, Any]:
        """Return the URL and the object key for the upload of an artifact."""
        get(self._control.apps, input["flashAppId"], "app")
        key = self._control.artifacts.new_key()
        return {
            "uploadUrl": f"{info.context}/artifacts/{key}",
            "objectKey": key,
            "expiresAt": timestamp(time.time() + _URL_SECONDS),
        }

    async def finalizeFlashArtifactUpload(
        self, _info: Any, input: dict[str, Any]
    ) -> dict[str, Any]:
        """Create a build from an uploaded artifact."""
        manifest = _manifest_object(input["manifest"])
        return _build(
            await self._control.add_build(input["flashAppId"], input["objectKey"], manifest)
        )

    async def updateFlashBuildManifest(self, _info: Any, input: dict[str, Any]) -> dict[str, Any]:
        """Replace the manifest of a build."""
        manifest = _manifest_object(input["manifest"])
        return _build(await self._control.set_manifest(input["flashBuildId"], manifest))

    async def deployBuildToEnvironment(self, info: Any, input: dict[str, str]) -> dict[str, Any]:
        """Deploy a build to an environment."""
        environment = await self._control.deploy(input["flashEnvironmentId"], input["flashBuildId"])
        return self._environment(environment, info.context)

    async def saveEndpoint(self, _info: Any, input: dict[str, Any]) -> dict[str, Any]:
        """Create or change an endpoint."""
        return self.endpoint_view(await self._control.save_endpoint(input))

    async def deleteEndpoint(self, _info: Any, id: str) -> bool:
        """Delete an endpoint."""
        await self._control.delete_endpoint(id)
        return True

    async def saveTemplate(self, _info: Any, input: dict[str, Any] | None = None) -> dict[str, Any]:
        """Create or change a template."""
        return _template(await self._control.save_template(input or {}))

    def createFlashAuthRequest(self, _info: Any) -> dict[str, Any]:
        """Create a login request."""
        return self._logins.create()

    async def secretCreate(self, _info: Any, input: dict[str, str]) -> dict[str, Any]:
        """Create a secret."""
        description = input.get("description") or ""
        return _secret(
            await self._control.account.create_secret(input["name"], input["value"], description)
        )

    async def secretDelete(self, _info: Any, id: str) -> bool:
        """Delete a secret."""
        await self._control.account.delete_secret(id)
        return True

    def deployCpuPod(self, _info: Any, input: Any = None) -> None:
        """Refuse: there are no pods here."""
        raise Invalid("the local platform has no pods")

    def podFindAndDeployOnDemand(self, _info: Any, input: Any = None) -> None:
        """Refuse: there are no pods here."""
        raise Invalid("the local platform has no pods")

    # Views ---------------------------------------------------------------------------------------

    def app_views(self) -> list[dict[str, Any]]:
        """Return all apps as the API shows them."""
        return [self._app(app) for app in self._control.apps.values()]

    def endpoint_views(self) -> list[dict[str, Any]]:
        """Return all endpoints as the API shows them."""
        return [self.endpoint_view(found) for found in self._control.endpoints.values()]

    def secret_views(self) -> list[dict[str, Any]]:
        """Return all secrets as the API shows them, without their values."""
        return [_secret(secret) for secret in self._control.account.secrets.values()]

    def _stock(self, device: str) -> Callable[..., dict[str, Any]]:
        """Return a resolver that tells whether a device is in stock in the data center that the client names."""

        def resolve(_info: Any, input: dict[str, Any] | None = None) -> dict[str, Any]:
            center = (input or {}).get("dataCenterId") or ""
            absent = self._control.limits.lacks(device, center)
            return {"stockStatus": None if absent else "High"}

        return resolve

    def _app(self, app: App) -> dict[str, Any]:
        """Return an app as the API shows it, with its environments and builds."""
        return {
            "id": app.id,
            "name": app.name,
            "createdAt": timestamp(app.created),
            "flashEnvironments": [
                self._environment(found, "") for found in self._control.environments_of(app.id)
            ],
            "flashBuilds": [_build(build) for build in self._control.builds_of(app.id)],
        }

    def _environment(self, environment: Environment, base: str) -> dict[str, Any]:
        """Return an environment as the API shows it; `base` is the URL for downloads."""
        endpoints = self._control.endpoints_of(environment.id)
        volumes = {name for endpoint in endpoints for name in endpoint.volumes}
        known = [found for found in self._control.account.volumes.values() if found.id in volumes]
        return {
            "id": environment.id,
            "name": environment.name,
            "state": environment.state,
            "activeBuildId": environment.build,
            "createdAt": timestamp(environment.created),
            "endpoints": [self.endpoint_view(endpoint) for endpoint in endpoints],
            "networkVolumes": [{"id": found.id, "name": found.name} for found in known],
            "activeArtifact": self._artifact(environment, base),
        }

    def _artifact(self, environment: Environment, base: str) -> dict[str, Any] | None:
        """Return how a client downloads the artifact that an environment runs; None if it runs none."""
        build = self._control.builds.get(environment.build or "")
        if build is None:
            return None
        return {
            "objectKey": build.artifact,
            "downloadUrl": f"{base}/artifacts/{build.artifact}",
            "expiresAt": timestamp(time.time() + _URL_SECONDS),
        }

    def endpoint_view(self, endpoint: Endpoint) -> dict[str, Any]:
        """Return an endpoint as the API shows it."""
        environment = self._control.environments.get(endpoint.environment or "")
        volumes = [self._control.account.volumes.get(name) for name in endpoint.volumes]
        return {
            **{name: endpoint.rest.get(name) for name in _OTHER_FIELDS},
            "id": endpoint.id,
            "name": endpoint.name,
            "aiKey": endpoint.key,
            "type": "LB" if endpoint.load_balanced else "QB",
            "userId": "local",
            "version": endpoint.version,
            "flashEnvironmentId": endpoint.environment,
            "activeBuildid": environment.build if environment is not None else None,
            "templateId": endpoint.template,
            "workersMin": endpoint.limits.least,
            "workersMax": endpoint.limits.most,
            "idleTimeout": int(endpoint.limits.idle_timeout),
            "scalerType": endpoint.limits.scaler.value,
            "scalerValue": int(endpoint.limits.scaler_value),
            "executionTimeoutMs": int(endpoint.timeout * 1000),
            "networkVolumeIds": [
                {"networkVolumeId": volume.id, "dataCenterId": volume.data_center}
                for volume in volumes
                if volume is not None
            ],
        }


class _User:
    """The fields of `User`."""

    id = "local"

    def __init__(self, root: Root) -> None:
        self._root = root

    def flashApps(self, _info: Any) -> list[dict[str, Any]]:
        """Return all apps."""
        return self._root.app_views()

    def endpoint(self, _info: Any, id: str) -> dict[str, Any] | None:
        """Return the endpoint with this id; None if there is none."""
        return next((found for found in self._root.endpoint_views() if found["id"] == id), None)

    def endpoints(self, _info: Any) -> list[dict[str, Any]]:
        """Return all endpoints."""
        return self._root.endpoint_views()

    def secrets(self, _info: Any) -> list[dict[str, Any]]:
        """Return all secrets, without their values."""
        return self._root.secret_views()


def _build(build: Build) -> dict[str, Any]:
    """Return a build as the API shows it."""
    return {
        "id": build.id,
        "objectKey": build.artifact,
        "manifest": build.manifest,
        "createdAt": timestamp(build.created),
    }


def _template(template: Template) -> dict[str, Any]:
    """Return a template as the API shows it."""
    return {
        **{name: template.rest.get(name) for name in _TEMPLATE_FIELDS},
        "id": template.id,
        "name": template.name,
        "imageName": template.image,
        "containerDiskInGb": template.disk_gb,
        "env": [{"key": key, "value": value} for key, value in template.env.items()],
    }


def _secret(secret: Secret) -> dict[str, Any]:
    """Return a secret as the API shows it, without its value."""
    return {
        "id": secret.id,
        "name": secret.name,
        "description": secret.description,
        "createdAt": timestamp(secret.created),
    }


def _manifest_object(value: Any) -> dict[str, Any]:
    """Return `value` if it is a JSON object, as a manifest must be.

    Raises:
        Invalid: it is no JSON object.
    """
    if not isinstance(value, dict):
        raise Invalid("the manifest is not a JSON object")
    return value

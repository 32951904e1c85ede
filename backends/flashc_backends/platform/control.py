"""Create, change, deploy and delete apps, environments, builds, templates and endpoints.

The fields that clients send for endpoints and templates have the names of the GraphQL API.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from .account import Account
from .account_limits import AccountLimits, quota_problem
from .artifacts import Artifacts
from .core import Core
from .engines.base import WorkerSpec
from .fields import Invalid, NotFound, get, with_fields
from .fleet import Fleet
from .records import App, Build, Endpoint, Environment, Template
from .releases import Release, release_of, worker_spec
from .store import Store
from .tables import Table, new_id

_ROLL_DELAY = 0.3  # seconds; a tool changes an endpoint by several requests, and one rollout for all is enough


class Control:
    """The records of the management API.

    All are in memory.  A change is stored first; then the endpoints that the change concerns are rolled out.
    """

    def __init__(self, store: Store, core: Core, artifacts: Artifacts) -> None:
        self._core = core
        self.artifacts = artifacts
        self.fleet: Fleet | None = None
        self.base = ""  # the platform's URL as workers see it
        records = sorted(store.load_records(), key=lambda record: getattr(record, "created", 0.0))
        self.apps = Table(App, store, records, self._index_endpoints)
        self.environments = Table(Environment, store, records, self._index_endpoints)
        self.builds = Table(Build, store, records)
        self.templates = Table(Template, store, records)
        self.endpoints = Table(Endpoint, store, records, self._index_endpoints)
        self.account = Account(store, records)
        self._names: dict[tuple[str, str, str], str] = {}
        self._rolls: dict[str, asyncio.TimerHandle] = {}
        self.roll_delay = _ROLL_DELAY
        self._index_endpoints()

    @property
    def limits(self) -> AccountLimits:
        """The limits of the account."""
        return self._core.faults.limits

    def start(self) -> None:
        """Open the dispatchers of the stored endpoints, and roll the endpoints out."""
        for endpoint in self.endpoints.values():
            self._core.open(endpoint.id, endpoint.limits)
            self._roll(endpoint.id)

    # Apps, environments, builds ------------------------------------------------------------------

    def app_named(self, name: str) -> App:
        """Return the app that has this name.

        Raises:
            NotFound: no app has this name.
        """
        for app in self.apps.values():
            if app.name == name:
                return app
        raise NotFound("app not found")

    async def create_app(self, name: str) -> App:
        """Create an app.

        Raises:
            Invalid: the name is empty or taken.
        """
        if not name.strip():
            raise Invalid("an app needs a name")
        async with self.apps.lock:
            if any(app.name == name for app in self.apps.values()):
                raise Invalid(f"an app with the name {name!r} exists")
            return await self.apps.save(App(id=new_id("app"), name=name, created=time.time()))

    async def delete_app(self, app_id: str) -> None:
        """Delete an app, its builds and its environments, with the endpoints of these environments.

        Raises:
            NotFound: there is no such app.
        """
        app = get(self.apps, app_id, "app")
        for environment in self.environments_of(app_id):
            await self.delete_environment(environment.id)
        for build in self.builds_of(app_id):
            await self.builds.delete(build)
        await self.apps.delete(app)

    def environments_of(self, app_id: str) -> list[Environment]:
        """Return the environments of an app."""
        return [found for found in self.environments.values() if found.app == app_id]

    def builds_of(self, app_id: str) -> list[Build]:
        """Return the builds of an app, newest first."""
        builds = [build for build in self.builds.values() if build.app == app_id]
        return sorted(builds, key=lambda build: build.created, reverse=True)

    def endpoints_of(self, environment_id: str) -> list[Endpoint]:
        """Return the endpoints of an environment."""
        return [found for found in self.endpoints.values() if found.environment == environment_id]

    async def create_environment(self, app_id: str, name: str) -> Environment:
        """Create an environment of an app.

        Raises:
            NotFound: there is no such app.
            Invalid: the name is empty or taken.
        """
        get(self.apps, app_id, "app")
        if not name.strip():
            raise Invalid("an environment needs a name")
        async with self.environments.lock:
            if any(found.name == name for found in self.environments_of(app_id)):
                raise Invalid(f"an environment with the name {name!r} exists")
            created = Environment(id=new_id("env"), app=app_id, name=name, created=time.time())
            return await self.environments.save(created)

    async def delete_environment(self, environment_id: str) -> None:
        """Delete an environment and its endpoints.

        Raises:
            NotFound: there is no such environment.
        """
        environment = get(self.environments, environment_id, "environment")
        for endpoint in self.endpoints_of(environment_id):
            await self.delete_endpoint(endpoint.id)
        await self.environments.delete(environment)

    async def add_build(self, app_id: str, key: str, manifest: dict[str, Any]) -> Build:
        """Create a build from an uploaded artifact; `key` is the object key of the artifact.

        Raises:
            NotFound: there is no such app.
            ArtifactError: no artifact was uploaded under this key.
        """
        get(self.apps, app_id, "app")
        self.artifacts.end_upload(key)
        build = Build(
            id=new_id("build"), app=app_id, artifact=key, manifest=manifest, created=time.time()
        )
        return await self.builds.save(build)

    async def set_manifest(self, build_id: str, manifest: dict[str, Any]) -> Build:
        """Replace the manifest of a build.

        Endpoints that run the build are rolled out: the manifest may have the resource of a new endpoint, and tools
        write it last.

        Raises:
            NotFound: there is no such build.
        """
        build = get(self.builds, build_id, "build")
        saved = await self.builds.save(replace(build, manifest=manifest))
        for environment in self.environments.values():
            if environment.build == build_id:
                self._roll_environment(environment.id)
        return saved

    async def deploy(self, environment_id: str, build_id: str) -> Environment:
        """Let the endpoints of an environment run a build.

        Raises:
            NotFound: there is no such environment or build.
        """
        environment = get(self.environments, environment_id, "environment")
        get(self.builds, build_id, "build")
        deployed = await self.environments.save(replace(environment, build=build_id))
        self._roll_environment(environment_id)
        return deployed

    # Endpoints and templates ---------------------------------------------------------------------

    def resolve(self, app: str, environment: str, name: str) -> Endpoint | None:
        """Return the endpoint `name` of an app's environment; None if there is none. `app` and `environment` are names."""
        found = self._names.get((app, environment, name))
        return None if found is None else self.endpoints.get(found)

    def url_of(self, endpoint: Endpoint) -> str:
        """Return the URL of an endpoint for workers.

        The URL has a path in place of a host name of its own, because workers may not be able to resolve such names.
        """
        kind = "lb" if endpoint.load_balanced else "v2"
        return f"{self.base}/{kind}/{endpoint.id}"

    async def save_endpoint(self, fields: Mapping[str, Any]) -> Endpoint:
        """Change the endpoint whose id is in `fields`, or create one if `fields` has no id; return the endpoint.

        Raises:
            NotFound: there is no such endpoint, template or environment.
            Invalid: a value is out of its range, or the limits of the account do not allow the endpoint.
        """
        async with self.endpoints.lock:
            endpoint = await self._saved_endpoint(dict(fields))
        self._core.open(endpoint.id, endpoint.limits)
        self._roll_soon(endpoint.id)
        return endpoint

    async def _saved_endpoint(self, given: dict[str, Any]) -> Endpoint:
        """Check and store an endpoint with the fields that a client gives.

        Raises:
            NotFound: there is no such endpoint, template or environment.
            Invalid: a value is out of its range, or the limits of the account do not allow the endpoint.
        """
        self._check_quota(given)
        endpoint_id = given.pop("id", None)
        if endpoint_id is None:
            endpoint = Endpoint(id=new_id("ep"), name="", key=new_id("rpa_"), created=time.time())
        else:
            before = get(self.endpoints, endpoint_id, "endpoint")
            endpoint = replace(before, version=before.version + 1)
        template, own = given.pop("template", None), endpoint.template
        endpoint = with_fields(endpoint, given)
        if endpoint.environment is not None:
            get(self.environments, endpoint.environment, "environment")
        if endpoint.template is not None:
            get(self.templates, endpoint.template, "template")
        if template is not None:  # stored last, so that a refused request leaves none behind
            saved = await self.save_template({**template, "id": own} if own else template)
            endpoint = replace(endpoint, template=saved.id)
        return await self.endpoints.save(endpoint)

    def _check_quota(self, fields: Mapping[str, Any]) -> None:
        """Check that the account may have an endpoint.

        Raises:
            NotFound: `fields` has the id of no endpoint.
            Invalid: the limits of the account do not allow it, or a value is out of its range.
        """
        given = {name: value for name, value in fields.items() if name not in ("id", "template")}
        old = fields.get("id")
        before = (
            Endpoint(id="", name="", key="", created=0.0)
            if old is None
            else get(self.endpoints, old, "endpoint")
        )
        others = [endpoint for endpoint in self.endpoints.values() if endpoint.id != old]
        wanted = with_fields(before, given)
        problem = quota_problem(self.limits, others, wanted, is_new=old is None)
        if problem:
            raise Invalid(problem)

    async def delete_endpoint(self, endpoint_id: str) -> None:
        """Delete an endpoint: end its workers, cancel its jobs, delete its template if no other endpoint uses it.

        Raises:
            NotFound: there is no such endpoint.
        """
        async with self.endpoints.lock:  # otherwise a change that is being stored creates it again
            endpoint = get(self.endpoints, endpoint_id, "endpoint")
            await self.endpoints.delete(endpoint)
        await self._core.close_endpoint(endpoint_id)
        template = self.templates.get(endpoint.template or "")
        others = (other.template for other in self.endpoints.values())
        if template is not None and template.id not in others:
            await self.templates.delete(template)

    async def save_template(self, fields: Mapping[str, Any]) -> Template:
        """Change the template whose id is in `fields`, or create one if `fields` has no id; return the template.

        Raises:
            NotFound: there is no such template.
        """
        given = {key: value for key, value in fields.items() if value is not None}
        template_id = given.pop("id", None)
        if template_id is None:
            template = Template(id=new_id("tpl"), name="")
        else:
            template = get(self.templates, template_id, "template")
        env = given.pop("env", None)
        template = replace(
            template,
            name=given.pop("name", template.name),
            image=given.pop("imageName", template.image),
            disk_gb=given.pop("containerDiskInGb", template.disk_gb),
            env=template.env if env is None else {item["key"]: item["value"] for item in env},
            rest={**template.rest, **given},
        )
        await self.templates.save(template)
        for endpoint in self.endpoints.values():
            if endpoint.template == template.id:
                self._roll_soon(endpoint.id)
        return template

    # Releases ------------------------------------------------------------------------------------

    async def make_spec(self, release: Release, worker: str) -> WorkerSpec:
        """Unpack the artifact of a release, if that is not done; return the description of a worker to start.

        Raises:
            ArtifactError: the artifact can't be unpacked.
        """
        folder = await self.artifacts.unpack(release.artifact)
        endpoint = self.endpoints.get(release.endpoint)
        return worker_spec(
            release,
            worker,
            folder,
            base=self.base,
            worker_key=endpoint.key if endpoint is not None else "",
            secrets={secret.name: secret.value for secret in self.account.secrets.values()},
        )

    def _roll_soon(self, endpoint_id: str) -> None:
        """Roll an endpoint out after a short delay, which begins again at each call."""
        handle = self._rolls.pop(endpoint_id, None)
        if handle is not None:
            handle.cancel()
        loop = asyncio.get_running_loop()
        self._rolls[endpoint_id] = loop.call_later(self.roll_delay, self._roll, endpoint_id)

    def _roll_environment(self, environment_id: str) -> None:
        """Roll the endpoints of an environment out after a short delay."""
        for endpoint in self.endpoints_of(environment_id):
            self._roll_soon(endpoint.id)

    def roll_now(self) -> None:
        """Roll out at once every endpoint that waits for its rollout."""
        for endpoint_id in list(self._rolls):
            self._rolls[endpoint_id].cancel()
            self._roll(endpoint_id)

    def _roll(self, endpoint_id: str) -> None:
        """Give the core the release that an endpoint's records describe now, if an engine runs workers."""
        self._rolls.pop(endpoint_id, None)
        endpoint = self.endpoints.get(endpoint_id)
        if endpoint is None or endpoint.environment is None or self.fleet is None:
            return
        environment = self.environments[endpoint.environment]
        build = self.builds.get(environment.build or "")
        volumes = self.account.volumes
        names = [found.name for name in endpoint.volumes if (found := volumes.get(name))]
        template = self.templates.get(endpoint.template or "")
        release = release_of(endpoint, build, template, names[0] if names else None)
        if release is not None:
            self.fleet.add_release(release)
            self._core.roll_out(endpoint_id, release.id)

    # Inside --------------------------------------------------------------------------------------

    def _index_endpoints(self) -> None:
        """Compute the table of endpoints by the names of app, environment and endpoint; of two with the same names, it has the newer one."""
        self._names = {}
        for endpoint in self.endpoints.values():
            environment = self.environments.get(endpoint.environment or "")
            app = self.apps.get(environment.app) if environment is not None else None
            if environment is not None and app is not None:
                self._names[app.name, environment.name, endpoint.name] = endpoint.id

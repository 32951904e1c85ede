"""Execute a plan: create, upload, activate, change, wait, delete; and go back if the new release fails.

The order protects what runs.  Endpoints that are new get no workers before the build that has
their code is active.  The build becomes active before endpoints change, because a change replaces
workers, and a worker takes the build that is active when it starts.  Endpoints are deleted last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, structs

from flashc_backends.base import Progress
from flashc_backends.cloud.errors import CloudError
from flashc_backends.cloud.model import App, Build, Endpoint, Environment, Settings
from flashc_backends.cloud.port import Cloud

from .creating import create_once
from .order import waves
from .plan import Action, Code, Plan, Step
from .rollout import Outcome, Watched, watch, workers_now
from .variables import ENVIRONMENT_ID, SecretValue
from .wanted import VolumeWish
from .world import World

_T = TypeVar("_T")
_PARALLEL = 8  # endpoints at once
_RESTORING_SECONDS = 120.0  # the longest time to wait for the workers of the old release


class Deployment(Struct, frozen=True, kw_only=True):
    """What a plan is executed with.

    Attributes:
        plan: the steps.
        world: what the plan was made from.
        manifest: the manifest of the build, with references to secrets.
        artifact: the artifact; None to run the existing build `build`.
        build: the id of the build to run, "" for a new one.
        secrets: the values of the secrets, by name.
        seconds: the longest time to wait for workers; 0 does not wait.
    """

    plan: Plan
    world: World
    manifest: Mapping[str, Any]
    artifact: Path | None
    build: str = ""
    secrets: Mapping[str, SecretValue] = {}
    seconds: float = 600.0


class Deployed(Struct, frozen=True, kw_only=True):
    """The result: the endpoints of the project, their URLs by name, and how their rollouts ended."""

    build: str
    endpoints: tuple[Endpoint, ...]
    urls: Mapping[str, str]
    rollouts: tuple[Watched, ...]

    @property
    def failed(self) -> tuple[Watched, ...]:
        """The rollouts whose workers did not start."""
        return tuple(found for found in self.rollouts if found.outcome is Outcome.FAILED)


class NotRestored(Exception):
    """A deployment failed, and what ran before could not be restored; `cause` is the first failure."""

    def __init__(self, cause: BaseException, problem: CloudError) -> None:
        super().__init__(str(problem))
        self.cause = cause


def execute(cloud: Cloud, deployment: Deployment, progress: Progress) -> Deployed:
    """Execute a plan.

    If something fails, what ran before is restored, and the exception goes on.  If the workers of
    the new release do not start, the same happens, and the result has them in `failed`.

    Raises:
        CloudError: the platform refuses something or can't be reached.
        NotRestored: that, and then the old state could not be restored.
        KeyboardInterrupt: the user interrupted it; the old state is restored.
    """
    work = _Work(cloud, deployment, progress)
    try:
        deployed = work.forwards()
    except (CloudError, KeyboardInterrupt) as error:
        _restore(work, error)
        raise
    if deployed.failed:
        _restore(work, None)
    return deployed


def _restore(work: _Work, cause: BaseException | None) -> None:
    try:
        work.backwards()
    except CloudError as problem:
        raise NotRestored(cause or problem, problem) from cause


class _Work:
    """The execution of one plan, with what it has done."""

    def __init__(self, cloud: Cloud, deployment: Deployment, progress: Progress) -> None:
        self._cloud = cloud
        self._plan = deployment.plan
        self._given = deployment
        self._progress = progress
        self._app: App | None = deployment.world.app
        self._environment: Environment | None = deployment.world.environment
        self._existing = {endpoint.id: endpoint for endpoint in deployment.world.endpoints}
        self._created: dict[str, Endpoint] = {}
        self._changed: dict[str, Endpoint] = {}  # with their new settings
        self._is_active = False
        self._build = deployment.build
        self._old_workers: Mapping[str, frozenset[str]] = {}

    # Forwards ------------------------------------------------------------------------------------

    def forwards(self) -> Deployed:
        """Do the steps, and wait for the workers."""
        app, environment = self._make_environment()
        self._make_what_endpoints_use()
        self._old_workers = workers_now(self._cloud, self._watchable())
        if self._plan.code is not Code.UNCHANGED and not self._build:
            self._build = self._upload(app)
        self._create(environment)
        if self._plan.code is not Code.UNCHANGED:
            self._progress.start("activating the build")
            self._cloud.activate(environment.id, self._build)
            self._is_active = True
        self._change(environment)
        endpoints = self._endpoints()
        urls = {endpoint.name: self._cloud.url(endpoint) for endpoint in endpoints}
        self._record(endpoints, urls)
        rollouts = self._wait()
        if not any(found.outcome is Outcome.FAILED for found in rollouts):
            self._delete()
        return Deployed(
            build=self._build or self._plan.build,
            endpoints=endpoints,
            urls=urls,
            rollouts=rollouts,
        )

    def _make_environment(self) -> tuple[App, Environment]:
        """Create the app and the environment if they do not exist."""
        target = self._plan.target
        app = self._app
        if app is None:
            self._progress.start(f"creating the app {target.app}")
            app = create_once(
                lambda: self._cloud.create_app(target.app), lambda: self._cloud.app(target.app)
            )
        environment = self._environment
        if environment is None:
            self._progress.start(f"creating the environment {target.environment}")
            app_id = app.id
            environment = create_once(
                lambda: self._cloud.create_environment(app_id, target.environment),
                lambda: _environment_of(self._cloud.app(target.app), target.environment),
            )
        self._app, self._environment = app, environment
        return app, environment

    def _make_what_endpoints_use(self) -> None:
        """Create the secrets and the volumes that do not exist."""
        for name in self._plan.secrets:
            self._make_secret(self._given.secrets[name])
        for wish in self._plan.volumes:
            self._make_volume(wish)

    def _make_secret(self, secret: SecretValue) -> None:
        self._progress.start(f"saving the secret for {secret.variable}")
        description = f"{secret.variable} of {self._plan.target}; made by flashc"
        create_once(
            lambda: self._cloud.create_secret(secret.name, secret.value, description),
            lambda: _first(s for s in self._cloud.secrets() if s.name == secret.name),
        )

    def _make_volume(self, wish: VolumeWish) -> None:
        self._progress.start(f"creating the volume {wish.name}")
        create_once(
            lambda: self._cloud.create_volume(wish.name, wish.size, wish.data_center),
            lambda: _first(
                volume
                for volume in self._cloud.volumes()
                if (volume.name, volume.data_center) == (wish.name, wish.data_center)
            ),
        )

    def _upload(self, app: App) -> str:
        """Upload the artifact and return the id of its build."""
        assert self._given.artifact is not None
        artifact, manifest = self._given.artifact, self._given.manifest
        self._progress.start("uploading", artifact.stat().st_size, "bytes")
        key = self._cloud.upload(app.id, artifact, self._progress)
        self._progress.start("creating the build")

        def find() -> Build | None:
            found = self._cloud.app(self._plan.target.app)
            builds = found.builds if found is not None else ()
            return _first(build for build in builds if build.object_key == key)

        return create_once(lambda: self._cloud.create_build(app.id, key, manifest), find).id

    def _create(self, environment: Environment) -> None:
        """Create the new endpoints; they get workers only when the build is active."""
        steps = [s for s in self._plan.steps if s.action in (Action.CREATE, Action.RECREATE)]
        if not steps:
            return
        self._progress.start("creating endpoints", len(steps))
        known = frozenset(self._existing)

        def create(step: Step) -> Endpoint:
            wanted = _settings(step, environment)
            asleep = structs.replace(wanted, workers_min=0)
            made = create_once(
                lambda: self._cloud.create_endpoint(environment.id, step.name, asleep),
                lambda: _first(
                    found
                    for found in self._cloud.endpoints(environment.id)
                    if found.name == step.name and found.id not in known
                ),
            )
            self._created[step.name] = made
            self._progress.advance(1)
            return made

        _for_each(create, steps)

    def _change(self, environment: Environment) -> None:
        """Change endpoints, those that are called before their callers."""
        steps = [step for step in self._plan.steps if step.settings is not None]
        due = [s for s in steps if self._before(s).settings != _settings(s, environment)]
        if not due:
            return
        self._progress.start("changing endpoints", len(due))

        def change(step: Step) -> None:
            before = self._before(step)
            after = _settings(step, environment)
            # Noted before it is done: a request without an answer may have been carried out.
            self._changed[before.id] = structs.replace(before, settings=after)
            self._cloud.change_endpoint(environment.id, before, after)
            self._progress.advance(1)

        for wave in waves(due, steps):
            _for_each(change, wave)

    def _before(self, step: Step) -> Endpoint:
        """Return the endpoint of a step as it is before the step."""
        made = self._created.get(step.name)
        return made if made is not None else self._existing[step.id]

    def _record(self, endpoints: Iterable[Endpoint], urls: Mapping[str, str]) -> None:
        """Write the ids and the URLs of the endpoints into the build's manifest."""
        if self._plan.code is Code.UNCHANGED and not self._created:
            return
        ids = {endpoint.name: endpoint.id for endpoint in endpoints}
        resources = {
            name: {**entry, "endpoint_id": ids[name]}
            for name, entry in self._given.manifest["resources"].items()
        }
        document = {**self._given.manifest, "resources": resources, "resources_endpoints": urls}
        self._cloud.set_manifest(self._build or self._plan.build, document)

    def _wait(self) -> tuple[Watched, ...]:
        """Wait for the workers of the endpoints that changed."""
        due = [e for e in self._endpoints() if e.id in self._watchable() or self._is_new(e)]
        if not due or not self._given.seconds:
            return ()
        self._progress.start("waiting for workers", len(due))

        def report(_text: str) -> None:
            self._progress.advance(1)

        known = {**{e.id: frozenset[str]() for e in self._created.values()}, **self._old_workers}
        return watch(self._cloud, due, known, seconds=self._given.seconds, report=report)

    def _watchable(self) -> frozenset[str]:
        """Return the ids of the existing endpoints whose workers the plan replaces."""
        return frozenset(s.id for s in self._plan.steps if s.action is Action.RESTART)

    def _is_new(self, endpoint: Endpoint) -> bool:
        return endpoint.name in self._created

    def _delete(self) -> None:
        """Delete what the plan deletes."""
        due = self._plan.destroys
        if due:
            self._progress.start("deleting endpoints", len(due))
        for step in due:
            self._cloud.delete_endpoint(step.id)
            self._progress.advance(1)

    def _endpoints(self) -> tuple[Endpoint, ...]:
        """Return the endpoints of the project as they are now."""
        steps = [step for step in self._plan.steps if step.settings is not None]
        before = [self._before(step) for step in steps]
        return tuple(self._changed.get(endpoint.id, endpoint) for endpoint in before)

    # Backwards -----------------------------------------------------------------------------------

    def backwards(self) -> None:
        """Restore what ran before: the build, the settings, and no new endpoints."""
        if self._environment is None:
            return
        environment = self._environment
        self._progress.start("restoring what ran before")
        if self._is_active and self._plan.build:
            self._cloud.activate(environment.id, self._plan.build)
        restored: list[Endpoint] = []
        for endpoint in self._changed.values():
            before = self._existing.get(endpoint.id)
            if before is not None:
                self._cloud.change_endpoint(environment.id, endpoint, before.settings)
                restored.append(before)
        for endpoint in self._created.values():
            self._cloud.delete_endpoint(endpoint.id)
        self._wait_for_old_release(restored)

    def _wait_for_old_release(self, restored: Iterable[Endpoint]) -> None:
        """Wait until no worker runs the new release any more."""
        due = [endpoint for endpoint in restored if endpoint.id in self._old_workers]
        if not due or not self._given.seconds:
            return
        now = workers_now(self._cloud, [endpoint.id for endpoint in due])
        new = {found: ids - self._old_workers[found] for found, ids in now.items()}
        seconds = min(self._given.seconds, _RESTORING_SECONDS)
        watch(self._cloud, due, new, seconds=seconds, report=lambda _text: None)


def _settings(step: Step, environment: Environment) -> Settings:
    """Return the settings of a step with the id of the environment."""
    assert step.settings is not None
    variables = {
        name: environment.id if value == ENVIRONMENT_ID else value
        for name, value in step.settings.environment.items()
    }
    return structs.replace(step.settings, environment=variables)


def _environment_of(app: App | None, name: str) -> Environment | None:
    return None if app is None else app.environment(name)


def _first(found: Iterable[_T]) -> _T | None:
    return next(iter(found), None)


def _for_each(work: Callable[[Step], Any], steps: Iterable[Step]) -> None:
    """Do something for several steps at once; the first failure is raised when all have ended."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        done = [pool.submit(work, step) for step in steps]
    for each in done:
        each.result()

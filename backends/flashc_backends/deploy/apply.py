"""Execute a plan: upload, create, activate, change, wait, delete; restore the old state if the new release fails.

The order protects what runs.  Endpoints that are new get no workers before the build that has
their code is active.  The build becomes active before endpoints change, because a change replaces
workers, and a worker takes the build that is active when it starts.  Endpoints are deleted last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TypeVar

from msgspec import structs

from flashc_backends.base import Progress
from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import App, Build, Endpoint, Environment
from flashc_backends.cloud.port import Cloud

from .creating import create_once
from .deployment import Deployed, Deployment, NotRestored
from .order import for_each, waves
from .plan import Action, Code, Step
from .prerequisites import make_prerequisites
from .probe import askable
from .removal import remove
from .rollout import Outcome, Watched, watch, with_new_release, workers_now
from .smoke import SmokeResult, make_calls

_T = TypeVar("_T")
_RESTORING_SECONDS = 120.0  # the longest time to wait for the workers of the old release


def execute(cloud: Cloud, deployment: Deployment, progress: Progress) -> Deployed:
    """Execute a plan.

    If something fails, the old state is restored and the exception is raised again.  If the workers of
    the new release do not start, or a smoke call fails, the old state is also restored; `has_failed` is
    then True.  If another deployment has taken over, everything stays as it is, because that one decides
    what runs.  After the new release serves, nothing is restored any more.

    Raises:
        CloudError: the platform refuses something or can't be reached.
        NotRestored: after one of these failures, the old state could not be restored.
        KeyboardInterrupt: the user interrupted it; the old state is restored, unless the deletion of old
            endpoints had begun.
    """
    work = _Work(cloud, deployment, progress)
    try:
        deployed = work.forwards()
    except BaseException as error:
        if not (isinstance(error, CloudError) and error.trouble is Trouble.LOST):
            _restore(work, error)
        raise
    if deployed.has_failed:
        _restore(work, None)
    return deployed


def _restore(work: _Work, cause: BaseException | None) -> None:
    try:
        work.backwards()
    except (CloudError, KeyboardInterrupt) as problem:
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
        self._is_recorded = False
        self._serves = False
        self._build = deployment.build
        self._pace = deployment.pace
        self._old_workers: Mapping[str, frozenset[str]] = {}

    # Forwards ------------------------------------------------------------------------------------

    def forwards(self) -> Deployed:
        """Do the steps, and wait for the workers."""
        app, environment = self._make_environment()
        make_prerequisites(self._cloud, self._plan, self._given.secrets, self._progress, self._pace)
        self._old_workers = workers_now(self._cloud, self._watchable())
        if self._plan.code is not Code.UNCHANGED and not self._build:
            self._build = self._upload(app)
        self._create(environment)
        if self._plan.code is not Code.UNCHANGED:
            self._progress.start("activating the build")
            # Noted before it is done: a request without an answer may have been carried out.
            self._is_active = True
            self._cloud.activate(environment.id, self._build)
        self._change(environment)
        endpoints = self._endpoints()
        urls = {endpoint.name: self._cloud.url(endpoint) for endpoint in endpoints}
        self._record(endpoints, urls)
        rollouts = self._wait()
        deployed = Deployed(
            build=self._build or self._plan.build,
            endpoints=endpoints,
            urls=urls,
            rollouts=rollouts,
            smoke=self._make_calls(endpoints, rollouts),
        )
        if not deployed.has_failed:
            self._serves = True
            self._delete(rollouts)
            self._clean(rollouts)
        return deployed

    def _make_environment(self) -> tuple[App, Environment]:
        """Create the app and the environment if they do not exist."""
        target = self._plan.target
        app = self._app
        if app is None:
            self._progress.start(f"creating the app {target.app}")
            app = create_once(
                lambda: self._cloud.create_app(target.app),
                lambda: self._cloud.app(target.app),
                self._pace,
            )
        environment = self._environment
        if environment is None:
            self._progress.start(f"creating the environment {target.environment}")
            app_id = app.id
            environment = create_once(
                lambda: self._cloud.create_environment(app_id, target.environment),
                lambda: _environment_of(self._cloud.app(target.app), target.environment),
                self._pace,
            )
        self._app, self._environment = app, environment
        return app, environment

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

        made = create_once(
            lambda: self._cloud.create_build(app.id, key, manifest), find, self._pace
        )
        return made.id

    def _create(self, environment: Environment) -> None:
        """Create the new endpoints; they get workers only when the build is active."""
        steps = [s for s in self._plan.steps if s.action in (Action.CREATE, Action.RECREATE)]
        if not steps:
            return
        self._progress.start("creating endpoints", len(steps))
        known = frozenset(self._existing)

        def create(step: Step) -> Endpoint:
            """Create the endpoint of a step, with no workers that are always ready."""
            wanted = step.settings_in(environment.id)
            asleep = structs.replace(wanted, workers_min=0)
            made = create_once(
                lambda: self._cloud.create_endpoint(environment.id, step.name, asleep),
                lambda: _first(
                    found
                    for found in self._cloud.endpoints(environment.id)
                    if found.name == step.name and found.id not in known
                ),
                self._pace,
            )
            self._created[step.name] = made
            self._progress.advance(1)
            return made

        for_each(create, steps)

    def _change(self, environment: Environment) -> None:
        """Change endpoints, those that are called before their callers."""
        steps = [step for step in self._plan.steps if step.settings is not None]
        due = [s for s in steps if self._before(s).settings != s.settings_in(environment.id)]
        if not due:
            return
        self._progress.start("changing endpoints", len(due))

        def change(step: Step) -> None:
            before = self._before(step)
            after = step.settings_in(environment.id)
            self._changed[before.id] = structs.replace(before, settings=after)
            self._cloud.change_endpoint(environment.id, before, after)
            self._progress.advance(1)

        for wave in waves(due, steps):
            for_each(change, wave)

    def _before(self, step: Step) -> Endpoint:
        """Return the endpoint of a step as it is before the step."""
        made = self._created.get(step.name)
        return made if made is not None else self._existing[step.id]

    def _record(self, endpoints: Iterable[Endpoint], urls: Mapping[str, str]) -> None:
        """Write the ids and the URLs of the endpoints into the build's manifest.

        If another tool made the build, only the ids and URLs in its manifest are changed.
        """
        if not self._plan.records:
            return
        old = self._given.world.manifest
        is_foreign = self._plan.code is Code.UNCHANGED and "artifact_digest" not in old
        manifest = old if is_foreign else self._given.manifest
        ids = {endpoint.name: endpoint.id for endpoint in endpoints}
        resources = {
            name: {**entry, "endpoint_id": ids[name]} if name in ids else entry
            for name, entry in manifest["resources"].items()
        }
        document = {**manifest, "resources": resources, "resources_endpoints": urls}
        self._is_recorded = True
        self._cloud.set_manifest(self._build or self._plan.build, document)

    def _wait(self) -> tuple[Watched, ...]:
        """Wait for the workers of new endpoints, and of endpoints whose workers the plan replaces.

        Endpoints that only get other settings are not waited for.
        """
        due = [e for e in self._endpoints() if e.id in self._watchable() or self._is_new(e)]
        if not due or not self._given.seconds:
            return ()
        self._progress.start("waiting for workers", len(due))

        def report(_text: str) -> None:
            self._progress.advance(1)

        known = {**{e.id: frozenset[str]() for e in self._created.values()}, **self._old_workers}
        old, new = self._given.world.manifest, self._given.manifest
        return watch(
            self._cloud,
            due,
            known,
            askable(due, self._existing, old, new),
            seconds=self._given.seconds,
            report=report,
            pace=self._pace,
        )

    def _make_calls(
        self, endpoints: Iterable[Endpoint], rollouts: Iterable[Watched]
    ) -> tuple[SmokeResult, ...]:
        """Make the smoke calls, except those of endpoints that may still run the old release.

        If one rollout has failed, no call is made.
        """
        is_due = self._given.smoke and self._plan.changes_something
        if not is_due or any(found.outcome is Outcome.FAILED for found in rollouts):
            return ()
        changed = self._watchable() | {endpoint.id for endpoint in self._created.values()}
        ready = with_new_release(endpoints, rollouts, changed)
        self._progress.start("making smoke calls", len(self._given.smoke))
        return make_calls(self._cloud, self._given.smoke, ready, self._pace, self._progress)

    def _watchable(self) -> frozenset[str]:
        """Return the ids of the existing endpoints whose workers the plan replaces."""
        return frozenset(s.id for s in self._plan.steps if s.action is Action.RESTART)

    def _is_new(self, endpoint: Endpoint) -> bool:
        return endpoint.name in self._created

    def _delete(self, rollouts: Iterable[Watched]) -> None:
        """Delete what the plan deletes, except old endpoints whose replacement may not be ready.

        A later deployment finds and deletes these.
        """
        ready = {w.endpoint.name for w in rollouts if w.outcome is not Outcome.LATE}
        due = [s for s in self._plan.destroys if s.action is Action.DELETE or s.name in ready]
        if due:
            self._progress.start("deleting endpoints", len(due))
        for step in due:
            self._cloud.delete_endpoint(step.id)
            self._progress.advance(1)

    def _clean(self, rollouts: Iterable[Watched]) -> None:
        """Delete what nothing uses any more; what fails is left to the next deployment."""
        if not self._plan.cleans or any(w.outcome is Outcome.LATE for w in rollouts):
            return
        self._progress.start("deleting what nothing uses", len(self._plan.cleans))
        remove(self._cloud, self._plan.cleans, lambda _: self._progress.advance(1))

    def _endpoints(self) -> tuple[Endpoint, ...]:
        """Return the endpoints of the project as they are now."""
        steps = [step for step in self._plan.steps if step.settings is not None]
        before = [self._before(step) for step in steps]
        return tuple(self._changed.get(endpoint.id, endpoint) for endpoint in before)

    # Backwards -----------------------------------------------------------------------------------

    def backwards(self) -> None:
        """Restore what ran before: the build, the settings, and no new endpoints."""
        if self._environment is None or self._serves:
            return
        self._progress.start("restoring what ran before")
        problems: list[CloudError] = []
        for undo in self._ways_back(self._environment):
            try:
                undo()
            except CloudError as error:  # the others are restored all the same
                problems.append(error)
        if problems:  # do not wait: if an undo failed, workers may keep the new release
            raise problems[0]
        self._wait_for_old_release()

    def _ways_back(self, environment: Environment) -> Iterator[Callable[[], object]]:
        """Yield what undoes the steps: the build and its manifest, the settings, then new endpoints."""
        cloud, old = self._cloud, self._plan.build
        if self._is_active and old:
            yield lambda: cloud.activate(environment.id, old)
        if self._is_recorded:
            # Without endpoints, the manifest says that the build has not been deployed.
            manifest = self._given.manifest if self._build else self._given.world.manifest
            yield lambda: cloud.set_manifest(self._build or old, manifest)
        for endpoint in reversed(self._changed.values()):
            before = self._existing.get(endpoint.id)
            if before is not None:
                yield partial(cloud.change_endpoint, environment.id, endpoint, before.settings)
        for endpoint in self._created.values():
            yield partial(cloud.delete_endpoint, endpoint.id)

    def _wait_for_old_release(self) -> None:
        """Wait until no worker runs the new release any more, but at most `_RESTORING_SECONDS`.

        Raises:
            CloudError: the platform can't be asked.
        """
        restored = [self._existing[found] for found in self._changed if found in self._existing]
        failed, running = self._given.manifest, self._given.world.manifest
        identities = askable(restored, self._changed, failed, running)
        told = self._old_workers.keys() | identities.keys()
        due = [endpoint for endpoint in restored if endpoint.id in told]
        if not due or not self._given.seconds:
            return
        now = workers_now(self._cloud, self._old_workers.keys() & {e.id for e in due})
        new = {found: ids - self._old_workers[found] for found, ids in now.items()}
        watch(
            self._cloud,
            due,
            new,
            identities,
            seconds=min(self._given.seconds, _RESTORING_SECONDS),
            report=lambda _text: None,
            pace=self._pace,
        )


def _environment_of(app: App | None, name: str) -> Environment | None:
    return None if app is None else app.environment(name)


def _first(found: Iterable[_T]) -> _T | None:
    return next(iter(found), None)

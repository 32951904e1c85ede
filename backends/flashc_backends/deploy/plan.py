"""Compare what a deployment wants with what a platform has, and plan the steps between them; a pure function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum, unique
from typing import Any

import msgspec
from msgspec import Struct, structs

from flashc_backends.cloud.endpoint_fields import volume_name
from flashc_backends.cloud.keys import VARIABLE as KEY_VARIABLE
from flashc_backends.cloud.model import Endpoint, Settings, VolumeName
from flashc_backends.contracts.differences import differences, resource_of
from flashc_backends.contracts.signature_differences import Difference

from .costs import Cost, cost_of
from .describe import HIDDEN, Change, changes, public_variables
from .removal import Thing
from .variables import ENVIRONMENT_ID, FINGERPRINT, Target, secrets_in
from .wanted import VolumeWish, Wanted
from .world import World

# The platform adds these to the template of a load-balanced endpoint.
_OF_PLATFORM = frozenset(("PORT", "PORT_HEALTH"))


@unique
class Action(StrEnum):
    """What happens to an endpoint."""

    CREATE = "create"
    UPDATE = "update"  # its workers stay
    RESTART = "restart"  # its settings change, and new workers replace its workers
    RECREATE = "recreate"  # another endpoint, with another URL, replaces it
    DELETE = "delete"
    LEAVE = "leave"  # the project does not declare it, or has another one with its name, and the user has not asked to delete it
    NOTHING = "unchanged"


class Step(Struct, frozen=True, kw_only=True):
    """What happens to one endpoint.

    Attributes:
        name: its resource name.
        action: what happens.
        id: its id now, "" if it does not exist; for `RECREATE` that of the endpoint to replace.
        changes: the settings that differ, and how.
        settings: what it has afterwards; None if it is deleted or left.
        calls: the endpoints that it calls.
        public: the variables whose values are literals of the program, so that they may be shown.
        interface: the differences that its callers may notice; those that break calls come first.
        cost: what it costs without any request; None if it keeps no worker, or is left as it is.
    """

    name: str
    action: Action
    id: str = ""
    changes: tuple[Change, ...] = ()
    settings: Settings | None = None
    calls: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    interface: tuple[Difference, ...] = ()
    cost: Cost | None = None

    def settings_in(self, environment: str) -> Settings:
        """Return what it has afterwards, with the id of the environment, which is known by then."""
        assert self.settings is not None
        variables = {
            name: environment if value == ENVIRONMENT_ID else value
            for name, value in self.settings.environment.items()
        }
        return structs.replace(self.settings, environment=variables)


@unique
class Code(StrEnum):
    """How the code of the build differs from that of the build that runs."""

    FIRST = "first"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class Plan(Struct, frozen=True, kw_only=True):
    """The steps of a deployment, as data.

    Attributes:
        target: the app and the environment.
        new_app: the app does not exist.
        new_environment: the environment does not exist.
        build: the id of the build that runs now, "" for none.
        artifact: the SHA-256 of the artifact in hex, "" if a build is rolled back to.
        code: how the artifact's code differs from what runs.
        steps: one for each endpoint of the project or of the environment, sorted by name.
        volumes: the network volumes to create.
        secrets: the names of the secrets to create.
        records: the manifest of the build has to be written, because something changes or because
            it does not say which endpoints there are.
        cleans: things of earlier deployments that nothing uses after this deployment.
        left_volumes: the network volumes that no endpoint of the environment uses any more; they stay.
    """

    target: Target
    new_app: bool
    new_environment: bool
    build: str
    artifact: str
    code: Code
    steps: tuple[Step, ...]
    volumes: tuple[VolumeWish, ...] = ()
    secrets: tuple[str, ...] = ()
    records: bool = True
    cleans: tuple[Thing, ...] = ()
    left_volumes: tuple[VolumeName, ...] = ()

    @property
    def changes_something(self) -> bool:
        """Whether the code, an endpoint, or what endpoints use changes."""
        idle = (Action.NOTHING, Action.LEAVE)
        return (
            self.code is not Code.UNCHANGED
            or bool(self.volumes or self.secrets)
            or any(step.action not in idle for step in self.steps)
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to be done."""
        return not (self.changes_something or self.records or self.cleans)

    @property
    def only_records(self) -> bool:
        """Whether nothing changes but what the manifest of the build says about its endpoints."""
        return self.records and not (self.changes_something or self.cleans)

    @property
    def destroys(self) -> tuple[Step, ...]:
        """The steps after which an endpoint that exists now exists no more."""
        return tuple(s for s in self.steps if s.action in (Action.DELETE, Action.RECREATE))

    def masked(self) -> Plan:
        """Return the plan without the values of variables that may be secret."""
        return structs.replace(self, steps=tuple(_masked(step) for step in self.steps))

    def to_json(self) -> bytes:
        """Return the masked plan as JSON, with a newline at the end."""
        return msgspec.json.format(msgspec.json.encode(self.masked()), indent=2) + b"\n"


def make_plan(
    target: Target,
    wanted: Iterable[Wanted],
    world: World,
    *,
    manifest: Mapping[str, Any],
    artifact: str = "",
    code: Code,
    volumes: Iterable[VolumeWish] = (),
    secrets: Iterable[str] = (),
    prune: frozenset[str] = frozenset(),
    key: str = "",
) -> Plan:
    """Return the steps that lead from `world` to what is wanted.

    Args:
        target: the app and the environment.
        wanted: the endpoints of the build.
        world: what the platform has of the target.
        manifest: the manifest of the build, as JSON data.
        artifact: the SHA-256 of the artifact; "" if the build exists on the platform.
        code: how the code differs from what runs.
        volumes: the volumes that the endpoints need.
        secrets: the names of the secrets that the deployment can create.
        prune: names or ids of endpoints to delete, if the build does not declare them.
        key: the API key, to recognise it where another tool has put it in clear text.
    """
    known: dict[str, list[Endpoint]] = {}
    for endpoint in world.endpoints:
        known.setdefault(endpoint.name, []).append(endpoint)
    steps: list[Step] = []
    for item in wanted:
        found = known.pop(item.name, [])
        before = _chosen(found, item, world.manifest)
        step = _step(item, before, world, manifest, code, key)
        steps.append(
            structs.replace(
                step,
                interface=differences(item.name, world.manifest, manifest),
                public=public_variables(item.settings, resource_of(manifest, item.name)),
                cost=cost_of(item.settings),
            )
        )
        steps += [_double(other, item, prune) for other in found if other is not before]
    steps += [_undeclared(endpoint, prune) for found in known.values() for endpoint in found]
    existing = {secret.name for secret in world.secrets or ()}
    idle = (Action.NOTHING, Action.LEAVE)
    used = {
        name
        for step in steps
        if step.settings is not None and step.action is not Action.NOTHING
        for name in secrets_in(step.settings.environment)
    }
    return Plan(
        target=target,
        new_app=world.app is None,
        new_environment=world.environment is None,
        build=world.environment.build if world.environment is not None else "",
        artifact=artifact,
        code=code,
        steps=tuple(sorted(steps, key=lambda step: (step.name, step.action, step.id))),
        volumes=tuple(wish for wish in volumes if not _exists(wish, world)),
        secrets=tuple(sorted((set(secrets) & used) - existing)),
        records=code is not Code.UNCHANGED
        or any(step.action not in idle or not _is_recorded(step, world) for step in steps),
    )


def code_state(manifest: Mapping[str, Any], artifact: str, world: World) -> Code:
    """Return how the code of an artifact differs from that of the build that runs.

    A build of another tool has no digest of its artifact; it is compared by the project's files.
    """
    if world.environment is None or not world.environment.build:
        return Code.FIRST
    digest = world.manifest.get("artifact_digest")
    if digest:
        return Code.UNCHANGED if digest == artifact else Code.CHANGED
    fingerprint = world.manifest.get("source_fingerprint")
    same = bool(fingerprint) and fingerprint == manifest.get("source_fingerprint")
    return Code.UNCHANGED if same else Code.CHANGED


def _is_same_family(before: Settings, after: Settings) -> bool:
    """Return whether an endpoint can get other settings; its type and hardware family can't change."""
    return before.kind is after.kind and bool(before.instances) == bool(after.instances)


def _chosen(found: list[Endpoint], item: Wanted, manifest: Mapping[str, Any]) -> Endpoint | None:
    """Return the endpoint that a declared one continues, of those with its name; None if there is none.

    Prefer one that need not be replaced; among those, prefer the one whose id the running build recorded.
    """
    recorded = resource_of(manifest, item.name).get("endpoint_id")
    return min(
        found,
        key=lambda e: (not _is_same_family(e.settings, item.settings), e.id != recorded, e.id),
        default=None,
    )


def _is_recorded(step: Step, world: World) -> bool:
    """Return whether the manifest of the running build has the endpoint's id; True for a step without settings."""
    recorded = resource_of(world.manifest, step.name).get("endpoint_id")
    return step.settings is None or recorded == step.id


def _masked(step: Step) -> Step:
    if step.settings is None:
        return step
    environment = {
        name: value if name in step.public or any(secrets_in({name: value})) else HIDDEN
        for name, value in step.settings.environment.items()
    }
    return structs.replace(step, settings=structs.replace(step.settings, environment=environment))


def _double(endpoint: Endpoint, item: Wanted, prune: frozenset[str]) -> Step:
    """Return the step of a further endpoint with the name of one that the project declares.

    If the project's endpoint is of another type or hardware family, it has replaced this one, and
    the replacement was not finished.
    """
    if _is_same_family(endpoint.settings, item.settings):
        return _undeclared(endpoint, prune)
    return Step(name=endpoint.name, action=Action.DELETE, id=endpoint.id)


def _undeclared(endpoint: Endpoint, prune: frozenset[str]) -> Step:
    """Return the step of an endpoint that is not declared, or of a further one with the name of a declared one."""
    named = endpoint.id in prune or endpoint.name in prune
    action = Action.DELETE if named else Action.LEAVE
    return Step(name=endpoint.name, action=action, id=endpoint.id)


def _step(
    item: Wanted,
    before: Endpoint | None,
    world: World,
    manifest: Mapping[str, Any],
    code: Code,
    key: str,
) -> Step:
    """Return the step of an endpoint that the project declares; `before` is what exists of it."""
    settings = _for_world(item.settings, world)
    if before is None:
        return Step(name=item.name, action=Action.CREATE, settings=settings, calls=item.calls)
    resource = resource_of(world.manifest, item.name)
    declared = resource_of(manifest, item.name)
    old = before.settings
    if not _is_same_family(old, settings):
        return Step(
            name=item.name,
            action=Action.RECREATE,
            id=before.id,
            changes=changes(old, settings, resource, declared),
            settings=settings,
            calls=item.calls,
        )
    running = _fingerprint_of(world.manifest) if code is Code.UNCHANGED else ""

    def compared(*, tolerates: str) -> tuple[Settings, tuple[Change, ...]]:
        environment = _environment(old.environment, settings.environment, running, tolerates)
        new = structs.replace(settings, environment=environment)
        return new, changes(old, new, resource, declared)

    # A key in clear text, which `flash` gives to every endpoint, is no reason to change an endpoint,
    # but a change removes it.
    _, found = compared(tolerates=key)
    if not found:
        return Step(
            name=item.name,
            action=Action.NOTHING,
            id=before.id,
            settings=before.settings,
            calls=item.calls,
        )
    new, found = compared(tolerates="")
    restarts = any(change.restarts for change in found)
    return Step(
        name=item.name,
        action=Action.RESTART if restarts else Action.UPDATE,
        id=before.id,
        changes=found,
        settings=new,
        calls=item.calls,
    )


def _environment(
    before: Mapping[str, str], after: Mapping[str, str], running: str, tolerates: str
) -> dict[str, str]:
    """Return the variables that an endpoint is to have.

    The platform's own variables stay.  The variable whose change replaces the workers stays if it
    has the value `running`, which it got when the code that is to run was deployed.  The key `tolerates`
    stays where it is in clear text.
    """
    kept = {name: before[name] for name in _OF_PLATFORM & before.keys()}
    if running and before.get(FINGERPRINT) == running:
        kept[FINGERPRINT] = running
    if tolerates and before.get(KEY_VARIABLE) == tolerates:
        kept[KEY_VARIABLE] = tolerates
    return dict(sorted({**after, **kept}.items()))


def _fingerprint_of(manifest: Mapping[str, Any]) -> str:
    """Return the value that the variable `FINGERPRINT` has if a build is deployed wholly."""
    found = manifest.get("artifact_digest") or manifest.get("source_fingerprint")
    return found if isinstance(found, str) else ""


def _for_world(settings: Settings, world: World) -> Settings:
    """Return settings with the id of the environment, and with volumes by the names they have."""
    environment = dict(settings.environment)
    if world.environment is not None:
        environment = {
            name: world.environment.id if value == ENVIRONMENT_ID else value
            for name, value in environment.items()
        }
    names = {volume.id: volume_name(volume) for volume in world.volumes}
    volumes = sorted(names.get(volume.name, volume) for volume in settings.volumes)
    return structs.replace(settings, environment=environment, volumes=tuple(volumes))


def _exists(wish: VolumeWish, world: World) -> bool:
    return any(
        (volume.name, volume.data_center) == (wish.name, wish.data_center)
        for volume in world.volumes
    )

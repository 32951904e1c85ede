"""Delete what a platform has, in an order that leaves nothing without its parts, and say what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from msgspec import Struct

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import App, Endpoint, Environment, Secret
from flashc_backends.cloud.port import Cloud

from .variables import Target, secret_prefix

_HOPELESS = frozenset((Trouble.KEY, Trouble.UNREACHABLE, Trouble.SILENT))
Kind = Literal["endpoint", "environment", "secret", "app"]


class Thing(Struct, frozen=True, order=True, kw_only=True):
    """Something to delete; `after` are the ids of what has to be deleted before."""

    kind: Kind
    name: str
    id: str
    after: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name} ({self.id})"


class Left(Struct, frozen=True, kw_only=True):
    """Something that could not be deleted, and why."""

    thing: Thing
    reason: str


class Removed(Struct, frozen=True, kw_only=True):
    """What was deleted and what is left, each in the order in which it was to be deleted."""

    deleted: tuple[Thing, ...] = ()
    left: tuple[Left, ...] = ()


class RemovalReport(Struct, frozen=True, kw_only=True):
    """What was to be deleted, and what was; `removed` is None if nothing was tried."""

    things: tuple[Thing, ...]
    removed: Removed | None = None


def endpoints_to_remove(endpoints: Iterable[Endpoint]) -> tuple[Thing, ...]:
    """Return endpoints as things to delete."""
    return tuple(Thing(kind="endpoint", name=found.name, id=found.id) for found in endpoints)


def environment_to_remove(
    app: str, environment: Environment, endpoints: Iterable[Endpoint], secrets: Iterable[Secret]
) -> tuple[Thing, ...]:
    """Return what is deleted with an environment: its endpoints, then itself, then its secrets.

    Args:
        app: the name of its app.
        environment: the environment.
        endpoints: its endpoints.
        secrets: the secrets of the account, also those of other environments.
    """
    first = endpoints_to_remove(endpoints)
    prefix = secret_prefix(Target(app, environment.name))
    return (
        *first,
        Thing(
            kind="environment",
            name=f"{app}/{environment.name}",
            id=environment.id,
            after=tuple(thing.id for thing in first),
        ),
        *(
            Thing(kind="secret", name=secret.name, id=secret.id, after=(environment.id,))
            for secret in secrets
            if secret.name.startswith(prefix)
        ),
    )


def app_to_remove(app: App, parts: Iterable[Thing]) -> tuple[Thing, ...]:
    """Return what is deleted with an app: `parts`, which are those of its environments, then itself."""
    before = tuple(parts)
    ids = tuple(environment.id for environment in app.environments)
    return (*before, Thing(kind="app", name=app.name, id=app.id, after=ids))


def remove(cloud: Cloud, things: Sequence[Thing], report: Callable[[Thing], None]) -> Removed:
    """Delete things one after the other.

    What fails is left, together with what must come after it; the others are deleted.  If the
    platform can't be reached, nothing more is tried.

    Args:
        cloud: the platform.
        things: what to delete, in this order.
        report: is called before each attempt.
    """
    deleted: list[Thing] = []
    left: dict[str, Left] = {}
    hopeless = ""
    for thing in things:
        before = next((left[id].thing for id in thing.after if id in left), None)
        if hopeless or before is not None:
            reason = hopeless or f"the {before} is left"
            left[thing.id] = Left(thing=thing, reason=reason)
            continue
        report(thing)
        try:
            _delete(cloud, thing)
        except CloudError as error:
            left[thing.id] = Left(thing=thing, reason=str(error))
            hopeless = str(error) if error.trouble in _HOPELESS else ""
        else:
            deleted.append(thing)
    return Removed(deleted=tuple(deleted), left=tuple(left.values()))


def _delete(cloud: Cloud, thing: Thing) -> None:
    match thing.kind:
        case "endpoint":
            cloud.delete_endpoint(thing.id)
        case "environment":
            cloud.delete_environment(thing.id)
        case "secret":
            cloud.delete_secret(thing.id)
        case "app":
            cloud.delete_app(thing.id)

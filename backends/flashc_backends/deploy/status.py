"""Say how the endpoints of an environment do: their workers, their releases, their jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from msgspec import Struct

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import App, Endpoint, Environment, Jobs, Kind, Rollout, Worker
from flashc_backends.cloud.port import Cloud

_PARALLEL = 8  # endpoints at once
_NOT_TOLD = frozenset((Trouble.MISSING, Trouble.RETIRED))
_T = TypeVar("_T")


class EndpointView(Struct, frozen=True, kw_only=True):
    """An endpoint without its settings, whose variables may be secret; `url` is where clients reach it."""

    name: str
    id: str
    type: Kind
    url: str


class EnvironmentView(Struct, frozen=True, kw_only=True):
    """An environment of an app, with its endpoints."""

    app: str
    environment: Environment
    endpoints: tuple[EndpointView, ...]


class EndpointStatus(Struct, frozen=True, kw_only=True):
    """The state of an endpoint; None for what the platform does not tell.

    Attributes:
        name: its name.
        id: its id.
        type: how clients reach it.
        url: where they reach it.
        workers: the number of its workers by state, without states that none has.
        rollout: how far its newest release has come.
        jobs: its jobs, None for a load-balanced endpoint.
        error_rate: the part of the ended jobs that have failed.
    """

    name: str
    id: str
    type: Kind
    url: str
    workers: dict[str, int] | None
    rollout: Rollout | None
    jobs: Jobs | None
    error_rate: float | None


class Status(Struct, frozen=True, kw_only=True):
    """The state of an environment; `build` is the build that its workers run, "" for none."""

    app: str
    environment: str
    build: str
    endpoints: tuple[EndpointStatus, ...]


def read_environment(cloud: Cloud, app: App, environment: Environment) -> EnvironmentView:
    """Return an environment with its endpoints.

    Raises:
        CloudError: the platform can't be asked.
    """
    return EnvironmentView(
        app=app.name,
        environment=environment,
        endpoints=tuple(
            EndpointView(
                name=found.name, id=found.id, type=found.settings.kind, url=cloud.url(found)
            )
            for found in cloud.endpoints(environment.id)
        ),
    )


def read_status(cloud: Cloud, app: App, environment: Environment) -> Status:
    """Return the state of an environment.

    Raises:
        CloudError: the platform can't be asked.
    """
    endpoints = cloud.endpoints(environment.id)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        found = tuple(pool.map(partial(_endpoint_status, cloud), endpoints))
    return Status(
        app=app.name, environment=environment.name, build=environment.build, endpoints=found
    )


def _endpoint_status(cloud: Cloud, endpoint: Endpoint) -> EndpointStatus:
    workers = _if_told(lambda: cloud.workers(endpoint.id))
    jobs = (
        _if_told(lambda: cloud.jobs(endpoint.id)) if endpoint.settings.kind is Kind.QUEUE else None
    )
    return EndpointStatus(
        name=endpoint.name,
        id=endpoint.id,
        type=endpoint.settings.kind,
        url=cloud.url(endpoint),
        workers=None if workers is None else _by_state(workers),
        rollout=_if_told(lambda: cloud.rollout(endpoint.id)),
        jobs=jobs,
        error_rate=jobs.error_rate if jobs is not None else None,
    )


def _by_state(workers: tuple[Worker, ...]) -> dict[str, int]:
    return dict(sorted(Counter(worker.state.lower() for worker in workers).items()))


def _if_told(ask_for: Callable[[], _T]) -> _T | None:
    """Return an answer; None if the platform has no such API or record."""
    try:
        return ask_for()
    except CloudError as error:
        if error.trouble in _NOT_TOLD:
            return None
        raise

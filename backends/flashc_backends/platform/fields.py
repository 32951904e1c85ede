"""Change the fields of an endpoint as a tool asks, check their values, and get records by id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from msgspec.structs import replace

from .records import Endpoint, Limits, Record, Scaler

_R = TypeVar("_R", bound=Record)


class NotFound(Exception):
    """There is no such record; the text names the record."""


class Invalid(Exception):
    """A request has a value that the platform does not accept; the text names the value."""


def get(table: Mapping[str, _R], record_id: str, kind: str) -> _R:
    """Return the record with an id; `kind` names the record in the error.

    Raises:
        NotFound: the table has no record with this id.
    """
    found = table.get(record_id)
    if found is None:
        raise NotFound(f"{kind} not found")
    return found


def with_fields(endpoint: Endpoint, fields: Mapping[str, Any]) -> Endpoint:
    """Return an endpoint with changed fields; `fields` has their new values by their names in the GraphQL API.

    Raises:
        Invalid: a value is out of its range.
    """
    given = dict(fields)
    name = given.pop("name", None) or endpoint.name
    if not name.strip():
        raise Invalid("an endpoint needs a name")
    environment = given.pop("flashEnvironmentId", None) or endpoint.environment
    template = given.pop("templateId", None) or endpoint.template
    kind = given.pop("type", None)
    timeout = given.pop("executionTimeoutMs", None)
    rest = {**endpoint.rest, **{key: value for key, value in given.items() if value is not None}}
    return replace(
        endpoint,
        name=name,
        load_balanced=endpoint.load_balanced if kind is None else kind == "LB",
        environment=environment,
        template=template,
        limits=_limits(endpoint.limits, rest),
        timeout=endpoint.timeout if timeout is None else timeout / 1000,
        volumes=_volumes(endpoint, given),
        rest=rest,
    )


def _limits(before: Limits, fields: Mapping[str, Any]) -> Limits:
    """Return the limits that the fields of an endpoint describe.

    Raises:
        Invalid: a value is out of its range.
    """
    least = int(fields.get("workersMin", before.least))
    most = int(fields.get("workersMax", before.most))
    if not 0 <= least <= most:
        raise Invalid(f"workersMin {least} and workersMax {most} are not a range")
    try:
        scaler = Scaler(fields.get("scalerType", before.scaler))
    except ValueError:
        raise Invalid("scalerType must be QUEUE_DELAY or REQUEST_COUNT") from None
    return Limits(
        least=least,
        most=most,
        idle_timeout=float(fields.get("idleTimeout", before.idle_timeout)),
        scaler=scaler,
        scaler_value=float(fields.get("scalerValue", before.scaler_value)),
    )


def _volumes(endpoint: Endpoint, given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the ids of the volumes that `given` names; those of the endpoint if it names none."""
    several = given.get("networkVolumeIds")
    if several:
        return tuple(item["networkVolumeId"] for item in several)
    one = given.get("networkVolumeId")
    return (one,) if one else endpoint.volumes

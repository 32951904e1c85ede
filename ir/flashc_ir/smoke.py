"""Define smoke calls: the requests by which a deployment tries the endpoints of its new release."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from flashc_core.source import Location

Method = Literal["GET", "POST", "PUT", "DELETE", "PATCH"]


class SmokeJob(Struct, frozen=True, kw_only=True, tag="job"):
    """A job of a queue-based endpoint; `input` are the arguments of its function."""

    input: dict[str, Any]


class SmokeRequest(Struct, frozen=True, kw_only=True, tag="request"):
    """A request to a load balancer.

    `path` may have a query; `body` is JSON data, None for no body; `status` is what the answer must have,
    None for any status of success.
    """

    method: Method
    path: str
    body: Any = None
    status: int | None = None

    @property
    def key(self) -> str:
        """`METHOD /path`, without the query."""
        return f"{self.method} {self.path.partition('?')[0]}"


class SmokeCall(Struct, frozen=True, kw_only=True):
    """A call of one endpoint, and what it must give.

    Attributes:
        resource: the resource name of the endpoint.
        call: what is sent.
        output: the JSON data that the answer must be, None for any.
        seconds: the longest time until the answer.
        location: where the project declares it.
    """

    resource: str
    call: SmokeJob | SmokeRequest
    output: Any = None
    seconds: float
    location: Location

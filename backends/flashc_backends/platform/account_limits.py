"""Define the limits of the account on request: quotas, missing hardware, throttling and latency of the management APIs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from .records import Endpoint

_Number = Annotated[int, Meta(ge=0)]
_WINDOW = 60.0


class AccountLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the account may have and do; without a value, there is no limit.

    Attributes:
        workers: the largest sum of the most workers of all endpoints.
        endpoints: the largest number of endpoints.
        requests: the largest number of requests to the management APIs in `window` seconds; further
            ones are answered with status 429.
        window: see `requests`.
        latency: the seconds that each request to the management APIs takes longer.
        absent: devices that have no stock, each with the data centres without it; none means all.
    """

    workers: _Number | None = None
    endpoints: _Number | None = None
    requests: Annotated[int, Meta(ge=1)] | None = None
    window: Annotated[float, Meta(gt=0, le=3600)] = _WINDOW
    latency: Annotated[float, Meta(ge=0, le=60)] = 0.0
    absent: Mapping[str, tuple[str, ...]] = {}

    def lacks(self, device: str, center: str) -> bool:
        """Return whether a data centre has no stock of a device; "" asks whether none has."""
        if device not in self.absent:
            return False
        return not self.absent[device] or center in self.absent[device]


def quota_problem(
    limits: AccountLimits, others: Iterable[Endpoint], endpoint: Endpoint, *, is_new: bool
) -> str:
    """Return why the account may not have an endpoint in addition to the others, "" if it may."""
    before = list(others)
    used = sum(other.limits.most for other in before)
    if limits.workers is not None and used + endpoint.limits.most > limits.workers:
        left = max(limits.workers - used, 0)
        return (
            "Max workers across all endpoints must not exceed your workers quota "
            f"({limits.workers}): this endpoint may have {left} at most"
        )
    if is_new and limits.endpoints is not None and len(before) >= limits.endpoints:
        return f"the number of endpoints must not exceed your quota ({limits.endpoints})"
    return ""

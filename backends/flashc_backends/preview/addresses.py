"""Say how the endpoints of a running preview are reached, with a command for each that works as printed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from .plan import PlannedEndpoint, PreviewPlan
from .registry import Address


def addresses_of(
    plan: PreviewPlan, ids: Mapping[str, str], base: str, key: str
) -> tuple[Address, ...]:
    """Return the addresses of the endpoints; `ids` are by resource, `base` is the platform's URL."""
    return tuple(_address(endpoint, ids[endpoint.name], base, key) for endpoint in plan.endpoints)


def _address(endpoint: PlannedEndpoint, endpoint_id: str, base: str, key: str) -> Address:
    if endpoint.kind == "queue":
        url = f"{base}/v2/{endpoint_id}"
    else:
        # Clients resolve names below `localhost` by different rules; the address works with all of them.
        url = f"{base}/lb/{endpoint_id}"
    return Address(
        endpoint=endpoint.name,
        id=endpoint_id,
        kind=endpoint.kind,
        url=url,
        routes=endpoint.routes,
        curl=_curl(endpoint, url, key),
    )


def _curl(endpoint: PlannedEndpoint, url: str, key: str) -> str:
    """Return a command line that calls an endpoint; empty for one that has nothing to call."""
    call = endpoint.call
    if call is None:
        return ""
    words = ["curl", "-sS"]
    if call.method not in ("GET", "POST") or (call.method == "POST" and call.body is None):
        words += ["-X", call.method]
    words += ["-H", f"Authorization: Bearer {key}"]
    if call.body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(call.body)]
    return shlex.join([*words, f"{url}{call.path}"])

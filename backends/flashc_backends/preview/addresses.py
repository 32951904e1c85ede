"""Make the URL of each endpoint of a running preview, and a `curl` command that calls it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from .plan import PlannedEndpoint, PreviewPlan
from .registry import Address


def addresses_of(
    plan: PreviewPlan, ids: Mapping[str, str], base: str, key: str
) -> tuple[Address, ...]:
    """Return the addresses of the endpoints; `ids` has their ids by resource, `base` is the platform's URL."""
    return tuple(_address(endpoint, ids[endpoint.name], base, key) for endpoint in plan.endpoints)


def _address(endpoint: PlannedEndpoint, endpoint_id: str, base: str, key: str) -> Address:
    """Return the address of an endpoint, with an example of a call."""
    if endpoint.kind == "queue":
        url = f"{base}/v2/{endpoint_id}"
    else:
        # Not every client resolves names below `localhost`; a URL with 127.0.0.1 works with all clients.
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
    """Return a command line that calls an endpoint; "" if the endpoint has neither function nor route."""
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

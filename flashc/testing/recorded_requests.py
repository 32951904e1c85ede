"""Write requests to routes and their answers as JSON data for recordings, and make answers of it again."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qsl

import httpx

from flashc.passes.check_smoke import route_pattern
from flashc_ir.endpoints import LoadBalanced, Route

# What a request has only because of the way that it travels, or what must not be in a file.
_OF_TRANSPORT = frozenset(
    ("host", "connection", "content-length", "transfer-encoding", "accept-encoding", "user-agent")
    + ("authorization", "x-flash-endpoint", "x-flash-app", "x-flash-environment", "x-flash-caller")
)
_BOUNDARY = re.compile(rb"multipart/form-data;\s*boundary=\"?([^\";]+)")


_OF_PLATFORM = frozenset((401, 429, 502, 503, 504))  # statuses


class RefusedRequest(httpx.HTTPError):
    """The platform does not pass a request on to the endpoint, which therefore has not answered."""


def route_of(endpoint: LoadBalanced | None, method: str, path: str) -> Route | None:
    """Return the route that serves a request; None if the program shows none."""
    routes = () if endpoint is None else endpoint.routes
    return next(
        (r for r in routes if r.method == method and route_pattern(r.path).fullmatch(path)), None
    )


def recorded_request(
    endpoint: LoadBalanced | None, request: httpx.Request
) -> tuple[str, dict[str, Any]]:
    """Return by what the answer to a request is found: the route, and what the request has.

    Of the headers and cookies, these are the ones that the route takes; random boundaries of forms are left out.
    """
    path = request.url.path
    route = route_of(endpoint, request.method, path)
    found: dict[str, Any] = {"path": path}
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.url.query.decode(), keep_blank_values=True):
        query.setdefault(name, []).append(value)
    if query:
        found["query"] = query
    taken = () if route is None else (*route.places, *route.needs)
    headers = {
        place.alias: request.headers[place.alias]
        for place in taken
        if place.where == "header" and place.alias in request.headers
    }
    if headers:
        found["headers"] = headers
    if any(place.where == "cookie" for place in taken) and "cookie" in request.headers:
        found["cookies"] = request.headers["cookie"]
    return (
        f"{request.method} {path}" if route is None else route.key,
        found | _body(request.content, request.headers.get("content-type", "")),
    )


def recorded_response(response: httpx.Response) -> dict[str, Any]:
    """Return an answer as JSON data."""
    media = response.headers.get("content-type", "")
    return {"status": response.status_code, "type": media, **_body(response.content, media)}


def response_of(recorded: Any) -> httpx.Response:
    """Return the answer that was recorded.

    Raises:
        KeyError, TypeError, ValueError: the data is no answer.
    """
    headers = {"content-type": str(recorded["type"])} if recorded["type"] else {}
    if "json" in recorded:
        content = json.dumps(recorded["json"], ensure_ascii=False).encode()
    elif "base64" in recorded:
        content = base64.b64decode(recorded["base64"], validate=True)
    else:
        content = str(recorded.get("text", "")).encode()
    return httpx.Response(int(recorded["status"]), headers=headers, content=content)


def of_endpoint(response: httpx.Response) -> httpx.Response:
    """Return the answer of an endpoint's code.

    Raises:
        RefusedRequest: the platform has answered in place of the code.
    """
    status = response.status_code
    is_unknown = status == 404 and "detail" not in response.text and "endpoint" in response.text
    if is_unknown or status in _OF_PLATFORM:
        raise RefusedRequest(f"the platform answered with the status {status}: {response.text}")
    return response


def forwarded(request: httpx.Request) -> dict[str, Any]:
    """Return the arguments of httpx that send a request on, without its address and its credentials."""
    headers = [
        (name, value)
        for name, value in request.headers.multi_items()
        if name.lower() not in _OF_TRANSPORT
    ]
    return {"method": request.method, "headers": headers, "content": request.content}


def _body(content: bytes, media: str) -> dict[str, Any]:
    """Return a body as JSON, as a text or as base64; {} if there is none."""
    if not content:
        return {}
    boundary = _BOUNDARY.search(media.encode())
    if boundary is not None:
        content = content.replace(boundary[1], b"boundary")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}
    if media.partition(";")[0].endswith("json"):
        try:
            return {"json": json.loads(text)}
        except (ValueError, RecursionError):
            return {"text": text}
    return {"text": text}

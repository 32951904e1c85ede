"""Find the URLs of the platform's API and of the app's other endpoints.

The state manager is a GraphQL service of the platform.  It has a table with the URL of each
endpoint of a deployed app.  The sentinel is a URL of the platform for all endpoints: it passes a request on
to the endpoint that the headers of the request name.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from . import identity, trace
from .exchange import Conversation, Pause, Reply, Send, Unreachable

TABLE_SECONDS = 300.0  # the table of endpoints is read again after this time
RETRY_SECONDS = 5.0  # the pause after the state manager has failed
_STATE_TIMEOUT = 30.0


def job_api_base() -> str:
    """Return the base URL of the job API, without a slash at its end."""
    return _url("RUNPOD_ENDPOINT_BASE_URL", "https://api.runpod.ai/v2")


def _url(variable: str, default: str) -> str:
    """Return the URL in an environment variable, or `default`, without a slash at its end."""
    return (os.environ.get(variable, "").strip() or default).rstrip("/")


def headers() -> dict[str, Any]:
    """Return the headers of every request."""
    found = {"User-Agent": "flashc-runtime", "X-Flash-Caller": _header(identity.running() or "")}
    found.update(trace.headers())
    key = os.environ.get("RUNPOD_API_KEY", "").strip()
    if key:
        found["Authorization"] = f"Bearer {key}"
    return found


def _header(text: str) -> str | bytes:
    """Return a text as the value of a header; httpx encodes ASCII only."""
    return text if text.isascii() else text.encode()


@dataclass
class Location:
    """The location of an endpoint: `jobs` is the URL of its job API, `web` that of its routes."""

    jobs: str
    web: str
    headers: dict[str, Any]
    sentinel: bool


def by_id(endpoint_id: str) -> Location:
    """Return the location of an endpoint whose id is known."""
    base = urlsplit(job_api_base())
    return Location(
        f"{job_api_base()}/{endpoint_id}",
        f"{base.scheme}://{endpoint_id}.{base.netloc}",
        headers(),
        sentinel=False,
    )


def locate(resource: str) -> Conversation:
    """Return the `Location` of an endpoint of this app.

    If the worker has an environment id, the URL is in the table of the state manager.  If the worker
    has no such id, or the table has no URL for the endpoint, the location is that of the sentinel.
    """
    urls = yield from _table()
    url = urls.get(resource)
    if not url:
        return _sentinel(resource)
    endpoint_id = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    jobs = f"{job_api_base()}/{endpoint_id}" if endpoint_id else url
    return Location(jobs, url.rstrip("/"), headers(), sentinel=False)


def _sentinel(resource: str) -> Location:
    """Return the location of the platform's sentinel, which resolves the endpoint's name."""
    base = urlsplit(job_api_base())
    named = {
        **headers(),
        "X-Flash-App": _header(app()),
        "X-Flash-Environment": _header(environment()),
        "X-Flash-Endpoint": _header(resource),
    }
    web = f"{base.scheme}://flash.{base.netloc}"
    if _is_address(base.hostname or ""):  # an IP address has no subdomains
        named["Host"] = f"flash.{base.netloc}"
        web = f"{base.scheme}://{base.netloc}"
    return Location(f"{job_api_base()}/flash", web, named, sentinel=True)


def _is_address(host: str) -> bool:
    """Return whether a host is an IP address."""
    return ":" in host or host.replace(".", "").isdigit()


def app() -> str:
    """Return the app's name on the platform."""
    return os.environ.get("FLASH_APP") or os.path.basename(os.getcwd())


def environment() -> str:
    """Return the environment's name on the platform."""
    return os.environ.get("FLASH_ENV") or "production"


# The state manager's table ----------------------------------------------------------------------

_lock = threading.Lock()
_urls: dict[str, str] = {}
_fresh_until = 0.0
_refreshing = False


def _table() -> Conversation:
    """Return the URL of each resource.

    One caller at a time refreshes the table.  If that fails, the old URLs stay.
    """
    global _refreshing
    environment_id = os.environ.get("FLASH_ENVIRONMENT_ID")
    if not environment_id or not os.environ.get("RUNPOD_API_KEY"):
        return {}
    while not _claim():
        if _urls or time.monotonic() < _fresh_until:
            return _urls
        yield Pause(0.02)  # another caller fetches the very first table
    try:
        if time.monotonic() >= _fresh_until:
            yield from _refresh(environment_id)
    finally:
        _refreshing = False
    return _urls


def _claim() -> bool:
    """Return True to one caller at a time, which then refreshes the table."""
    global _refreshing
    with _lock:
        if _refreshing:
            return False
        _refreshing = True
        return True


def _refresh(environment_id: str) -> Conversation:
    """Read the table of URLs from the state manager; keep the old one if that fails."""
    global _urls, _fresh_until
    try:
        state = yield from _query(
            "query getFlashEnvironment($flashEnvironmentId: String!) "
            "{ flashEnvironment(flashEnvironmentId: $flashEnvironmentId) "
            "{ id name state activeBuildId createdAt } }",
            {"flashEnvironmentId": environment_id},
        )
        build = yield from _query(
            "query getFlashBuild($input: String!) { flashBuild(flashBuildId: $input) { id manifest } }",
            {"input": state["flashEnvironment"]["activeBuildId"]},
        )
        found = build["flashBuild"]["manifest"]["resources_endpoints"]
        _urls = {str(name): str(url) for name, url in found.items()}
        _fresh_until = time.monotonic() + TABLE_SECONDS
    except (Unreachable, StateUnavailable, KeyError, TypeError, AttributeError):
        # The table can't be read, or has no URLs yet: the old URLs stay, the sentinel resolves other names.
        _fresh_until = time.monotonic() + RETRY_SECONDS


class StateUnavailable(Exception):
    """The state manager answered with an error."""


def _query(text: str, variables: dict[str, Any]) -> Conversation:
    """Send a GraphQL query to the state manager and return its data.

    Raises:
        Unreachable: there is no reply.
        StateUnavailable: the reply is an error.
    """
    url = _url("RUNPOD_API_BASE_URL", "https://api.runpod.io") + "/graphql"
    content = {"json": {"query": text, "variables": variables}}
    reply: Reply = yield Send("POST", url, headers(), _STATE_TIMEOUT, content)
    if reply.status >= 400 or not isinstance(reply.body, dict) or "errors" in reply.body:
        raise StateUnavailable(f"the state manager answered {reply.status}")
    return reply.body["data"]

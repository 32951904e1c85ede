"""Find the URLs of the platform's API and of the app's other endpoints, and the headers and settings of calls.

`Surroundings` has the settings: the variables, the app name and the proof.  Scripts and `flashc call`
replace it.

The state manager is a GraphQL service of the platform.  It has a table with the URL of each
endpoint of a deployed app.  The sentinel is a URL of the platform for all endpoints: it passes a request on
to the endpoint that the headers of the request name.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from . import identity, trace
from .exchange import Conversation, Pause, Send, Unreachable
from .replies import Reply

TABLE_SECONDS = 300.0  # the table of endpoints is read again after this time
RETRY_SECONDS = 5.0  # the pause after the state manager has failed
_STATE_TIMEOUT = 30.0


def job_api_base() -> str:
    """Return the base URL of the job API, without a slash at its end."""
    return _url("RUNPOD_ENDPOINT_BASE_URL", "https://api.runpod.ai/v2")


def _url(variable: str, default: str) -> str:
    """Return the URL in a variable, or `default`, without a slash at its end."""
    return (surroundings().variable(variable) or default).rstrip("/")


class Surroundings:
    """The variables, app name and proof used for calls; this class reads the environment of a worker."""

    def variable(self, name: str) -> str:
        """Return the value of a variable; "" if it is not set."""
        return os.environ.get(name, "").strip()

    def context(self, resource: str) -> tuple[str, str]:
        """Return the app and the environment of an endpoint that is called by its name."""
        app = self.variable("FLASH_APP") or os.path.basename(os.getcwd())
        return app, self.variable("FLASH_ENV") or "production"

    def proof(self) -> str:
        """Return what proves to routes that a request is of their app; "" if there is nothing."""
        from .proof import proof

        return proof()


_surroundings = Surroundings()


def surroundings() -> Surroundings:
    """Return the source of the variables, the app name and the proof used for calls."""
    return _surroundings


def set_surroundings(found: Surroundings) -> None:
    """Replace the source of the variables, the app name and the proof used for calls: scripts and `flashc call` do so."""
    global _surroundings
    _surroundings = found


def headers() -> dict[str, Any]:
    """Return the headers of every request."""
    found = {"User-Agent": "flashc-runtime", "X-Flash-Caller": _header(identity.running() or "")}
    found.update(trace.headers())
    key = surroundings().variable("RUNPOD_API_KEY")
    if key:
        found["Authorization"] = f"Bearer {key}"
    return found


def _header(text: str) -> str | bytes:
    """Return a text as the value of a header; httpx encodes ASCII only."""
    return text if text.isascii() else text.encode()


@dataclass(kw_only=True)
class Location:
    """The location of an endpoint: `jobs` is the URL of its job API, `web` that of its routes.

    `host` is the header `Host` of requests to routes, where it is not that of the URL.
    """

    jobs: str
    web: str
    headers: dict[str, Any]
    sentinel: bool
    host: dict[str, str] = field(default_factory=dict)


def by_id(endpoint_id: str) -> Location:
    """Return the location of an endpoint whose id is known."""
    web, host = web_of(endpoint_id)
    return Location(
        jobs=f"{job_api_base()}/{endpoint_id}",
        web=web,
        headers=headers(),
        sentinel=False,
        host=host,
    )


def locate(resource: str) -> Conversation:
    """Return the `Location` of an endpoint of this app.

    If the worker has an environment id and an API key, the URL is in the table of the state manager.
    If the worker lacks one of them, or the table has no URL for the endpoint, the location is that of
    the sentinel.
    """
    urls = yield from _table()
    url = urls.get(resource)
    if not url:
        return _sentinel(resource)
    parts = urlsplit(url)
    endpoint_id = parts.path.rstrip("/").rpartition("/")[2]
    jobs = f"{job_api_base()}/{endpoint_id}" if endpoint_id else url
    web, host = url.rstrip("/"), dict[str, str]()
    name, _, domain = (parts.hostname or "").partition(".")
    if domain == "localhost":
        web, host = web_of(name)
    return Location(jobs=jobs, web=web, headers=headers(), sentinel=False, host=host)


def _sentinel(resource: str) -> Location:
    """Return the location of the platform's sentinel, which resolves the endpoint's name."""
    app, environment = surroundings().context(resource)
    named = {
        **headers(),
        "X-Flash-App": _header(app),
        "X-Flash-Environment": _header(environment),
        "X-Flash-Endpoint": _header(resource),
    }
    web, host = web_of("flash")
    return Location(
        jobs=f"{job_api_base()}/flash", web=web, headers=named, sentinel=True, host=host
    )


def web_of(name: str) -> tuple[str, dict[str, str]]:
    """Return the URL of the routes of an endpoint, or of the sentinel, and the header `Host` for it.

    The name is a part of the host.  An IP address has no subdomains, and many systems can't resolve
    subdomains of `localhost`.  In both cases the name is only in the header `Host`.
    """
    base = urlsplit(job_api_base())
    host = base.hostname or ""
    if host == "localhost" or ":" in host or host.replace(".", "").isdigit():
        return f"{base.scheme}://{base.netloc}", {"Host": f"{name}.{base.netloc}"}
    return f"{base.scheme}://{name}.{base.netloc}", {}


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
    if not environment_id or not surroundings().variable("RUNPOD_API_KEY"):
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
        _urls = {name: url for name, url in found.items() if _is_url(url)}
        _fresh_until = time.monotonic() + TABLE_SECONDS
    except (Unreachable, StateUnavailable, KeyError, TypeError, AttributeError):
        # The table can't be read, or has no URLs yet: the old URLs stay, the sentinel resolves other names.
        _fresh_until = time.monotonic() + RETRY_SECONDS


def _is_url(url: object) -> bool:
    """Return whether a value is the URL of an endpoint."""
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        return parts is not None and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:  # it has no valid host or port
        return False


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
    reply: Reply = yield Send(
        method="POST", url=url, headers=headers(), timeout=_STATE_TIMEOUT, content=content
    )
    if not 200 <= reply.status < 300 or not isinstance(reply.body, dict) or "errors" in reply.body:
        raise StateUnavailable(f"the state manager answered {reply.status}")
    return reply.body["data"]

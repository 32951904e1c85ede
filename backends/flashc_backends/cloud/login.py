"""Get an API key by a request that the user approves in a browser."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from urllib.parse import quote

from msgspec import Struct

from . import queries, replies
from .addresses import Addresses
from .transport import Transport

_PAUSE = 2.0  # seconds between looks
_APPROVED = frozenset(("APPROVED", "CONSUMED"))


class LoginRefused(Exception):
    """The user has refused the request, or has not approved it in time."""


class LoginRequest(Struct, frozen=True, kw_only=True):
    """A request for a key; `expires` are seconds since the epoch, None if the platform does not say."""

    id: str
    expires: float | None = None


class Account(Struct, frozen=True, kw_only=True):
    """Whose key is used: the id of the account, where the key is from, and the key's last characters."""

    account: str
    source: str
    key: str


class LoggedIn(Struct, frozen=True, kw_only=True):
    """A login: the file that has the key now, and the account.

    `overridden`: the variable `RUNPOD_API_KEY` is set, so commands use its key and not the file's.
    """

    account: str
    file: str
    overridden: bool


class LoggedOut(Struct, frozen=True, kw_only=True):
    """A logout: whether the file had a key; `overridden` has the meaning that it has in `LoggedIn`."""

    file: str
    had_key: bool
    overridden: bool


def request_login(places: Addresses, transport: Transport) -> LoginRequest:
    """Create a request; `transport` has no key.

    Raises:
        CloudError: the platform can't be reached or refuses.
    """
    # A request that the user does not approve has no effect, so it may be created again.
    answer = transport.graphql(
        f"{places.api}/graphql", queries.CREATE_LOGIN, {}, is_idempotent=True
    )
    found = answer.get("createFlashAuthRequest")
    reply = replies.read("createFlashAuthRequest", replies.LoginReply, found)
    return LoginRequest(id=reply.id, expires=_seconds(reply.expires_at))


def login_page(places: Addresses, request: LoginRequest) -> str:
    """Return the URL of the page on which the user approves a request."""
    return f"{places.console}/flash/login?request={quote(request.id, safe='')}"


def wait_for_key(
    places: Addresses, transport: Transport, request: LoginRequest, seconds: float
) -> str:
    """Wait until the user has approved a request, and return the key.

    Args:
        places: the addresses of the platform.
        transport: requests without a key.
        request: the request.
        seconds: the longest time to wait.

    Raises:
        LoginRefused: the request was refused, or not approved in time.
        CloudError: the platform can't be reached or refuses.
    """
    now = time.time()
    until = now + seconds
    if request.expires is not None and request.expires > now:  # else the clocks differ
        until = min(until, request.expires)
    while True:
        answer = transport.graphql(
            f"{places.api}/graphql",
            queries.LOGIN_STATUS,
            {"flashAuthRequestId": request.id},
            is_idempotent=True,
        )
        found = answer.get("flashAuthRequestStatus")
        reply = replies.read("flashAuthRequestStatus", replies.LoginReply, found)
        key = (reply.api_key or "").strip()
        if reply.status in _APPROVED and key:
            return key
        match reply.status:
            case "DENIED":
                raise LoginRefused("the login was refused in the browser")
            case "EXPIRED":
                raise LoginRefused("the login was not approved in time")
            case "CONSUMED":
                raise LoginRefused("another program has already got the key of this login")
            case _:
                pass
        if time.time() >= until:
            raise LoginRefused("the login was not approved in time")
        time.sleep(min(_PAUSE, max(until - time.time(), 0.0)))


def _seconds(text: str | None) -> float | None:
    """Return a time in ISO 8601 as seconds since the epoch; None if it is no such time."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()

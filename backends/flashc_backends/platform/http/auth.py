"""Admit or refuse requests, by their key and by their host name.

This protects against web pages that the user visits.  Such a page can send requests to 127.0.0.1, also by a host name
of its own that resolves to this address.  But the page does not know the key, and its host name is not on the list.
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie

from .asgi import Refused, Request

SESSION_PREFIX = "flashc-session-"
"""The beginning of the names of the page's cookies."""
_PAGE_PATHS = ("/page/", "/events")
_PAGE_HEADER = b"x-flashc-page"
_MOST_KNOWN = 1000
_LOCAL_NAMES = frozenset(["localhost", "127.0.0.1", "::1"])


class Sessions:
    """The browsers that may show the page.

    A link with a token, which works once, gives a browser a cookie.  For requests of the page, the cookie replaces the
    key.  Requests of other web pages are refused: browsers name the origin of a request (`Sec-Fetch-Site`), and except
    for the page's own files a request needs a header that other web pages can't send.
    """

    def __init__(self) -> None:
        # Browsers send the cookies of a host to all its ports, so each platform has a name of its own for its cookie.
        self.cookie = f"{SESSION_PREFIX}{secrets.token_hex(4)}"
        self._tokens: set[str] = set()
        self._sessions: set[str] = set()

    def new_token(self) -> str:
        """Make a token for a link; it can be redeemed once."""
        token = secrets.token_urlsafe(24)
        self._tokens.add(token)
        return token

    def redeem(self, token: str) -> str | None:
        """Return the value of the header `Set-Cookie` for a token; None if the token is unknown or was used."""
        if token not in self._tokens:
            return None
        self._tokens.discard(token)
        session = secrets.token_urlsafe(24)
        self._sessions.add(session)
        return f"{self.cookie}={session}; Path=/; HttpOnly; SameSite=Strict"

    def admits(self, request: Request) -> bool:
        """Return whether a request was sent by the page in an admitted browser."""
        origin = request.header(b"sec-fetch-site")
        if origin not in ("", "none", "same-origin"):
            return False
        # A web page that a user's app serves (below /lb) must not have the rights of this page.
        is_part = request.method in ("GET", "HEAD") and request.path.startswith(_PAGE_PATHS)
        if not (is_part or request.path == "/" or _PAGE_HEADER in request.headers):
            return False
        try:
            cookies = SimpleCookie(request.header(b"cookie"))
        except CookieError:
            return False
        found = cookies.get(self.cookie)
        return found is not None and found.value in self._sessions


class Gate:
    """The checks of requests: the platform's key, its host names and addresses, and the admitted browsers."""

    def __init__(self, key: str, addresses: frozenset[str] = frozenset()) -> None:
        self._key = key.encode()
        self.sessions = Sessions()
        self._hosts = _LOCAL_NAMES | addresses
        self._known: dict[str, str] = {}  # headers that were checked -> the names in them

    def check_host(self, request: Request) -> str:
        """Check that the header `Host` names this platform; return the name, without the port.

        Raises:
            Refused: the name is not one of the platform's names.
        """
        given = request.header(b"host")
        name = self._known.get(given)
        if name is not None:
            return name
        name = host_name(given)
        known = name in self._hosts or any(name.endswith(f".{host}") for host in self._hosts)
        if not known:
            raise Refused(421, f"this is not the host {name!r}")
        if len(self._known) < _MOST_KNOWN:
            self._known[given] = name
        return name

    def has_key(self, request: Request) -> bool:
        """Return whether the request has the platform's key, with or without "Bearer", or the cookie of the page."""
        return self._carries(request, self._key) or self.sessions.admits(request)

    def check_key(self, request: Request) -> None:
        """Check that the request has the platform's key, or the cookie of the page.

        Raises:
            Refused: the request has neither.
        """
        if not self.has_key(request):
            raise Refused(401, "the API key is missing or wrong")

    def check_worker_key(self, request: Request, worker_key: str) -> None:
        """Check that the request has the key of an endpoint's workers, or that `check_key` accepts it.

        Raises:
            Refused: the request has none of these.
        """
        if not (self._carries(request, worker_key.encode()) or self.has_key(request)):
            raise Refused(401, "the key of the worker is missing or wrong")

    @staticmethod
    def _carries(request: Request, key: bytes) -> bool:
        """Return whether a request has this key in its header `Authorization`, with or without "Bearer"."""
        given = request.headers.get(b"authorization", b"").strip()
        if given[:7].lower() == b"bearer ":
            given = given[7:].strip()
        return bool(key) and hmac.compare_digest(given, key)


def host_name(host: str) -> str:
    """Return the name in a `Host` header, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")

"""Admit requests: by their key, and by the host name that they are for.

A web page that a user visits can send requests to loopback, and can have a name of its own resolve to it; it does
not know the key, and its name is not on the list.
"""

from __future__ import annotations

import hmac

from .asgi import Refused, Request

_LOCAL_NAMES = frozenset(["localhost", "127.0.0.1", "::1"])


class Gate:
    """The key of the platform, and the addresses at which it may be reached."""

    def __init__(self, key: str, addresses: frozenset[str] = frozenset()) -> None:
        self._key = key.encode()
        self._hosts = _LOCAL_NAMES | addresses

    def check_host(self, request: Request) -> str:
        """Return the host name that the request is for, without the port.

        Raises:
            Refused: the platform does not have this name.
        """
        name = host_name(request.header(b"host"))
        known = name in self._hosts or any(name.endswith(f".{host}") for host in self._hosts)
        if not known:
            raise Refused(421, f"this is not the host {name!r}")
        return name

    def has_key(self, request: Request) -> bool:
        """Return whether the request has the platform's key, with "Bearer" or without."""
        return self._is(request, self._key)

    def check_key(self, request: Request) -> None:
        """Check the key.

        Raises:
            Refused: it is missing or wrong.
        """
        if not self._is(request, self._key):
            raise Refused(401, "the API key is missing or wrong")

    def check_worker_key(self, request: Request, worker_key: str) -> None:
        """Check the key of a worker; the platform's key does as well.

        Raises:
            Refused: it is missing or wrong.
        """
        if not (self._is(request, worker_key.encode()) or self._is(request, self._key)):
            raise Refused(401, "the key of the worker is missing or wrong")

    @staticmethod
    def _is(request: Request, key: bytes) -> bool:
        given = request.headers.get(b"authorization", b"").strip()
        if given[:7].lower() == b"bearer ":
            given = given[7:].strip()
        return bool(key) and hmac.compare_digest(given, key)


def host_name(host: str) -> str:
    """Return the name in a `Host` header, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")

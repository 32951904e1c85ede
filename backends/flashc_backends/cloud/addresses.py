"""Read the addresses of the platform from the variables that the tools of Runpod use."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class WrongAddress(ValueError):
    """A variable is no URL that flashc can use for a platform; the text names the variable."""


class Addresses(Struct, frozen=True, kw_only=True):
    """The base URLs of a platform's APIs, without a slash at the end.

    `api` has GraphQL at `/graphql` and REST version 2 at `/v2`; `rest` is REST version 1; `jobs` is
    the base of the queue endpoints.
    """

    api: str = "https://api.runpod.io"
    rest: str = "https://rest.runpod.io/v1"
    jobs: str = "https://api.runpod.ai/v2"
    console: str = "https://console.runpod.io"

    def queue_url(self, endpoint: str) -> str:
        """Return the URL of a queue endpoint, to which `/runsync` and the others are added."""
        return f"{self.jobs}/{endpoint}"

    def balanced_url(self, endpoint: str) -> str:
        """Return the URL of a load-balanced endpoint: a host name of its own, always by HTTPS."""
        return f"https://{endpoint}.{urlsplit(self.jobs).netloc}"


def addresses(environ: Mapping[str, str]) -> Addresses:
    """Return the addresses that environment variables name; a variable that is not set has its default.

    Raises:
        WrongAddress: a variable is not an HTTP URL or has a user name, or a key would travel without encryption.
    """
    standard = Addresses()
    return Addresses(
        api=_address(environ, "RUNPOD_API_BASE_URL", standard.api),
        rest=_address(environ, "RUNPOD_REST_API_URL", standard.rest),
        jobs=_address(environ, "RUNPOD_ENDPOINT_BASE_URL", standard.jobs),
        console=_address(environ, "RUNPOD_CONSOLE_URL", standard.console),
    )


def problem_of_upload(url: str, places: Addresses) -> str | None:
    """Return why a client must not upload to a URL that a platform gave; None if it may.

    Only a platform on this machine may want an upload without encryption, and only to this machine.
    """
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
    except ValueError:  # the host or the port is wrong
        scheme, host = "", None
    if scheme not in ("http", "https") or not host:
        return "the platform names no URL for the upload"
    is_local = urlsplit(places.api).hostname in _LOOPBACK
    if scheme == "http" and not (is_local and host in _LOOPBACK):
        return "the platform wants the artifact without encryption"
    return None


def _address(environ: Mapping[str, str], variable: str, standard: str) -> str:
    """Return the URL in a variable."""
    text = environ.get(variable, "").strip().rstrip("/")
    if not text:
        return standard
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port is not a number
        parts, is_url = urlsplit(""), False
    if not is_url:
        raise WrongAddress(f"`{variable}` is not a URL such as {standard}")
    if parts.username is not None:
        raise WrongAddress(f"`{variable}` must be a URL without a user name and a password")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise WrongAddress(
            f"`{variable}` begins with http:, so the key would travel without encryption"
        )
    return text

"""Let other programs of this machine find the running platform, and make the variables that lead clients to it.

A platform locks its state folder, and writes a file there that other processes read.
"""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from flashc_core.documents import UnreadableDocument, decode_json
from flashc_core.files import replacing

_RECORD = "platform.json"
_LOCK = "platform.lock"


class Running(Struct, frozen=True, kw_only=True):
    """A running platform: its port, its key, and the file of certificates that its clients need (`bundle`).

    `page` is a link to the platform's page; the link works once.
    """

    port: int
    key: str
    bundle: str
    engine: str
    page: str = ""


class AlreadyRuns(Exception):
    """The platform of another process uses the folder."""


@contextmanager
def lock_folder(folder: Path) -> Generator[None, None, None]:
    """Lock a folder for one platform; if this process ends, the system removes the lock.

    Raises:
        AlreadyRuns: another process has locked the folder.
        OSError: a file can't be written.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    with (folder / _LOCK).open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRuns from None
        try:
            yield
        finally:
            (folder / _RECORD).unlink(missing_ok=True)


def announce(folder: Path, running: Running) -> None:
    """Write the file that tells other processes how to reach a platform; only the user can read the file.

    Raises:
        OSError: the file can't be written.
    """
    with replacing(folder / _RECORD, mode=0o600) as temporary:
        temporary.write_bytes(msgspec.json.encode(running))


def find_running(folder: Path) -> Running | None:
    """Read which platform has locked a folder; return None if there is none."""
    try:
        with (folder / _LOCK).open("a") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return decode_json((folder / _RECORD).read_bytes(), Running)
    except (OSError, UnreadableDocument):
        return None
    return None


def client_variables(running: Running) -> dict[str, str]:
    """Return the environment variables by which the tools and SDKs for Runpod use the platform.

    `RUNPOD_ENDPOINT_BASE_URL` has a host name, not an address, because tools put the id of a load balancer before it
    and use https.  If the system does not resolve such names, the variables make the platform the proxy for https.
    """
    base = f"http://127.0.0.1:{running.port}"
    proxy = f"http://flashc:{running.key}@localhost:{running.port}"
    return {
        "RUNPOD_API_KEY": running.key,
        "RUNPOD_API_BASE_URL": base,
        "RUNPOD_ENDPOINT_BASE_URL": f"http://localhost:{running.port}/v2",
        "RUNPOD_REST_API_URL": f"{base}/v1",
        "RUNPOD_HAPI_URL": base,
        "RUNPOD_CONSOLE_URL": f"{base}/console",
        "SSL_CERT_FILE": running.bundle,
        "REQUESTS_CA_BUNDLE": running.bundle,
        "CURL_CA_BUNDLE": running.bundle,
        "FLASH_NO_UPDATE_CHECK": "1",
        **({} if _resolves("flashc.localhost") else {"HTTPS_PROXY": proxy, "https_proxy": proxy}),
    }


def _resolves(name: str) -> bool:
    """Ask the system whether it finds an address for a host name."""
    try:
        socket.getaddrinfo(name, 443)
    except OSError:
        return False
    return True

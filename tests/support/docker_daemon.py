"""A Docker daemon for tests: the one of this machine, or one that is started for the session.

Where the daemon's program is missing, Debian's package is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from docker.errors import DockerException

REQUIRED = "FLASHC_DOCKER"
"""An environment variable: with the value `required`, tests fail where there can't be a daemon."""
_PACKAGES = ("docker.io", "iptables", "iproute2")
_SECONDS = 90


class NoDaemon(Exception):
    """This machine has no daemon, and none can be started."""


@contextmanager
def daemon() -> Iterator[str]:
    """Yield the address of a daemon.

    Raises:
        NoDaemon: there is none.
    """
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if answers(address):
        yield address
        return
    if os.geteuid() != 0:
        raise NoDaemon("no Docker daemon answers, and only root can start one")
    if shutil.which("dockerd") is None:
        _install()
    with tempfile.TemporaryDirectory(prefix="flashc-docker-", dir="/tmp") as folder:
        yield from _own(Path(folder))


def answers(address: str) -> bool:
    """Whether a daemon answers at an address."""
    path = address.removeprefix("unix://")
    if path != address and not os.path.exists(path):
        return False  # the library would leave its socket open
    try:
        client = docker.DockerClient(base_url=address, timeout=20)
    except DockerException:
        return False
    alive: bool = client.ping()
    client.close()
    return alive


def _install() -> None:
    apt = shutil.which("apt-get")
    if apt is None:
        raise NoDaemon("no Docker daemon answers, and there is no apt-get to install one")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "-y", "--no-install-recommends", *_PACKAGES]):
        done = subprocess.run([apt, "-q", *arguments], env=environ, capture_output=True, text=True)
        if done.returncode:
            raise NoDaemon(f"apt-get {arguments[0]} failed: {done.stderr[-500:]}")


def _own(folder: Path) -> Iterator[str]:
    """A daemon with its own folders, which ends with the tests."""
    address = f"unix://{folder}/d.sock"
    options = {"host": address, "data-root": f"{folder}/data", "exec-root": f"{folder}/exec"}
    options["pidfile"] = f"{folder}/d.pid"
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["dockerd", *(f"--{name}={value}" for name, value in options.items())],
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + _SECONDS
        while not answers(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoDaemon(f"dockerd does not start: {log.read_text()[-1500:]}")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait()

"""Remove the containers and networks of a preview when flashc ends without doing it.

This file is run as a program of its own: `sweeper.py LABEL=VALUE`, with a pipe from flashc as standard input.
flashc writes a byte when it has removed everything itself.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

_TRIES = 50
_PAUSE = 0.2  # seconds


def sweep(client: docker.DockerClient, label: str) -> None:
    """Remove everything with a label, except volumes; what can't be removed after ten seconds stays."""
    from docker.errors import APIError

    for _ in range(_TRIES):
        try:
            containers = client.containers.list(
                all=True, filters={"label": label}, ignore_removed=True
            )
            for container in containers:
                container.remove(force=True)
            networks = client.networks.list(filters={"label": label})
            for network in networks:
                network.remove()
        except APIError:  # a container is being removed, or still has a network: look again
            time.sleep(_PAUSE)
            continue
        if not containers:
            return


def main() -> None:
    """Wait for the end of flashc, then sweep if necessary."""
    if sys.stdin.buffer.read(1):
        return
    import docker  # only now: most previews end well

    sweep(docker.from_env(), sys.argv[1])


if __name__ == "__main__":
    main()

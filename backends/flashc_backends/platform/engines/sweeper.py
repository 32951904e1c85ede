"""Remove the containers and networks of a preview if flashc ends without removing them.

This file is run as a program of its own: `sweeper.py LABEL=VALUE`, with a pipe from flashc as standard input.  If flashc
has removed everything itself, it writes a byte into the pipe.
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
    """Remove the containers and networks with a label; after ten seconds, give up and leave the rest."""
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
        except (
            APIError
        ):  # a container is being removed already, or still uses its network: try again
            time.sleep(_PAUSE)
            continue
        if not containers:
            return


def main() -> None:
    """Wait for the end of flashc, then sweep if necessary."""
    if sys.stdin.buffer.read(1):
        return
    import docker  # not at the top, because after most previews nothing is left to remove

    sweep(docker.from_env(), sys.argv[1])


if __name__ == "__main__":
    main()

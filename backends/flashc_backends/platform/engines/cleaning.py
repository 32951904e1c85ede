"""Remove the containers, networks and images that killed previews have left in Docker."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import docker.errors
import requests

from . import sweeper
from .images import REPOSITORY
from .owners import LABEL, OWNER, is_alive

_SECONDS = 30


def sweep_dead(client: docker.DockerClient) -> Iterator[str]:
    """Remove the containers and networks of previews whose process has ended; yield the ids of these previews."""
    for network in client.networks.list(filters={"label": LABEL}):
        labels: dict[str, str] = network.attrs.get("Labels") or {}
        if not is_alive(labels.get(OWNER, "")):
            sweeper.sweep(client, f"{LABEL}={labels[LABEL]}")
            yield labels[LABEL]


def clean_docker(*, images: bool) -> Iterator[str]:
    """Call `sweep_dead`, and with `images` also remove the images that flashc made; yield a line for each removal.

    If no daemon answers, nothing is removed.
    """
    try:
        client = docker.from_env(timeout=_SECONDS)
    except docker.errors.DockerException:
        return
    try:
        for preview in sweep_dead(client):
            yield f"the network and the containers of {preview} are removed"
        for image in client.images.list(REPOSITORY) if images else ():
            image.remove(force=True)
            yield f"the image {', '.join(image.tags)} is removed"
    except (docker.errors.DockerException, requests.RequestException) as error:
        yield f"Docker refuses to remove the rest: {error}"
    finally:
        client.close()

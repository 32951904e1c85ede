"""Choose, pull or make the image of a worker: the one that the user names, the app's, or a small one of flashc."""

from __future__ import annotations

from pathlib import Path

import docker
import docker.errors

from flashc_core import rules
from flashc_core.temporary import temporary_folder

from .base import EngineError, Report
from .rootfs import CHANGES, make_rootfs

REPOSITORY = "flashc-worker"
"""The name of the images that flashc makes; their tags are versions of Python."""
_REVISION = 1  # increase it if `rootfs.py` makes other images


def own_image_name(python: str) -> str:
    """Return the name of the image that flashc makes for a version of Python."""
    return f"{REPOSITORY}:py{python}-{_REVISION}"


class Images:
    """The images of a preview; each is looked up once.

    `override` is the image that the user names for all workers.  `pull` is False if no image may be pulled.
    """

    def __init__(
        self, client: docker.DockerClient, *, override: str | None, pull: bool, report: Report
    ) -> None:
        self._client, self._override, self._pull = client, override, pull
        self._report = report
        self.is_closed = False  # if it becomes True, a pull ends soon
        self._found: dict[tuple[str | None, str], str] = {}

    def get(self, named: str | None, python: str) -> str:
        """Return the image for a worker whose deployment names the image `named`; pull or make it if necessary.

        Raises:
            EngineError: there is no image, and none can be pulled or made.
        """
        key = (named, python)
        if key not in self._found:
            self._found[key] = self._find(named, python)
        return self._found[key]

    def _find(self, named: str | None, python: str) -> str:
        """Return the image that the user names, else `named` if the daemon has it or can pull it, else flashc's own."""
        if self._override is not None:
            if not self._find_here(self._override) and not self._pull_image(self._override):
                raise EngineError(
                    rules.IMAGE_MISSING,
                    f"the image `{self._override}` is not on this machine and can't be pulled",
                    help=("correct the name, or build or pull it; or leave `--image` out",),
                )
            return self._override
        if named is not None and (self._find_here(named) or self._pull_image(named)):
            return named
        return self._make_own(python)

    def _find_here(self, name: str) -> bool:
        """Ask the daemon whether it has an image."""
        try:
            self._client.images.get(name)
        except docker.errors.ImageNotFound:
            return False
        return True

    def _pull_image(self, name: str) -> bool:
        """Pull an image if that is allowed; return whether the daemon has it then."""
        if not self._pull:
            return False
        self._report(f"pulling the image {name}")
        try:
            for step in self._client.api.pull(name, stream=True, decode=True):
                if self.is_closed or "error" in step:
                    return False
        except docker.errors.APIError:  # no network, no such image, or no permission
            return False
        return self._find_here(name)

    def _make_own(self, python: str) -> str:
        """Make flashc's image for a version of Python, if the daemon does not have it, and return its name."""
        name = own_image_name(python)
        tag = name.partition(":")[2]
        if self._find_here(name):
            return name
        try:
            with temporary_folder("image") as folder:
                archive = folder / "rootfs.tar"
                make_rootfs(python, archive, self._report)
                self._client.api.import_image_from_file(
                    str(archive), REPOSITORY, tag, changes=list(CHANGES)
                )
        except OSError as error:
            raise EngineError(
                rules.DISK_FAILED,
                f"the image `{name}` can't be written: {error.strerror}",
                help=("free some space, or set TMPDIR to a folder that can be written",),
            ) from error
        return name


def compile_layer(client: docker.DockerClient, image: str, layer: Path) -> None:
    """Compile the packages of workers in a container, if `layers.py` could not compile them on this machine."""
    marker = layer / ".compiled"
    if marker.exists() or any(layer.glob("runpod/__pycache__")):
        return
    client.containers.run(
        image,
        ["python", "-m", "compileall", "-q", "-j", "0", "/layer"],
        volumes={str(layer): {"bind": "/layer", "mode": "rw"}},
        network_disabled=True,
        remove=True,
        entrypoint=[],
    )
    marker.touch()

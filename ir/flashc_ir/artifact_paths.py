"""Name the paths of the files that flashc adds to an artifact, and find paths that exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from .endpoints import CodeEndpoint

RUNTIME_PACKAGE = "_flashc"
"""The package of the runtime."""

MANIFEST_PATH = "flash_manifest.json"
"""The manifest, in the artifact and next to it."""

WORKER_REQUIREMENTS_PATH = "requirements.txt"
"""The lock's entries in an artifact, for the worker image."""


def handler_path(endpoint: CodeEndpoint) -> str:
    """Return the path of the file that the image loads to find an endpoint's code."""
    return f"handler_{endpoint.resource}.py"


def files_with_files_below(paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each file whose path is also that of a folder, with the path of a file in this folder.

    Nothing can unpack an archive with both.
    """
    # With the smallest character for `/`, what is in a folder comes directly after the folder's path.
    ordered = sorted(paths, key=lambda path: path.replace("/", "\0"))
    for path, following in pairwise(ordered):
        if following.startswith(f"{path}/"):
            yield path, following

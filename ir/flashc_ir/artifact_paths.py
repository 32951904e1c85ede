"""Name the paths of the files that flashc adds to an artifact."""

from __future__ import annotations

from .endpoints import CodeEndpoint

RUNTIME_PACKAGE = "_flashc"
"""The package of the runtime."""

MANIFEST_PATH = "flash_manifest.json"
"""The manifest, in the artifact and next to it."""


def handler_path(endpoint: CodeEndpoint) -> str:
    """Return the path of the file that the image loads to find an endpoint's code."""
    return f"handler_{endpoint.resource}.py"

"""Convert an endpoint's name in the program to its resource name, for file names and URLs."""

from __future__ import annotations

import hashlib
import re

# The name of the handler, `handler_NAME.py`, has at most 255 bytes on the workers' file systems.
_MOST_BYTES = 240


def resource_name(name: str) -> str:
    """Return the name that an endpoint has outside the program: in file names, URLs and headers.

    A name that can be part of a file name stays as it is.  Any other name gets a digest at its end,
    so that two names never get the same resource name.
    """
    if _is_part_of_file_name(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:40] or "endpoint"
    return f"{readable}-{digest}"


def _is_part_of_file_name(name: str) -> bool:
    """Return whether a name can stand in a file's name, and in a header, unchanged.

    Spaces at its ends would be lost in a header.
    """
    return (
        name.isprintable()
        and name == name.strip()
        and "/" not in name
        and 0 < len(name.encode("utf-8", "surrogatepass")) <= _MOST_BYTES
    )

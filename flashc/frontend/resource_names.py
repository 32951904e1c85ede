"""Convert an endpoint's name in the program to its resource name, for file names and URLs."""

from __future__ import annotations

import hashlib
import re

_SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


def resource_name(name: str) -> str:
    """Return the name that an endpoint has outside the program: in file names, URLs and headers.

    A name of at most 128 letters, digits, `_` and `-` stays as it is.  Any other name gets a digest
    at its end, so that two names never get the same resource name.
    """
    if _SAFE_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    readable = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:40] or "endpoint"
    return f"{readable}-{digest}"

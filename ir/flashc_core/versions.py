"""Return the versions of installed distributions."""

from __future__ import annotations

import os
import sys
from functools import cache


@cache
def version_of(distribution: str) -> str:
    """Return the version of a distribution that is installed next to flashc.

    The name of its folder of metadata has the version.  `importlib.metadata` is asked only where there
    is no such folder: it parses the metadata as an email, and importing what it needs for that takes longer
    than archiving a small app.

    Raises:
        importlib.metadata.PackageNotFoundError: there is no such distribution.
    """
    beginning, end = f"{distribution}-", ".dist-info"
    for folder in filter(os.path.isdir, sys.path):
        found = [
            name.removeprefix(beginning).removesuffix(end)
            for name in os.listdir(folder)
            if name.startswith(beginning) and name.endswith(end)
        ]
        if len(found) == 1:
            return found[0]
        if found:
            break
    from importlib.metadata import version

    return version(distribution)

"""Run pip-tools so that it can start no other program, and so can run no build script.

`resolvers` starts this file in a separate process.  pip's option `--only-binary` does not hold for
requirements with a URL, and a wheel may require such a package; pip builds it by starting Python.
"""

from __future__ import annotations

import errno
import sys

from piptools.scripts.compile import cli

_STARTS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
)


def forbid(event: str, _arguments: object) -> None:
    """Refuse to start a program; this is an audit hook, which code can't remove."""
    if event in _STARTS:
        raise PermissionError(
            errno.EPERM, "a package would have to be built; no wheels of it exist"
        )


if __name__ == "__main__":
    sys.addaudithook(forbid)
    cli()

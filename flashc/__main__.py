"""`flashc` and `python -m flashc`: the version at once, everything else by the group of commands."""

from __future__ import annotations

import sys

from . import __version__


def main() -> None:
    """Run the command line.  Scripts ask for versions often, and click takes longer than Python itself."""
    if sys.argv[1:] == ["--version"]:
        print(f"flashc {__version__}")
        return
    from flashc.cli.main import main as run

    run()


if __name__ == "__main__":
    main()

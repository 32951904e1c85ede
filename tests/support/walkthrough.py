"""Follow a page step by step: write its files, run its sessions in terminals, and say what the page should show.

A file is written into the working directory of the first terminal.  A block `console` runs there; a block
`console terminal=2` starts one command in a second terminal, which runs until the end of the page.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.chapters import Block, File, InvalidSection, Section
from tests.support.console import shown_session
from tests.support.projects import write
from tests.support.shown_text import as_shown, normal_form, without_progress
from tests.support.terminals import SECONDS, Terminal

_PAGE_PYTHON = '"3.11"'
"""The page tells the reader to write the version of the own Python in place of this one."""


class Walkthrough:
    """A user who follows a page; `shown` is what the blocks of the page should show."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.shown: dict[Block, str] = {}
        self._first = Terminal(folder, variables)
        self._second = Terminal(folder, variables)
        self._running: Block | None = None

    def follow(self, sections: list[Section]) -> None:
        """Do everything that the sections show."""
        for section in sections:
            for step in section.steps:
                if isinstance(step, File):
                    self._write(step)
                elif (step.kind, step.arguments) == ("console", ()):
                    self._keep(step, shown_session(step.text, self._first.run))
                elif (step.kind, step.arguments) == ("console", ("terminal=2",)):
                    self._start(step)
                else:
                    raise InvalidSection(f"{section.name}: a page has no block `{step.kind}`")

    def close(self) -> None:
        """End what still runs."""
        self._first.close()
        printed = self._second.close()
        if self._running is not None:
            command = self._running.text.partition("\n")[0]
            self._keep(self._running, f"{command}\n{printed}")

    def _write(self, file: File) -> None:
        own = f'"{sys.version_info.major}.{sys.version_info.minor}"'
        write(self._first.folder(), {file.path: file.text.replace(_PAGE_PYTHON, own)})

    def _start(self, block: Block) -> None:
        command, *lines = block.text.splitlines()
        assert self._running is None, "the second terminal runs one command"
        self._running = block
        self._second.start(command.removeprefix("$ "), len(lines))

    def _keep(self, block: Block, printed: str) -> None:
        self.shown[block] = as_shown(without_progress(printed), block.text, normal_form)


@contextmanager
def walkthrough(folder: Path, variables: Mapping[str, str]) -> Generator[Walkthrough]:
    """Yield a user in an empty folder; what the user has started ends with the block."""
    folder.mkdir()
    user = Walkthrough(folder, variables)
    try:
        yield user
    finally:
        stop = ["flashc", "preview", "stop", "--all"]
        subprocess.run(stop, env=variables, cwd=folder, check=True, timeout=SECONDS)
        user.close()

"""Show the progress of long work on the terminal: a bar, or plain lines if output is redirected."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click
from msgspec import Struct

from flashc_backends.base import Progress, Silent, Unit

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import ProgressColumn

PATIENCE = 1.0  # seconds; shorter work needs no bar
_CLEAR_LINE = "\r\x1b[K"
_BETWEEN_REFRESHES = 0.1  # seconds


class RemovableProgress(Progress, Protocol):
    """A `Progress` that can be removed from the terminal."""

    def close(self) -> None:
        """Remove what is shown; the next phase is shown again."""
        ...


@contextmanager
def show_progress(
    wanted: bool, first: str | None = None
) -> Generator[RemovableProgress, None, None]:
    """Yield an object that shows the progress of work; `first` names the first phase.

    Nothing is shown unless `wanted`.  On a terminal, the progress is removed at the end.
    """
    if not wanted:
        yield _NoProgress()
        return
    on_terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    progress = TerminalProgress() if on_terminal else PlainProgress()
    try:
        if first is not None and on_terminal:
            progress.start(first)
        yield progress
    finally:
        progress.close()


class _NoProgress(Silent):
    """Shows nothing."""

    def close(self) -> None:
        """Do nothing."""


class PlainProgress:
    """Shows each phase as a line of text, for logs."""

    def start(self, what: str, total: int | None = None, unit: Unit = "steps") -> None:
        """Print the phase."""
        click.echo(f"{what} ...", err=True)

    def advance(self, amount: int = 0) -> None:
        """Print nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Phase(Struct, frozen=True):
    """A phase of the work: its name, and the number of units to do, if that is known."""

    what: str = ""
    total: int | None = None
    unit: Unit = "steps"


class TerminalProgress:
    """One line of a terminal: the phase, how much of it is done, and the time left.

    Rich draws the line (without colours if `NO_COLOR` is set).  It is imported only for work that
    takes longer than `PATIENCE`; until then, the line shows only text.  The line changes only when
    the work reports something: Rich's own refreshing thread would keep `flashc_core.processes` from
    forking.
    """

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._refreshed = 0.0
        self._phase = _Phase()
        self._done = 0
        self._bar: RichProgress | None = None

    def start(self, what: str, total: int | None = None, unit: Unit = "steps") -> None:
        """Show a new phase."""
        self._stop()
        self._phase, self._done = _Phase(what, total, unit), 0
        if self._is_due():
            self._draw()
        else:
            click.echo(f"{_CLEAR_LINE}{what} ...", nl=False, err=True)

    def advance(self, amount: int = 0) -> None:
        """Show that more units are done."""
        if not self._phase.what:
            return
        self._done += amount
        now = time.monotonic()
        if self._bar is None:
            if self._is_due():
                self._draw()
        elif now - self._refreshed > _BETWEEN_REFRESHES:
            self._refreshed = now
            self._bar.update(self._bar.task_ids[0], completed=self._done, refresh=True)

    def close(self) -> None:
        """Remove the line."""
        self._stop()
        self._phase, self._done = _Phase(), 0

    def _is_due(self) -> bool:
        """Return whether the phase has taken so long that its line is shown."""
        return time.monotonic() - self._began > PATIENCE

    def _draw(self) -> None:
        """Draw the bar of the current phase again."""
        from rich.console import Console
        from rich.progress import Progress as RichProgress

        click.echo(_CLEAR_LINE, nl=False, err=True)
        phase = self._phase
        self._bar = RichProgress(
            *_columns(phase.total, phase.unit),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._bar.add_task(phase.what, total=phase.total, completed=self._done)
        self._bar.start()
        self._bar.refresh()

    def _stop(self) -> None:
        """Remove the bar, or the text of the phase."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        elif self._phase.what:
            click.echo(_CLEAR_LINE, nl=False, err=True)


def _columns(total: int | None, unit: Unit) -> list[ProgressColumn]:
    """Return the parts of the line that shows a phase."""
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    shown: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}")]
    if total is None:
        return [*shown, TimeElapsedColumn()]
    shown.append(BarColumn())
    shown.append(DownloadColumn() if unit == "bytes" else MofNCompleteColumn())
    if unit == "packages":
        shown.append(TextColumn("packages"))
    return [*shown, TimeRemainingColumn(elapsed_when_finished=True)]

"""Read a file of faults that the platform on this machine makes happen."""

from __future__ import annotations

from pathlib import Path

from flashc_backends.platform.fault_file import WrongFaults, read_faults
from flashc_backends.platform.faults import Faults
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import Lines, Span, WholeFile

from .result import Result


class FaultsResult(Result, frozen=True, kw_only=True):
    """The faults of a file, None if there are errors; `lines` are those of the file."""

    faults: Faults | None = None
    lines: Lines | None = None


def read_fault_file(path: Path) -> FaultsResult:
    """Return the faults that a TOML file asks for; `spec/faults.schema.json` describes it."""
    sink = Sink()
    name = path.as_posix()
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        sink.report(
            rules.WRONG_FAULTS,
            WholeFile(name),
            f"the file can't be read: {reason}",
            help=("name a TOML file with `--faults FILE`",),
        )
        return FaultsResult(diagnostics=tuple(sink))
    try:
        return FaultsResult(diagnostics=(), faults=read_faults(text))
    except WrongFaults as error:
        for problem in error.problems:
            end = problem.column + max(len(problem.key), 1)
            line, column = problem.line, max(problem.column, 1)
            place = Span(name, line, column, line, end) if line else WholeFile(name)
            sink.report(rules.WRONG_FAULTS, place, problem.message, help=(problem.help,))
    return FaultsResult(diagnostics=tuple(sink), lines=Lines(text))

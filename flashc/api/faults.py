"""Read a file of faults that the platform on this machine makes happen."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from flashc.project.links import is_named_as_credentials
from flashc_backends.platform.fault_file import Problem, WrongFaults, read_faults, unknown_endpoints
from flashc_backends.platform.faults import Faults
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import Lines, Location, Span, WholeFile

from .result import Result


class FaultsResult(Result, frozen=True, kw_only=True):
    """The faults in a file; None if there are errors.  `lines` are the lines of the file."""

    faults: Faults | None = None
    lines: Lines | None = None


def read_fault_file(path: Path, endpoints: Collection[str] | None = None) -> FaultsResult:
    """Read the faults in a TOML file; `spec/faults.schema.json` describes its format.

    `endpoints` are the names of the app's endpoints.  If it is None, the names are not known, and none is checked.
    """
    sink = Sink()
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        sink.report(
            rules.WRONG_FAULTS,
            WholeFile(path.as_posix()),
            f"the file can't be read: {reason}",
            help=("name a TOML file with `--faults FILE`",),
        )
        return FaultsResult(diagnostics=tuple(sink))
    try:
        faults = read_faults(text)
        problems = [] if endpoints is None else unknown_endpoints(faults, endpoints, text)
        if not problems:
            return FaultsResult(diagnostics=(), faults=faults)
    except WrongFaults as error:
        problems = error.problems
    if is_named_as_credentials(path):
        sink.report(
            rules.WRONG_FAULTS,
            WholeFile(path.as_posix()),
            "this is no file of faults; it seems to contain credentials, so its text is not shown",
            help=("name a TOML file with `--faults FILE`",),
        )
        return FaultsResult(diagnostics=tuple(sink))
    for problem in problems:
        sink.report(
            rules.WRONG_FAULTS, _location(path, problem), problem.message, help=(problem.help,)
        )
    return FaultsResult(diagnostics=tuple(sink), lines=Lines(text))


def _location(path: Path, problem: Problem) -> Location:
    """Return the position of a mistake in the file; the whole file if the position is not known."""
    name, line, column = path.as_posix(), problem.line, max(problem.column, 1)
    if not line:
        return WholeFile(name)
    width = len(problem.key) if problem.column else 0
    return Span(name, line, column, line, column + max(width, 1))

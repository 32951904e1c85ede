"""Hold the environment variables that a build may read, and record which of them it read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.env_files import parse_env_file
from flashc_core.source import Span, WholeFile

from .project import Project

_FILE = ".env"


class BuildEnvironment(Mapping[str, str]):
    """Environment variables by name.

    `asked` collects all names that were read, also missing ones.  `stated` are those whose values
    stand in the project's `pyproject.toml`, so that they are no secrets.
    """

    def __init__(self, variables: Mapping[str, str], stated: frozenset[str] = frozenset()) -> None:
        self._variables = dict(variables)
        self.stated = stated
        self.asked: set[str] = set()

    def recording(self) -> BuildEnvironment:
        """Return a copy that records which variables are read from it, in a new set `asked`."""
        return BuildEnvironment(self._variables, self.stated)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return self._variables[name]

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        self.asked |= self._variables.keys()
        return iter(self._variables)

    def __len__(self) -> int:
        self.asked |= self._variables.keys()
        return len(self._variables)


def build_environment(project: Project, given: Mapping[str, str], sink: Sink) -> BuildEnvironment:
    """Return the variables that a build may read.

    Later sources override earlier ones: the project's `.env`, the process's environment, and
    `given` (`[tool.flashc.env]`).  A `.env` that can't be read is reported, and lines of it that
    can't be parsed.
    """
    from_file = _read_env_file(project, sink) if project.has_text(_FILE) else {}
    return BuildEnvironment({**from_file, **os.environ, **given}, frozenset(given))


def _read_env_file(project: Project, sink: Sink) -> dict[str, str]:
    """Return the variables in the project's `.env`; what can't be read of it is reported."""
    try:
        found = parse_env_file(project.read(_FILE).decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        sink.report(
            rules.UNREADABLE_FILE,
            WholeFile(_FILE),
            f"`{_FILE}` can't be read: {reason}",
            help=("save it as UTF-8 and make it readable, or remove it",),
        )
        return {}
    for line in found.wrong_lines:
        sink.report(
            rules.UNPARSABLE_VARIABLE,
            Span(_FILE, line, 1, line, 1),
            f"line {line} of `{_FILE}` can't be parsed, and sets no variable",
            notes=("the line is not shown, because it may contain a secret",),
            help=(
                'write `NAME=value`, or `NAME="a value"` with both quotes; begin a comment with `#`',
            ),
        )
    return found.variables

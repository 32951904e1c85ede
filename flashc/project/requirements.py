"""Read the package requirements of the app from `requirements.txt` and `pyproject.toml`."""

from __future__ import annotations

import os
import posixpath
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import Lines, Span, WholeFile
from flashc_ir.endpoints import Dependency

from .includes import includes_in
from .project import Project

REQUIREMENTS = "requirements.txt"


@dataclass(frozen=True, slots=True)
class Requirements:
    """The requirements of the whole app, each with the span of the line that declares it.

    `is_complete` is False if an error was reported, so that requirements may be missing.
    """

    found: tuple[Dependency, ...]
    is_complete: bool


def read_requirements(project: Project, sink: Sink) -> Requirements:
    """Return the requirements that `requirements.txt` and `pyproject.toml` declare."""
    own = Sink()
    found: list[Dependency] = []
    if REQUIREMENTS in project.by_path:
        found.extend(_from_requirements_file(project, own))
    if "pyproject.toml" in project.by_path:
        found.extend(_from_pyproject(project, own))
    for diagnostic in own:
        sink.add(diagnostic)
    return Requirements(tuple(found), is_complete=not own.has_errors())


def included_files(project: Project) -> list[str]:
    """Return the paths of the files that `requirements.txt` includes, directly or not.

    A path is relative to the root.  It may lead out of the project, or to a file that does not
    exist.
    """
    found: dict[str, None] = {}
    pending = [REQUIREMENTS] if REQUIREMENTS in project.by_path else []
    while pending:
        path = pending.pop()
        try:
            is_readable = path in project.unsaved or (project.root / path).is_file()
            data = project.read(path) if is_readable else b""
        except (OSError, ValueError):  # such as a null byte in the path
            continue
        folder = posixpath.dirname(path)
        for name in includes_in(data):
            included = posixpath.normpath(posixpath.join(folder, name))
            if included not in found:
                found[included] = None
                pending.append(included)
    return list(found)


def _from_requirements_file(project: Project, sink: Sink) -> list[Dependency]:
    """Read pip's format: comments, line continuations, `-r`, hashes, markers.

    `-e .` is an error.
    """
    from packaging.utils import canonicalize_name
    from pip_requirements_parser import (
        InstallationError,
        RequirementsFile,
    )  # imported only if the project has the file

    for path in included_files(project):
        if not _can_be_opened(project.root / path):
            _invalid(sink, _including_line(project, path), f"`{path}` is not a regular file")
            return []
    file = project.root / REQUIREMENTS
    unsaved = project.unsaved.get(REQUIREMENTS)
    try:
        if unsaved is None:
            parsed = RequirementsFile.from_file(str(file), include_nested=True)
        else:  # the parser's own `from_string` raises NameError
            import tempfile

            with tempfile.TemporaryDirectory(prefix="flashc-") as folder:
                draft = Path(folder, REQUIREMENTS)
                draft.write_bytes(unsaved)
                parsed = RequirementsFile.from_file(str(draft), include_nested=False)
    except (OSError, ValueError, InstallationError) as error:
        reason = str(error) or type(error).__name__
        where = Span(REQUIREMENTS, 1, 1, 1, 1)
        _invalid(sink, where, f"it can't be read: {reason.replace(str(file.parent), '.')}")
        return []
    found: list[Dependency] = []
    for line in parsed.invalid_lines:
        span, shown = _line_of(project, line)
        _invalid(sink, span, f"{shown} is not a valid requirement")
    for item in parsed.requirements:
        span, shown = _line_of(project, item.requirement_line)
        if item.is_editable or item.is_local_path or item.req is None:
            _invalid(sink, span, f"{shown} is not a package that a worker can install")
            continue
        found.append(
            Dependency(
                name=canonicalize_name(item.req.name),
                requirement=str(item.req),
                span=span,
                constraint=item.is_constraint,
            )
        )
    return found


def _can_be_opened(file: Path) -> bool:
    """Return whether reading a file ends: it is a regular file, or there is none."""
    try:
        return file.is_file() or not file.exists()
    except ValueError:  # a null byte in the path
        return False


def _line_of(project: Project, line: Any) -> tuple[Span, str]:
    """Return the span of a line that the parser read, and the text that names it in a message.

    The text is the line itself only if the line is in a file of the project that is named like a
    list of requirements.  Other files may contain credentials: a file outside of the project, which
    a hostile project can include, or a file such as `.env`.  A line of such a file is named by its
    number.
    """
    number = line.line_number or 1
    text = line.line.split(" --hash", 1)[0].strip()
    path = Path(os.path.relpath(line.filename, project.root)).as_posix()
    if REQUIREMENTS in project.unsaved:  # an editor's text includes nothing
        path = REQUIREMENTS
    if path not in project.by_path or not path.endswith((".txt", ".in")):
        return _including_line(project, path), f"line {number} of `{path}`"
    return Span(path, number, 1, number, len(text) + 1), f"`{text}`"


def _including_line(project: Project, included: str) -> Span:
    """Return the line of `requirements.txt` that includes a file.

    If an included file includes it, return the first line of `requirements.txt` that includes
    anything.
    """
    lines = Lines(project.read(REQUIREMENTS).decode("utf-8", "replace"))
    including: dict[str, int] = {}
    for number in range(1, len(lines) + 1):
        for path in includes_in(lines.line(number).encode()):
            including.setdefault(posixpath.normpath(path), number)
    number = including.get(included, next(iter(including.values()), 1))
    return Span(REQUIREMENTS, number, 1, number, len(lines.line(number)) + 1)


def _invalid(sink: Sink, span: Span, message: str) -> None:
    """Report a line of `requirements.txt` that is not a requirement."""
    sink.report(
        rules.INVALID_REQUIREMENTS_FILE,
        span,
        f"`{span.path}`: {message}",
        help=("write one requirement per line, as `name==1.2` or `name @ URL`",),
    )


def why_invalid(text: str, error: Exception) -> str:
    """Return why a text is not a requirement: the parser's reason, or one for `name=1`."""
    if pinned(text) != text:
        return "`=` is not a version operator; write `==`"
    return str(error).partition("\n")[0]


def pinned(text: str) -> str:
    """Return a requirement in conda's form, `torch=2.9`, in the form of pip: `torch==2.9`.

    A text without such an operator, and one that is not valid with `==` either, stays as it is.
    """
    from packaging.requirements import InvalidRequirement, Requirement  # takes long to import

    changed = re.sub(r"(?<![=<>!~])=(?!=)", "==", text)
    try:
        Requirement(changed)
    except InvalidRequirement:
        return text
    return changed


def _from_pyproject(project: Project, sink: Sink) -> list[Dependency]:
    """Return the requirements in `dependencies` of the table `[project]`."""
    # These take longer to import than a cached check, and not every project needs them
    import tomllib

    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        text = project.read("pyproject.toml").decode("utf-8")
        document: dict[str, Any] = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        sink.report(
            rules.INVALID_CONFIGURATION,
            WholeFile("pyproject.toml"),
            f"`pyproject.toml` can't be used: {error}",
        )
        return []
    table = document.get("project")
    declared = (
        cast("dict[str, Any]", table).get("dependencies") if isinstance(table, dict) else None
    )
    if not isinstance(declared, list):
        return []
    lines = Lines(text)
    found: list[Dependency] = []
    for entry in cast("list[object]", declared):
        span = _span_of(lines, str(entry))
        try:
            requirement = Requirement(str(entry))
        except InvalidRequirement as error:
            reason = why_invalid(str(entry), error)
            sink.report(
                rules.INVALID_REQUIREMENT, span, f"`{entry}` is not a valid requirement: {reason}"
            )
            continue
        found.append(
            Dependency(
                name=canonicalize_name(requirement.name), requirement=str(requirement), span=span
            )
        )
    return found


def _span_of(lines: Lines, text: str) -> Span:
    """Return the span of a string in `pyproject.toml`: the first one on a line that contains it.

    The file may write the string with escapes, so that no line contains it.  Then the span is that
    of the key `dependencies`, or the whole file if the key is written with escapes too.
    """
    for sought in (text, "dependencies"):
        for number in range(1, len(lines) + 1):
            column = lines.line(number).find(sought)
            if column >= 0:
                return Span("pyproject.toml", number, column + 1, number, column + 1 + len(sought))
    return Span("pyproject.toml", 1, 1, len(lines), len(lines.line(len(lines))) + 1)

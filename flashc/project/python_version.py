"""Read which Python a project is written for: `.python-version` and `requires-python`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flashc_core.source import Lines, Location, Span, WholeFile

from .project import Project

PYTHON_VERSION = ".python-version"
PYPROJECT = "pyproject.toml"
_VERSION = re.compile(
    r"(?:cpython[-@]?|python[-@]?)?(3\.\d+)(?:\.\d+)?(?:[a-z+-].*)?", re.IGNORECASE
)
_REQUIRES = re.compile(r"""^\s*requires-python\s*=\s*["']([^"']*)["']""")


@dataclass(frozen=True, slots=True)
class DeclaredPython:
    """A version such as `3.12`, or a specifier such as `>=3.12`, and where it is written."""

    text: str
    location: Location


def pinned_python(project: Project) -> DeclaredPython | None:
    """Return the version in `.python-version`; None if the file names no version of CPython."""
    if not (project.root / PYTHON_VERSION).is_file():
        return None
    try:
        lines = project.read(PYTHON_VERSION).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        text = line.partition("#")[0].strip()
        if text:
            match = _VERSION.fullmatch(text)
            return None if match is None else DeclaredPython(match[1], WholeFile(PYTHON_VERSION))
    return None


def required_python(project: Project) -> DeclaredPython | None:
    """Return the specifier in `requires-python`; None if there is none or it is not valid."""
    if PYPROJECT not in project.by_path:
        return None
    # These take longer to import than a cached check, and not every project needs them
    import tomllib

    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        text = project.read(PYPROJECT).decode("utf-8")
        table = tomllib.loads(text).get("project", {})
        specifier = table.get("requires-python") if isinstance(table, dict) else None
        SpecifierSet(str(specifier or ""))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, InvalidSpecifier):
        return None
    if not isinstance(specifier, str):
        return None
    lines = Lines(text)
    for number in range(1, len(lines) + 1):
        match = _REQUIRES.match(lines.line(number))
        if match is not None:
            span = Span(PYPROJECT, number, match.start(1) + 1, number, match.end(1) + 1)
            return DeclaredPython(specifier, span)
    return DeclaredPython(specifier, WholeFile(PYPROJECT))


def allows(specifier: str, version: str) -> bool:
    """Return whether a specifier allows some patch version of a Python such as `3.12`."""
    from packaging.specifiers import SpecifierSet

    parsed = SpecifierSet(specifier)
    return any(parsed.contains(f"{version}.{patch}", prereleases=True) for patch in range(40))

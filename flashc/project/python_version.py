"""Read which Python a project is written for: `.python-version`, `requires-python` and the like."""

from __future__ import annotations

import re
from typing import Any, cast

from msgspec import Struct

from flashc_core.documents import UnreadableDocument, parse_toml
from flashc_core.packaging_texts import has_huge_number, parse_specifier
from flashc_core.source import Lines, Location, Span, WholeFile

from .project import Project

PYTHON_VERSION = ".python-version"
PYPROJECT = "pyproject.toml"
PIPFILE = "Pipfile"
_VERSION = re.compile(
    r"(?:cpython[-@]?|python[-@]?)?(3\.\d+)(?:\.\d+)?(?:[a-z+-].*)?", re.IGNORECASE
)
_PYTHON = re.compile(r"""^\s*python\s*=\s*["']([^"']*)["']""")
_PLACES: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    (
        PYPROJECT,
        ("project", "requires-python"),
        re.compile(r"""^\s*requires-python\s*=\s*["']([^"']*)["']"""),
    ),
    (PYPROJECT, ("tool", "poetry", "dependencies", "python"), _PYTHON),
    (
        PIPFILE,
        ("requires", "python_version"),
        re.compile(r"""^\s*python_version\s*=\s*["']([^"']*)["']"""),
    ),
)


class DeclaredPython(Struct, frozen=True):
    """A version such as `3.12`, or a specifier such as `>=3.12`, and where it is written."""

    text: str
    location: Location


def pinned_python(project: Project) -> DeclaredPython | None:
    """Return the version in `.python-version`; None if the file names no version of CPython."""
    if not project.has_text(PYTHON_VERSION):
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
    """Return the versions that the project allows; None if it does not say or they are not valid.

    They are in `requires-python`, in the table of Poetry, or in a Pipfile.
    """
    for path, keys, line in _PLACES:
        if not project.has_text(path):
            continue
        try:
            text = project.read(path).decode("utf-8")
            value: Any = parse_toml(text)
        except (OSError, UnicodeDecodeError, UnreadableDocument):
            continue
        for key in keys:
            value = cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
        specifier = _as_specifier(value, keys) if isinstance(value, str) else None
        if specifier is not None:
            return DeclaredPython(specifier, _location(path, Lines(text), line))
    return None


def _as_specifier(text: str, keys: tuple[str, ...]) -> str | None:
    """Return allowed versions, written as by Pipenv, Poetry or PEP 440, as a specifier of PEP 440; None if they are not valid."""
    from packaging.specifiers import InvalidSpecifier

    if has_huge_number(text):
        return None
    if "requires" in keys:  # a Pipfile names one version
        text = f"=={text}.*" if text.count(".") == 1 else f"=={text}"
    elif "poetry" in keys:
        from poetry.core.constraints.version import parse_constraint

        try:
            text = str(parse_constraint(text))
        except ValueError:
            return None
    try:
        parse_specifier(text)
    except InvalidSpecifier:
        return None
    return text


def _location(path: str, lines: Lines, pattern: re.Pattern[str]) -> Location:
    """Return the span of the versions in the first line that a pattern finds."""
    for number in range(1, len(lines) + 1):
        match = pattern.match(lines.line(number))
        if match is not None:
            return Span(path, number, match.start(1) + 1, number, match.end(1) + 1)
    return WholeFile(path)


def allows(specifier: str, version: str) -> bool:
    """Return whether a specifier allows some patch version of a Python such as `3.12`."""
    from packaging.specifiers import SpecifierSet

    parsed = SpecifierSet(specifier)
    return any(parsed.contains(f"{version}.{patch}", prereleases=True) for patch in range(40))

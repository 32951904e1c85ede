"""Decide whether a package that no module imports may be used all the same.

Other packages load it: an engine that a text names (`engine="openpyxl"`), a plugin, a driver that a
URL names, a program that a worker starts, Python code that a job brings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from flashc_ir.requirements import Dependency

_SEPARATORS = re.compile(r"[-_.]+")
_RUNS_PYTHON = re.compile(
    r"""\bsys\.executable\b | \brunpy\.\w | (?<![\w.])exec\(
    | ["']([^"'\s]*/)?python[\d.]*(["']|\s+-?\w)""",
    re.VERBOSE,
)


def may_be_loaded(
    dependency: Dependency, imported: Iterable[str], texts: Iterable[str], declared: Iterable[str]
) -> bool:
    """Return whether another package, or a name in a text, may be the reason for a requirement.

    `imported` are the top-level modules that workers import, `texts` the sources of these workers'
    modules without the requirements themselves, and `declared` the names of all distributions that
    the app asks for.
    """
    name = dependency.name
    stems = {_SEPARATORS.sub("-", module.lower()) for module in imported} | set(declared) - {name}
    if any(name.startswith(f"{stem}-") or name.endswith(f"-{stem}") for stem in stems):
        return True  # `celery-redbeat` is a plugin of `celery`
    if _has_entry_points(name):
        return True
    words = r"[-_.]?".join(map(re.escape, name.split("-")))
    pattern = re.compile(rf"(?<![\w.-]){words}(?![\w-])", re.IGNORECASE)
    return any(map(pattern.search, texts))


def runs_python(texts: Iterable[str]) -> bool:
    """Return whether one of the sources runs Python code that need not be a module of the project.

    Such code may import every package that the endpoint asks for.
    """
    return any(map(_RUNS_PYTHON.search, texts))


def _has_entry_points(name: str) -> bool:
    """Return whether the distribution, if it is installed here, offers programs or plugins."""
    from importlib.metadata import PackageNotFoundError, distribution  # takes long to import

    try:
        return bool(distribution(name).entry_points)
    except PackageNotFoundError:
        return False

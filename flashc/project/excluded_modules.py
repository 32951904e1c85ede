"""Find Python files that an ignore rule keeps out of the project, although they use an SDK."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from flashc_ir.program import Exclusion

from .project import Project

# Folders of tools: environments, caches and the outputs of builds.  They contain no workers of the user.
_OF_TOOLS = frozenset(
    {
        *(".git", ".build", ".flash", ".runpod", "__pycache__", ".venv", "venv", "env", "dist"),
        *("build", "node_modules", "site-packages", ".mypy_cache", ".ruff_cache", ".tox", ".nox"),
        *(".pytest_cache", ".hypothesis", ".vscode", ".idea", ".ssh", ".aws"),
    }
)
_MOST_FILES = 2_000
_MOST_BYTES = 1_000_000


def excluded_with_endpoints(project: Project, calls: Collection[str]) -> list[Exclusion]:
    """Return the excluded Python files that seem to declare an endpoint, by a search in their texts.

    `calls` are beginnings of calls that declare one.  The folders of tools are not searched, and of all others at most a few thousand files.
    """
    words = tuple(name.encode() for name in project.sdk_packages)
    declaring = tuple(call.encode() for call in calls)
    found: list[Exclusion] = []
    searched = 0
    for exclusion in project.exclusions:
        for path in _modules_of(project, exclusion.path):
            searched += 1
            if searched > _MOST_FILES:
                return found
            if _declares(project, path, words, declaring):
                found.append(Exclusion(path, exclusion.pattern, exclusion.source))
    return found


def _modules_of(project: Project, path: str) -> Iterator[str]:
    """Yield the Python files at an excluded path, which is a file, or ends with "/" for a folder."""
    if not path.endswith("/"):
        if path.endswith(".py"):
            yield path
        return
    if path.rstrip("/").rpartition("/")[2] in _OF_TOOLS:
        return
    for folder, folders, files in os.walk(project.root / path):
        folders[:] = sorted(name for name in folders if name not in _OF_TOOLS)
        below = os.path.relpath(folder, project.root).replace(os.sep, "/")
        yield from (f"{below}/{name}" for name in sorted(files) if name.endswith(".py"))


def _declares(
    project: Project, path: str, words: tuple[bytes, ...], calls: tuple[bytes, ...]
) -> bool:
    """Return whether the text of a file has one of the words, which are SDKs, and one of the calls."""
    file = project.root / path
    try:
        if path not in project.unsaved and (
            not file.is_file() or file.stat().st_size > _MOST_BYTES
        ):
            return False
        data = project.read(path)
    except OSError:
        return False
    return any(call in data for call in calls) and any(word in data for word in words)

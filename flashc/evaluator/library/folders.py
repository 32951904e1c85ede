"""Evaluate what lists the files of a folder of the project: `Path.glob`, `glob.glob`, `os.listdir`.

A worker's root folder holds handlers and packages besides the files of the project, and Python may add
`__pycache__`.  What depends on these is unknown.
"""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import resolve_symbolic
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import DisorderedValue, Known, Unknown, Value
from flashc.project.project import Presence
from flashc_core.source import Span

METHODS = frozenset({"glob", "rglob", "iterdir"})
_ORDER = "the order of the files of a folder differs from machine to machine"
_WILD = frozenset("*?[")


def method(machine: Machine, path: ProjectPath, name: str, arguments: CallArguments) -> Value:
    """Evaluate `path.glob(pattern)`, `path.rglob(pattern)` and `path.iterdir()`."""
    span = arguments.span
    pattern = "*" if name == "iterdir" else _text(machine, arguments)
    if pattern is None or arguments.keywords or path.normalised:
        machine.escape(arguments)
        return Unknown(reason=f"flashc does not evaluate this `Path.{name}`", origin=span)
    found = _found(machine, path, f"**/{pattern}" if name == "rglob" else pattern, span)
    if isinstance(found, Known) and isinstance(found.value, DisorderedValue):
        found.value.is_iterator = True
    return found


def _text(machine: Machine, arguments: CallArguments) -> str | None:
    """Return the only argument, if it is a text."""
    values = [resolve_symbolic(machine, value) for value in arguments.values]
    only = values[0].value if len(values) == 1 and isinstance(values[0], Known) else None
    return only if isinstance(only, str) else None


def by_name(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `glob.glob(pattern)` and `os.listdir(folder)` for a path inside the project."""
    first = arguments.values[0] if len(arguments.values) == 1 else None
    path = first.value if isinstance(first, Known) else None
    if not isinstance(path, ProjectPath) or path.normalised or arguments.keywords:
        return None
    if name != "os.listdir":
        fixed, pattern = _split(path.path)
        if not pattern or "**" in pattern:
            return None
        return _found(machine, replace(path, path=fixed), pattern, arguments.span, hidden=False)
    if machine.project.presence(path.path) is not Presence.SHIPPED:
        return None
    found = _found(machine, path, "*", arguments.span)
    if not isinstance(found, Known) or not isinstance(found.value, DisorderedValue):
        return found
    names = tuple(
        Known(posixpath.basename(each.value.path), arguments.span)
        for each in found.value.items
        if isinstance(each, Known) and isinstance(each.value, ProjectPath)
    )
    return Known(DisorderedValue(names, _ORDER), arguments.span)


def _split(path: str) -> tuple[str, str]:
    """Return the folder before the first part with a wildcard, and the rest."""
    parts = path.split("/")
    first = next((i for i, part in enumerate(parts) if _WILD & set(part)), len(parts))
    return "/".join(parts[:first]) or ".", "/".join(parts[first:])


def _found(
    machine: Machine, folder: ProjectPath, pattern: str, span: Span, *, hidden: bool = True
) -> Value:
    """Return the files and folders that match a pattern, in no order."""
    parts = pattern.split("/")
    if pattern.startswith("/") or ".." in parts or "" in parts or parts[-1] == "**":
        return Unknown(reason="flashc does not evaluate this pattern", origin=span)
    if folder.path == "." and _WILD & set(parts[0]):
        reason = "the root folder of a worker contains other files too, such as packages"
        advice = "move the files into a folder of their own, or write the names out"
        return Unknown(reason=reason, origin=span, advice=advice)
    machine.folders.add(folder.path)
    project = machine.project
    shipped = {entry for path in project.by_path for entry in _entries(path, folder.path)}
    excluded = {
        entry
        for rule in project.exclusions
        for entry in _entries(rule.path.rstrip("/"), folder.path)
    }
    caches = {
        f"{posixpath.dirname(entry)}/__pycache__/m.pyc".lstrip("/")
        for entry in shipped
        if entry.endswith(".py")
    }
    made = {entry for path in caches for entry in _entries(path, ".")}
    for other in sorted((excluded | made) - shipped):
        if _matches(other.split("/"), parts, hidden):
            reason = f"`{other}` may be in this folder, but is not in the artifact"
            return Unknown(reason=reason, origin=span)
    paths = [
        Known(ProjectPath(posixpath.normpath(f"{folder.path}/{entry}"), folder.text), span)
        for entry in sorted(shipped)
        if _matches(entry.split("/"), parts, hidden)
    ]
    return Known(DisorderedValue(tuple(paths), _ORDER), span)


def _entries(path: str, folder: str) -> Iterator[str]:
    """Yield a path below a folder, and the folders on the way to it, relative to the folder."""
    if folder != ".":
        if not path.startswith(f"{folder}/"):
            return
        path = path[len(folder) + 1 :]
    while path:
        yield path
        path = posixpath.dirname(path)


def _matches(names: list[str], parts: list[str], hidden: bool) -> bool:
    """Return whether the names of a path match the parts of a pattern."""
    if not parts:
        return not names
    if parts[0] == "**":
        skipped = range(len(names)) if hidden else _visible(names)
        return any(_matches(names[count:], parts[1:], hidden) for count in skipped)
    if not names or not fnmatch.fnmatchcase(names[0], parts[0]):
        return False
    if not hidden and names[0].startswith(".") and not parts[0].startswith("."):
        return False
    return _matches(names[1:], parts[1:], hidden)


def _visible(names: list[str]) -> Iterator[int]:
    """Yield how many folders `**` of `glob` may stand for: it enters no hidden ones."""
    for count, name in enumerate(names):
        yield count
        if name.startswith("."):
            return


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    **dict.fromkeys(("os.listdir", "glob.glob"), by_name),
}

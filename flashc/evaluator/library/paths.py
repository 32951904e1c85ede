"""Evaluate `pathlib` and `os.path` for paths inside the project, and read files of the project."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from msgspec.structs import replace

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import apply
from flashc.evaluator.path_values import ProjectPath, join_path
from flashc.evaluator.values import BoundMethod, Known, Unknown, Value, lift
from flashc.project.project import Presence
from flashc_core.source import Span

from . import plain_objects

_MAX_PROJECT_TEXT = 1_000_000


def function(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Return the result of `Path(__file__)`, `os.path.dirname(...)` or `os.path.join(...)`."""
    values, span = arguments.values, arguments.span
    if not values:
        return Unknown(reason="a path without a start", origin=span)
    first = values[0].value if isinstance(values[0], Known) else None
    if isinstance(values[0], Unknown) or not isinstance(first, ProjectPath):
        return plain_objects.path_function(machine, name, arguments)
    match name:
        case "pathlib.Path" | "pathlib.PurePath":
            path, rest = replace(first, text=False), values[1:]
        case "os.path.dirname":
            return parent_of(replace(first, text=True), span)
        case "os.path.basename":
            return attribute(first, Known(first, span), "name", span)
        case "os.path.abspath" | "os.path.realpath":
            path, rest = replace(first, normalised=False), values[1:]
        case _:
            path, rest = first, values[1:]
    result: Value = Known(path, span)
    for part in rest:
        if not isinstance(part, Known) or not isinstance(part.value, str):
            return Unknown(reason="a part of the path is not known", origin=span)
        if not isinstance(result, Known) or not isinstance(result.value, ProjectPath):
            return result
        result = join_path(result.value, part.value, span)
    return result


def attribute(path: ProjectPath, receiver: Known, name: str, span: Span) -> Value:
    """Return `path.parent`, `path.name`, ...

    The name of the project's root and the folders above it are unknown, because each machine has
    its own.
    """
    if name in ("stem", "suffix", "name"):
        if path.path == "." or path.normalised or path.path.endswith("."):
            return Unknown(reason=f"flashc does not know the `{name}` of this path", origin=span)
        return lift(getattr(PurePosixPath(path.path), name), span)
    return parent_of(path, span) if name == "parent" else Known(BoundMethod(receiver, name), span)


def parent_of(path: ProjectPath, span: Span) -> Value:
    """Return the folder that contains a path; an `Unknown` if the folder is outside the project."""
    parent = path.parent
    if parent is None:
        text = "the path contains `..`" if path.normalised else "the path is outside the project"
        return Unknown(reason=text, origin=span)
    return Known(parent, span)


def method(
    machine: Machine, path: ProjectPath, receiver: Known, name: str, arguments: CallArguments
) -> Value:
    """Return the result of a method of a path."""
    span = arguments.span
    match name:
        case "resolve" if not path.text:
            return Known(replace(path, normalised=False), span)
        case "absolute" if not path.text:
            return receiver
        case "joinpath":
            return function(machine, "os.path.join", arguments.inner([receiver, *arguments.values]))
        case "with_name" | "with_suffix" | "with_stem" if path.path != "." and not path.normalised:
            made = getattr(PurePosixPath(path.path), name)
            renamed = apply(machine, lambda *given: str(made(*given)), span, *arguments.values)
            return (
                join_path(ProjectPath("."), str(renamed.value), span)
                if isinstance(renamed, Known)
                else renamed
            )
        case "exists" | "is_file" | "is_dir" if not arguments.values:
            return _is_there(machine, path, span, name)
        case _:
            return Unknown(reason=f"flashc does not evaluate `Path.{name}`", origin=span)


_TESTS = {"os.path.exists": "exists", "os.path.isfile": "is_file", "os.path.isdir": "is_dir"}


def tested(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `os.path.exists(path)` and the like for a path inside the project."""
    first = arguments.values[0] if len(arguments.values) == 1 else None
    path = first.value if isinstance(first, Known) else None
    if not isinstance(path, ProjectPath) or arguments.keywords:
        return None
    return _is_there(machine, path, arguments.span, _TESTS[name])


def _is_there(machine: Machine, path: ProjectPath, span: Span, test: str) -> Value:
    """Return the result of `exists()` and the like if it is the same here and on a worker."""
    if path.path == ".":
        return Known(test != "is_file", span)
    machine.files.add(path.path)
    presence = machine.project.presence(path.path)
    if presence is Presence.ON_DISK:
        return Unknown(reason=f"`{path.path}` exists here, but is not in the artifact", origin=span)
    is_file = any(known.path == path.path for known in machine.project.files)
    fits = test == "exists" or is_file == (test == "is_file")
    return Known(presence is Presence.SHIPPED and fits, span)


def bytes_of_project_file(machine: Machine, path: ProjectPath, span: Span) -> bytes | Unknown:
    """Return the content of a file that belongs to the project."""
    machine.files.add(path.path)
    known = next((file for file in machine.project.files if file.path == path.path), None)
    if known is None:
        return Unknown(reason=f"`{path.path}` is not a file of the project", origin=span)
    if known.size > _MAX_PROJECT_TEXT:
        return Unknown(reason=f"`{path.path}` is too large", origin=span)
    try:
        data = machine.project.read(path.path)
    except OSError:
        return Unknown(reason=f"`{path.path}` can't be read", origin=span)
    if hashlib.sha256(data).hexdigest() != known.digest:
        machine.files_unchanged = False
        return Unknown(reason=f"`{path.path}` is changing while it is read", origin=span)
    return data

"""Evaluate small classes of the standard library whose objects are constants: paths and time spans."""

from __future__ import annotations

import operator
import posixpath
from collections.abc import Callable
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import apply, resolve_symbolic
from flashc.evaluator.path_values import WorkerPath
from flashc.evaluator.values import BoundMethod, Known, Unknown, Value
from flashc_core.source import Span

_PATH_ATTRIBUTES = frozenset("name stem suffix suffixes parent parts root anchor drive".split())
_PATH_METHODS = frozenset(
    "joinpath with_name with_suffix with_stem as_posix is_absolute relative_to is_relative_to".split()
)
_SPAN_ATTRIBUTES = frozenset({"days", "seconds", "microseconds"})
_SPAN_METHODS = frozenset({"total_seconds"})
# What these functions return for an absolute path is the same on every machine.
_OF_PATHS: dict[str, Callable[..., Any]] = {
    "pathlib.Path": WorkerPath,
    "pathlib.PosixPath": WorkerPath,
    "pathlib.PurePath": PurePosixPath,
    "pathlib.PurePosixPath": PurePosixPath,
    "os.path.dirname": posixpath.dirname,
    "os.path.basename": posixpath.basename,
    "os.path.join": posixpath.join,
    "os.path.normpath": posixpath.normpath,
    "os.path.split": posixpath.split,
    "os.path.isabs": posixpath.isabs,
    "os.fspath": posixpath.join,
}


def path_function(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Return the result of a function of `pathlib` or `os.path` for paths outside the project."""
    span = arguments.span
    values = [resolve_symbolic(machine, value) for value in arguments.values]
    if name == "os.path.abspath":
        result = apply(machine, _absolute, span, *values)
    elif name in _OF_PATHS and values and not arguments.keywords:
        result = apply(machine, _OF_PATHS[name], span, *values)
    else:
        result = Unknown(reason=f"`{name}` depends on the worker's files", origin=span)
    if isinstance(result, Known) and result.value is None:
        return Unknown(
            reason="the path is relative, so it depends on the worker's current folder", origin=span
        )
    return result


def _absolute(path: Any) -> str | None:
    """Return an absolute path without `..`; None for a relative path."""
    return posixpath.normpath(path) if posixpath.isabs(path) else None


def attribute(machine: Machine, receiver: Known, name: str, span: Span) -> Value:
    """Return an attribute of a path or a time span, or a method that is not called yet."""
    wanted = _SPAN_ATTRIBUTES if isinstance(receiver.value, timedelta) else _PATH_ATTRIBUTES
    if name in wanted:
        return apply(machine, operator.attrgetter(name), span, receiver)
    if name == "parents" and isinstance(receiver.value, PurePosixPath):
        return apply(machine, _parents, span, receiver)
    return Known(BoundMethod(receiver, name), span)


def _parents(path: PurePosixPath) -> tuple[PurePosixPath, ...]:
    """Return the folders above a path."""
    return tuple(path.parents)


def method(machine: Machine, receiver: Known, name: str, arguments: CallArguments) -> Value:
    """Return the result of a method; those that flashc does not evaluate, such as all that look at the disk, may raise."""
    of_span = isinstance(receiver.value, timedelta)
    if name in (_SPAN_METHODS if of_span else _PATH_METHODS) and not arguments.keywords:
        values = [resolve_symbolic(machine, value) for value in arguments.values]
        function = getattr(type(receiver.value), name)
        return apply(machine, function, arguments.span, receiver, *values)
    machine.escape(arguments)
    reads_no_file = of_span or hasattr(PurePosixPath, name)
    reads = f"`{name}` depends on the worker's files"
    reason = f"flashc does not evaluate this `{name}`" if reads_no_file else reads
    return Unknown(reason=reason, origin=arguments.span)


def time_span(machine: Machine, name: str, arguments: CallArguments) -> Value:
    """Evaluate `datetime.timedelta(...)`."""
    names = list(arguments.keywords)
    values = [*arguments.values, *(arguments.keywords[key].value for key in names)]
    count = len(arguments.values)

    def make(*flat: Any) -> timedelta:
        return timedelta(*flat[:count], **dict(zip(names, flat[count:], strict=True)))

    resolved = [resolve_symbolic(machine, value) for value in values]
    return apply(machine, make, arguments.span, *resolved)


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    "datetime.timedelta": time_span,
}

"""Evaluate `csv` and texts that are read like files: `io.StringIO` and `io.BytesIO`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from flashc.evaluator.failures import IterationUnknown
from flashc.evaluator.library_values import FileValue
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.apply import cause, resolve_symbolic
from flashc.evaluator.operations.iteration import iterate, lazy_iterator
from flashc.evaluator.values import (
    IteratorValue,
    Known,
    NotConcrete,
    SequenceValue,
    Unknown,
    Value,
    concrete,
    lift,
    variables_of,
)
from flashc_core.source import Span

_OPTIONS = frozenset(
    "delimiter quotechar escapechar doublequote skipinitialspace lineterminator quoting strict "
    "dialect".split()
)
_SOURCES = (SequenceValue, FileValue, IteratorValue)
_OF_DICTS = frozenset({"fieldnames", "restkey", "restval"})
CONSTANTS: dict[str, object] = {
    f"csv.{name}": getattr(csv, name)
    for name in ("QUOTE_ALL", "QUOTE_MINIMAL", "QUOTE_NONE", "QUOTE_NONNUMERIC")
}


def reader(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `csv.reader(lines, ...)` and `csv.DictReader(lines, ...)`."""
    is_dict = name == "csv.DictReader"
    make: Callable[..., Iterator[Any]] = csv.DictReader if is_dict else csv.reader
    names = ("f", "fieldnames") if is_dict else ("csvfile", "dialect")
    given = dict(zip(names, arguments.values, strict=False))
    given |= {key: argument.value for key, argument in arguments.keywords.items()}
    source = given.pop(names[0], None)
    allowed = _OPTIONS | _OF_DICTS if is_dict else _OPTIONS
    if not isinstance(source, Known) or not isinstance(source.value, _SOURCES):
        return None
    if len(arguments.values) > 2 or not given.keys() <= allowed:
        return None
    try:
        options: dict[str, Any] = {
            key: concrete(resolve_symbolic(machine, value)) for key, value in given.items()
        }
        _ = make([""], **options)
    except NotConcrete as problem:
        return cause(problem.part, arguments.span)
    except (csv.Error, TypeError):
        return None
    rows = _rows(make, machine, source, options, arguments.span)
    return lazy_iterator(rows, "DictReader" if is_dict else "_csv.reader", arguments.span)


def _rows(
    make: Callable[..., Iterator[Any]],
    machine: Machine,
    source: Value,
    options: dict[str, Any],
    span: Span,
) -> Iterator[Value]:
    """Yield the rows as Python reads them from the lines, one by one."""
    try:
        for row in make(_lines(machine, source, span), **options):
            yield lift(row, span)
    except csv.Error as error:
        reason = Unknown(reason=f"Python raises csv.Error: {error}", origin=span)
        machine.may_raise()
        raise IterationUnknown(reason) from error


def _lines(machine: Machine, source: Value, span: Span) -> Iterator[Any]:
    """Yield the lines of a source, as Python's own texts."""
    for line in iterate(machine, source):
        if variables_of(line):
            text = "the lines are computed from an environment variable"
            raise IterationUnknown(Unknown(reason=text, origin=span))
        try:
            yield concrete(line)
        except NotConcrete as problem:
            raise IterationUnknown(cause(problem.part, span)) from problem


def text_file(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `io.StringIO(text)` and `io.BytesIO(data)`."""
    in_bytes = name == "io.BytesIO"
    if arguments.keywords or len(arguments.values) > 1:
        return None
    empty: str | bytes = b"" if in_bytes else ""
    values = arguments.values or [Known(empty, arguments.span)]
    given = resolve_symbolic(machine, values[0])
    kind = bytes if in_bytes else str
    if not isinstance(given, Known) or not isinstance(given.value, kind) or given.variables:
        return given if isinstance(given, Unknown) else None
    content = given.value
    lines = io.BytesIO(content) if isinstance(content, bytes) else io.StringIO(content)
    source = lift(iter(lines.readlines()), arguments.span)
    assert isinstance(source, Known)
    assert isinstance(source.value, IteratorValue)
    return Known(FileValue(source.value, in_bytes), arguments.span)


FUNCTIONS: dict[str, Callable[[Machine, str, CallArguments], Value | None]] = {
    "csv.reader": reader,
    "csv.DictReader": reader,
    "io.StringIO": text_file,
    "io.BytesIO": text_file,
}

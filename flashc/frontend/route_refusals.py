"""Report parameters of routes that FastAPI refuses, so that a worker would not start."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, get_args

from flashc_backends.runtime import placement
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_ir.endpoints import Parameter, Place

from .annotation_objects import AnnotationReader
from .stand_ins import is_opaque

_NO_SCHEMA = ("path", "query", "header", "cookie", "form", "file")


def report_refused(
    reader: AnnotationReader,
    given: list[inspect.Parameter],
    places: tuple[Place, ...],
    parameters: tuple[Parameter, ...],
    sink: Sink,
) -> None:
    """Report the parameters that FastAPI refuses; `given` are those that `reader` has read."""
    for read, place, parameter in zip(given, places, parameters, strict=True):
        for message, help in _refusals(read, place, reader):
            sink.report(
                rules.PARAMETER_REFUSED,
                parameter.span,
                f"FastAPI refuses the parameter `{parameter.name}`: {message}",
                notes=("the worker could not start",),
                help=(help,),
            )
            break


def _refusals(
    read: inspect.Parameter, place: Place, reader: AnnotationReader
) -> Iterator[tuple[str, str]]:
    """Yield why FastAPI refuses a parameter, each with what to write instead."""
    notes = [n for n in placement.notes_of(read.annotation) if placement.marker_name(n)]
    marked = [note for note in (read.default, *notes) if placement.marker_name(note)]
    kind = placement.plain_type(read.annotation)
    names = [placement.marker_name(note) for note in marked]
    takes = [name for name in names if name not in ("Depends", "Security")]
    if read.default in marked and notes:
        yield "it has a marker in `Annotated` and one as its default", "remove one of the two"
    if any(note.has_default for note in notes):
        yield "a marker in `Annotated` has no default", "write the default after `=`"
    if takes and placement.is_provided(kind):
        yield f"`{takes[0]}` can't mark what FastAPI makes itself", "remove the marker"
    if place.where == "path":
        yield from _in_path(read, notes, takes, kind)
    elif takes == ["Query"] and not _is_query(kind):
        yield "a query has texts, not objects", "mark it with `Body()`, or use a pydantic model"
    parts = placement.parts_of(read.annotation)
    if len(parts) > 1 and any(map(placement.is_provided, parts)):
        yield "FastAPI makes such an object only for the class itself", "annotate the class alone"
    if place.where in _NO_SCHEMA and len(notes) == len(placement.notes_of(read.annotation)):
        opaque = [k.__name__ for k in _classes(kind) if k in reader.plain_classes or is_opaque(k)]
        if opaque:
            yield (
                f"it can't make a `{opaque[0]}` of a text",
                "take a text or a number, or make it a field of the body of a POST route",
            )


def _in_path(
    read: inspect.Parameter, notes: list[Any], takes: list[str], kind: Any
) -> Iterator[tuple[str, str]]:
    """Yield why FastAPI refuses a parameter of the path."""
    if takes and takes != ["Path"]:
        yield f"`{takes[0]}` can't mark a parameter of the path", "remove the marker"
    has_default = read.default is not inspect.Parameter.empty
    if takes == ["Path"] and (has_default if notes else read.default.has_default):
        yield "a parameter of the path has no default", "remove the default"
    if any(map(placement.is_complex, placement.parts_of(kind))):
        yield "a parameter of the path is one text or number", "annotate it as `str` or `int`"


def _is_query(kind: Any) -> bool:
    """Return whether FastAPI accepts a type for a query: a value, a list of values, or a model."""
    if placement.fields_are_parameters(kind):
        return True
    return all(
        not placement.is_complex(part)
        or (
            placement.is_sequence(part)
            and not any(
                placement.is_complex(inner)
                for argument in get_args(part)
                for inner in placement.parts_of(argument)
            )
        )
        for part in placement.parts_of(kind)
    )


def _classes(kind: Any) -> Iterator[type]:
    """Yield the classes that an annotation names."""
    if isinstance(kind, type):
        yield kind
    for inner in get_args(kind):
        yield from _classes(inner)

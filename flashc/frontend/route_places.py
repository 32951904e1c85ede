"""Find which part of a request has each argument of a route, and what the route answers, from the function's signature.

The rule is implemented in the runtime, because workers apply it where the source does not show enough.
"""

from __future__ import annotations

import inspect
from typing import Any

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import FunctionValue
from flashc_backends.runtime import placement
from flashc_backends.runtime.place import Place as RuntimePlace
from flashc_core.encoding import is_text
from flashc_ir.endpoints import Answer, Function, Place

from .annotation_objects import AnnotationReader
from .decode import ArgumentDecoder
from .route_refusals import report_refused
from .stand_ins import MODEL, REQUEST, UPLOAD

# What a type may be that the source does not show: each leads to other places.
_GUESSES: tuple[Any, ...] = (object, MODEL, list[int], UPLOAD, bytes, REQUEST)


def places_of(
    decoder: ArgumentDecoder, value: FunctionValue, function: Function, method: str, path: str
) -> tuple[tuple[Place, ...], tuple[Place, ...]]:
    """Return where each argument of a route travels, and the arguments of its dependencies.

    A place is unknown if it depends on a type that the source does not show.  Parameters that
    FastAPI refuses are reported.
    """
    if function.decorated:  # the decorator decides which parameters there are
        return tuple(_unknown(parameter.name) for parameter in function.parameters), ()
    reader = AnnotationReader(machine=decoder.machine, function=value, guess=_GUESSES[0])
    readings: list[list[inspect.Parameter]] = [reader.parameters()]
    for guess in _GUESSES[1:] if reader.has_guessed else ():
        readings.append(
            AnnotationReader(machine=decoder.machine, function=value, guess=guess).parameters()
        )
    places = _agreed([placement.places_of(each, method, path) for each in readings])
    needs = _agreed([placement.needs_of(each, path) for each in readings])
    if not reader.has_guessed:
        report_refused(reader, readings[0], places, function.parameters, decoder.sink)
    return places, needs


def answer_of(machine: Machine, value: FunctionValue) -> tuple[Answer, bool]:
    """Return what a route answers, and whether FastAPI may have no schema for a type of its signature."""
    if value.decorated or value.memo is not None:
        return "any", True
    reader = AnnotationReader(machine=machine, function=value, guess=object)
    if value.node.returns is None:
        answer: Answer = "any"
    else:
        found = reader.returned()
        answer = "response" if placement.is_response(found) else "json"
        answer = "any" if reader.has_guessed else answer
    reader.parameters()
    return answer, reader.without_schema


def _agreed(readings: list[dict[str, RuntimePlace]]) -> tuple[Place, ...]:
    """Return the places that are the same in all readings; the others are unknown."""
    return tuple(
        _place(name, place)
        if is_text(place.alias) and all(r.get(name) == place for r in readings)
        else _unknown(name)
        for name, place in readings[0].items()
    )


def _unknown(parameter: str) -> Place:
    """Return the place of an argument of which only a worker knows where it travels."""
    return Place(parameter=parameter, where="unknown", alias=parameter)


def _place(parameter: str, found: RuntimePlace) -> Place:
    """Return the place of an argument."""
    where: Any = found.where
    return Place(
        parameter=parameter,
        where=where,
        alias=found.alias,
        embed=found.embed,
        by_flash=found.by_flash,
    )

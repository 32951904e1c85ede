"""Decide where each argument of a route travels: the rules of FastAPI, and those of Flash.

Handlers and stubs use the same rules.  FastAPI is not imported here: what belongs to it is known by
the names of its classes, because a stub may run where FastAPI is not needed.
"""

from __future__ import annotations

import collections.abc as abc
import inspect
import re
import sys
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin

MARKERS = {
    "Path": "path",
    "Query": "query",
    "Header": "header",
    "Cookie": "cookie",
    "Body": "body",
    "Form": "form",
    "File": "file",
    "Depends": "provided",
    "Security": "provided",
}
_PROVIDED = frozenset(
    {"HTTPConnection", "Response", "BackgroundTasks", "SecurityScopes"}
)  # and their subclasses, such as `Request`
BODY_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True)
class Place:
    """Where an argument travels: "path", "query", "header", "cookie", "body", "form" or "file".

    "provided" is what FastAPI makes itself, "nowhere" what no request can have.  `alias` is its name
    there.  `embed` says that it is a field of the body and not the whole body; elsewhere, that its
    own fields are parameters.  `by_flash` marks what FastAPI alone would take from elsewhere.
    """

    where: str
    alias: str
    embed: bool = False
    by_flash: bool = False


def places_of(
    parameters: abc.Sequence[inspect.Parameter], method: str, path: str
) -> dict[str, Place]:
    """Return where the argument of each parameter travels; annotations are objects."""
    in_path = set(re.findall(r"\{([^}:]*)(?::[^}]*)?\}", path))
    found = {p.name: _declared(p, in_path) for p in parameters}
    free = [p for p in parameters if found[p.name] is None]
    by_flash = method in BODY_METHODS and not any(_is_model(p.annotation) for p in parameters)
    multipart = by_flash and any(plain_type(p.annotation) is bytes for p in free)
    for parameter in free:
        found[parameter.name] = _free(parameter, by_flash, multipart)
    placed = {name: place for name, place in found.items() if place is not None}
    return _with_embedding(placed)


def _declared(parameter: inspect.Parameter, in_path: set[str]) -> Place | None:
    """Return the place that the path, a marker or the type of a parameter gives; None without."""
    name = parameter.name
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        return Place("nowhere", name)
    marker = marker_of(parameter)
    if name in in_path:
        return Place("path", name)
    if marker is not None:
        where = MARKERS[_marker_name(marker)]
        alias = getattr(marker, "alias", None)
        if alias is None and where == "header" and getattr(marker, "convert_underscores", True):
            alias = name.replace("_", "-")
        embed = bool(getattr(marker, "embed", False)) or (
            where != "body" and _is_model(parameter.annotation)
        )
        return Place(where, alias or name, embed)
    kind = plain_type(parameter.annotation)
    names = {base.__name__: base.__module__ for base in getattr(kind, "__mro__", ())}
    if any(names.get(n, "").startswith(("starlette.", "fastapi.")) for n in _PROVIDED):
        return Place("provided", name)
    if any(_is_upload(part) for part in _parts(parameter.annotation)):
        return Place("file", name)
    return None


def _free(parameter: inspect.Parameter, by_flash: bool, multipart: bool) -> Place:
    """Return the place of a parameter that nothing but its type says anything about."""
    name = parameter.name
    if multipart:
        is_file = plain_type(parameter.annotation) is bytes
        return Place("file" if is_file else "form", name, by_flash=True)
    if by_flash:
        return Place("body", name, embed=True, by_flash=True)
    is_complex = any(map(_is_complex, _parts(parameter.annotation)))
    return Place("body" if is_complex else "query", name)


def _with_embedding(places: dict[str, Place]) -> dict[str, Place]:
    """Return the places; several values in one body are fields of it, as FastAPI has it."""
    bodies = [place for place in places.values() if place.where == "body"]
    if len(bodies) < 2 and not any(place.embed for place in bodies):
        return places
    return {
        name: Place(p.where, p.alias, True, p.by_flash) if p.where == "body" else p
        for name, p in places.items()
    }


def marker_of(parameter: inspect.Parameter) -> Any:
    """Return FastAPI's marker of a parameter, such as `Query()`; None if there is none."""
    notes = get_args(parameter.annotation)[1:] if _is_annotated(parameter.annotation) else ()
    for note in (parameter.default, *reversed(notes)):
        if _marker_name(note):
            return note
    return None


def _marker_name(note: Any) -> str:
    """Return the name of the class of a marker, "" for anything else."""
    for base in type(note).__mro__:
        if base.__module__ == "fastapi.params" and base.__name__ in MARKERS:
            return str(base.__name__)
    return ""


def _is_annotated(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated


def plain_type(annotation: Any) -> Any:
    """Return an annotation without the notes of `Annotated`."""
    return get_args(annotation)[0] if _is_annotated(annotation) else annotation


def _parts(annotation: Any) -> list[Any]:
    """Return an annotation, or the members of a union, without notes."""
    kind = plain_type(annotation)
    if get_origin(kind) is Union or type(kind).__name__ == "UnionType":
        return [part for member in get_args(kind) for part in _parts(member)]
    return [kind]


def _is_class(kind: Any) -> bool:
    """Return whether `issubclass` accepts `kind`; in Python 3.10, `list[str]` is an instance of `type`."""
    return isinstance(kind, type) and get_origin(kind) is None


def _is_model(annotation: Any) -> bool:
    """Return whether an annotation is a pydantic model; Flash then leaves all to FastAPI."""
    kind = plain_type(annotation)
    model = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    return model is not None and _is_class(kind) and issubclass(kind, model)


def _is_upload(kind: Any) -> bool:
    """Return whether a type is an uploaded file, or a list of them."""
    inner = get_args(kind)
    if inner and get_origin(kind) in (list, tuple, set, abc.Sequence):
        kind = inner[0]
    return any(base.__name__ == "UploadFile" for base in getattr(kind, "__mro__", ()))


def _is_complex(kind: Any) -> bool:
    """Return whether FastAPI takes values of a type from the body if nothing else is said."""
    whole = get_origin(kind) or kind
    if not isinstance(whole, type):
        return False
    if issubclass(whole, (str, bytes)):
        return False
    return _is_model(whole) or is_dataclass(whole) or issubclass(whole, _CONTAINERS)


_CONTAINERS = (abc.Mapping, abc.Sequence, abc.Set)

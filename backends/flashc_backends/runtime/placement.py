"""Decide where each argument of a route travels: the rules of FastAPI, and those of Flash.

The compiler applies the rules to what the source says; workers apply them to routes of which the
source does not say enough.  FastAPI is not imported here: what belongs to it is known by the names of
its classes, because a stub may run where FastAPI is not needed.
"""

from __future__ import annotations

import collections.abc as abc
import inspect
import re
from dataclasses import is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from .hints import evaluate
from .place import Place

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
_OF_TEXTS = frozenset({"query", "header", "cookie", "form"})
_IN_BODY = frozenset({"body", "form", "file"})
BODY_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


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
    return _in_one_body(placed, needs_of(parameters, path))


def needs_of(parameters: abc.Sequence[inspect.Parameter], path: str) -> dict[str, Place]:
    """Return where the dependencies of parameters take their own arguments from.

    The keys are names such as `user.token`.  The place "unknown" stands for a dependency without a
    signature.
    """
    found: dict[str, Place] = {}
    for parameter in parameters:
        marker = marker_of(parameter)
        if marker is None or MARKERS[marker_name(marker)] != "provided":
            continue
        name = parameter.name
        dependency = marker.dependency or plain_type(parameter.annotation)
        try:
            own = _typed_parameters(dependency)
        except (TypeError, ValueError):
            found[name] = Place("unknown", name)
            continue
        inner = {**places_of(own, "GET", path), **needs_of(own, path)}
        taken = {key: place for key, place in inner.items() if place.where != "provided"}
        found.update({f"{name}.{key}": place for key, place in taken.items()})
    return found


def _typed_parameters(function: Any) -> list[inspect.Parameter]:
    """Return the parameters of a dependency with annotations that are objects.

    Raises:
        TypeError: it is not callable.
        ValueError: it has no signature.
    """
    own = function if inspect.isroutine(function) else getattr(function, "__init__", function)
    return [
        p.replace(annotation=evaluate(p.annotation, own))
        for p in inspect.signature(function).parameters.values()
    ]


def _declared(parameter: inspect.Parameter, in_path: set[str]) -> Place | None:
    """Return the place that the path, a marker or the type of a parameter gives; None without."""
    name = parameter.name
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        return Place("nowhere", name)
    marker = marker_of(parameter)
    if name in in_path:
        return Place("path", name)
    if marker is not None:
        where = MARKERS[marker_name(marker)]
        alias = getattr(marker, "alias", None)
        if alias is None and where == "header" and getattr(marker, "convert_underscores", True):
            alias = name.replace("_", "-")
        embed = bool(getattr(marker, "embed", False)) or (
            where in _OF_TEXTS and fields_are_parameters(parameter.annotation)
        )
        return Place(where, alias or name, embed)
    kind = plain_type(parameter.annotation)
    if is_provided(kind):
        return Place("provided", name)
    return None


def _free(parameter: inspect.Parameter, by_flash: bool, multipart: bool) -> Place:
    """Return the place of a parameter that nothing but its type says anything about."""
    name = parameter.name
    if _is_file(parameter.annotation) and not (by_flash and _is_bare(parameter.annotation)):
        return Place("file", name)
    if multipart:
        is_file = plain_type(parameter.annotation) is bytes
        return Place("file" if is_file else "form", name, by_flash=True)
    if by_flash:
        return Place("body", name, embed=True, by_flash=True)
    in_body = any(map(is_complex, parts_of(parameter.annotation)))
    return Place("body" if in_body else "query", name)


def _in_one_body(places: dict[str, Place], needs: dict[str, Place]) -> dict[str, Place]:
    """Return the places; several values in one body are fields of it, as FastAPI has it.

    A form has no other body, so that values for the body are fields of the form.
    """
    inside = {**places, **{name.rpartition(".")[2]: place for name, place in needs.items()}}
    inside = {name: place for name, place in inside.items() if place.where in _IN_BODY}
    where = "body" if all(place.where == "body" for place in inside.values()) else "form"
    if where == "body" and len(inside) < 2 and not any(p.embed for p in inside.values()):
        return places
    return {
        name: Place(where, p.alias, where == "body", p.by_flash) if p.where == "body" else p
        for name, p in places.items()
    }


def marker_of(parameter: inspect.Parameter) -> Any:
    """Return FastAPI's marker of a parameter, such as `Query()`; None if there is none."""
    for note in (parameter.default, *reversed(notes_of(parameter.annotation))):
        if marker_name(note):
            return note
    return None


def notes_of(annotation: Any) -> tuple[Any, ...]:
    """Return the notes of `Annotated`; none for other annotations."""
    return get_args(annotation)[1:] if _is_annotated(annotation) else ()


def marker_name(note: Any) -> str:
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


def parts_of(annotation: Any) -> list[Any]:
    """Return an annotation, or the members of a union, without notes."""
    kind = plain_type(annotation)
    if get_origin(kind) is Union or type(kind).__name__ == "UnionType":
        return [part for member in get_args(kind) for part in parts_of(member)]
    return [kind]


def _is_class(kind: Any) -> bool:
    """Return whether `issubclass` accepts `kind`; in Python 3.10, `list[str]` is an instance of `type`."""
    return isinstance(kind, type) and get_origin(kind) is None


def _is_model(annotation: Any) -> bool:
    """Return whether an annotation is a pydantic model; Flash then leaves all to FastAPI."""
    return _is_named(plain_type(annotation), "BaseModel", "pydantic.main")


def fields_are_parameters(annotation: Any) -> bool:
    """Return whether FastAPI reads the fields of a marked model, which may be optional, one by one."""
    members = [part for part in parts_of(annotation) if part is not type(None) and part is not None]
    return len(members) == 1 and _is_model(members[0])


def is_provided(kind: Any) -> bool:
    """Return whether FastAPI makes the objects of a class itself."""
    return any(_is_named(kind, provided, "starlette.", "fastapi.") for provided in _PROVIDED)


def is_response(annotation: Any) -> bool:
    """Return whether an annotation says that the function makes the whole answer itself."""
    return _is_named(plain_type(annotation), "Response", "starlette.")


def _is_named(kind: Any, name: str, *modules: str) -> bool:
    """Return whether a class or a base of it has this name, in one of these modules."""
    bases = kind.__mro__ if _is_class(kind) else ()
    return any(b.__name__ == name and b.__module__.startswith(modules) for b in bases)


def _is_file(annotation: Any) -> bool:
    """Return whether FastAPI takes values of a type from files if nothing else is said."""
    parts = parts_of(annotation)
    return any(map(_is_upload, parts)) or any(
        is_sequence(part) and all(any(map(_is_upload, parts_of(a))) for a in get_args(part))
        for part in parts
    )


def _is_bare(annotation: Any) -> bool:
    """Return whether a type is a list without a type of its items, which FastAPI takes for files."""
    return not any(_is_upload(a) for part in parts_of(annotation) for a in (part, *get_args(part)))


def _is_upload(kind: Any) -> bool:
    """Return whether a type is an uploaded file."""
    return _is_named(kind, "UploadFile", "starlette.", "fastapi.")


def is_sequence(kind: Any) -> bool:
    """Return whether a type is a list or the like, as FastAPI means it."""
    whole = get_origin(kind) or kind
    return (
        isinstance(whole, type)
        and issubclass(whole, (abc.Sequence, set, frozenset))
        and not issubclass(whole, (str, bytes))
    )


def is_complex(kind: Any) -> bool:
    """Return whether FastAPI takes values of a type from the body if nothing else is said."""
    whole = get_origin(kind) or kind
    if not isinstance(whole, type):
        return False
    is_mapping = issubclass(whole, abc.Mapping)
    return is_sequence(kind) or is_mapping or _is_model(whole) or is_dataclass(whole)

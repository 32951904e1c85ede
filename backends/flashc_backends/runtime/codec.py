"""Find the codec of an annotation: how its values are written as JSON data, and read again."""

from __future__ import annotations

import collections
import collections.abc as abc
import typing
from typing import Any

from .containers import Items, Mapped, OneOf, Optional, Pairs
from .kinds import LiteralCodec, TextBytes, kind_codec
from .records import record_codec
from .values import PLAIN, SCALARS, Codec

_cache: dict[Any, Codec] = {}
# What stands for the type variables of a generic class; `WEB` is there for the codecs of routes.
Scope = abc.Mapping[Any, Any]
WEB = "web"


def codec_of(annotation: Any, scope: Scope | None = None) -> Codec:
    """Return the codec of an annotation; one that takes plain JSON if it says nothing about JSON."""
    if not scope:
        try:
            if annotation in _cache:
                return _cache[annotation]
        except TypeError:  # an annotation that contains something unhashable
            return _find(annotation, {})
    codec = _find(annotation, scope or {})
    if not scope:
        _cache[annotation] = codec
    return codec


def _find(annotation: Any, scope: Scope) -> Codec:
    """Return the codec of an annotation that is not in the cache."""
    if annotation is Any or annotation is typing.NoReturn:
        return PLAIN
    if isinstance(annotation, typing.TypeVar):
        return _of_variable(annotation, scope)
    inner = _unwrapped(annotation)
    if inner is not annotation:
        return codec_of(inner, scope)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _annotated(annotation, arguments, scope)
    if origin is typing.Literal:
        return LiteralCodec(arguments)
    if origin is typing.Union or type(annotation).__name__ == "UnionType":
        return _union(arguments, scope)
    kind = origin if origin is not None else annotation
    if hasattr(kind, "__value__") and not isinstance(kind, type):  # `type X = ...`
        return codec_of(kind.__value__, _bound(kind, arguments, scope))
    if not isinstance(kind, type):
        return PLAIN
    if origin is None and kind in SCALARS:
        return SCALARS[kind]
    if kind in (bytes, bytearray) and WEB in scope:
        return TextBytes(kind)
    return (
        _container(kind, arguments, scope)
        or kind_codec(kind, arguments)
        or record_codec(kind, codec_of, _bound(kind, arguments, scope))
        or PLAIN
    )


def _unwrapped(annotation: Any) -> Any:
    """Return what `NewType`, `Final[...]`, `Required[...]` and the like are around."""
    if hasattr(annotation, "__supertype__"):
        return annotation.__supertype__
    origin = typing.get_origin(annotation)
    name = getattr(origin, "_name", None) or getattr(origin, "__name__", "")
    arguments = typing.get_args(annotation)
    if name in _WRAPPERS and len(arguments) == 1:
        return arguments[0]
    if type(annotation).__name__ == "InitVar":
        return annotation.type
    return annotation


_WRAPPERS = frozenset({"Final", "ClassVar", "Required", "NotRequired", "ReadOnly", "Awaitable"})


def _of_variable(variable: typing.TypeVar, scope: Scope) -> Codec:
    """Return the codec of what stands for a type variable, or of its bound."""
    if variable in scope:
        return codec_of(scope[variable], _web_flag(scope))
    if variable.__constraints__:
        return _union(variable.__constraints__, _web_flag(scope))
    return PLAIN if variable.__bound__ is None else codec_of(variable.__bound__, _web_flag(scope))


def _bound(kind: Any, arguments: tuple[Any, ...], scope: Scope) -> Scope:
    """Return what stands for the type variables of a generic class or alias."""
    variables: Any = getattr(kind, "__parameters__", None) or getattr(kind, "__type_params__", ())
    given = [scope.get(a, a) if isinstance(a, typing.TypeVar) else a for a in arguments]
    found = {**_web_flag(scope), **dict(zip(variables, given, strict=False))}
    for base in getattr(kind, "__orig_bases__", ()):  # `class Deeper(Box[int])`
        found = {**_bound(typing.get_origin(base), typing.get_args(base), found), **found}
    return found


def _web_flag(scope: Scope) -> Scope:
    """Return a scope with only the flag `WEB`, if the scope has it."""
    return {WEB: True} if WEB in scope else {}


def _annotated(annotation: Any, arguments: tuple[Any, ...], scope: Scope) -> Codec:
    """Return the codec of `Annotated[T, ...]`; constraints of pydantic are checked by pydantic."""
    codec = codec_of(arguments[0], scope)
    homes = {type(note).__module__.partition(".")[0] for note in arguments[1:]}
    if homes & {"pydantic", "annotated_types"}:
        from .models import Constrained

        return Constrained(codec, annotation)
    return codec


def _union(arguments: tuple[Any, ...], scope: Scope) -> Codec:
    """Return the codec of a union."""
    members = [codec_of(argument, scope) for argument in arguments if argument is not type(None)]
    codec = members[0] if len(members) == 1 else OneOf(members, WEB not in scope)
    return codec if len(members) == len(arguments) else Optional(codec)


_SETS = {set: set, frozenset: frozenset, abc.Set: frozenset, abc.MutableSet: set}
_LISTS = {
    list: list,
    tuple: tuple,
    collections.deque: collections.deque,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Collection: list,
}
_STREAMS = (
    abc.Iterable,
    abc.Iterator,
    abc.Generator,
    abc.AsyncIterable,
    abc.AsyncIterator,
    abc.AsyncGenerator,
)
_MAPPINGS = {
    dict: dict,
    collections.OrderedDict: collections.OrderedDict,
    collections.Counter: collections.Counter,
    abc.Mapping: dict,
    abc.MutableMapping: dict,
}


def _container(kind: type, arguments: tuple[Any, ...], scope: Scope) -> Codec | None:
    """Return the codec of a list, set, tuple or mapping."""
    inner = [codec_of(argument, scope) for argument in arguments if argument is not ...]
    if kind is tuple and arguments and arguments[-1] is not ...:
        return Pairs([] if arguments == ((),) else inner)
    first = inner[0] if inner else PLAIN
    if kind in _SETS:
        return Items(_SETS[kind], first, abc.Set if kind is abc.Set else kind)
    if kind in _LISTS:
        return Items(_LISTS[kind], first, kind)
    if kind in _STREAMS:
        return Items(list, first, abc.Iterable)
    if kind is collections.Counter:
        return Mapped(collections.Counter, first, SCALARS[int], kind)
    if kind is collections.defaultdict:
        # The function that makes missing values can't be sent.
        return Mapped(dict, first, inner[1] if len(inner) > 1 else PLAIN, kind)
    if kind in _MAPPINGS:
        value = inner[1] if len(inner) > 1 else PLAIN
        return Mapped(_MAPPINGS[kind], first if inner else SCALARS[str], value, kind)
    return None


def element_of(annotation: Any) -> Any:
    """Return the annotation of what a generator yields, by the annotation of its result."""
    arguments = typing.get_args(annotation)
    return arguments[0] if arguments and typing.get_origin(annotation) in _STREAMS else Any

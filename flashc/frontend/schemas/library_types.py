"""Say how values of types from outside the project travel as JSON: those of Python, numpy, pydantic."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from flashc_ir.schemas import (
    ANY,
    BOOLEAN,
    INTEGER,
    NUMBER,
    NUMBER_KEYS,
    STRING,
    Anything,
    Choice,
    Limit,
    ListOf,
    OneOf,
    Plain,
    Property,
    Record,
    Schema,
    union_of,
    with_limits,
)

Way = Literal["in", "out"]
ANNOTATED = frozenset({"typing.Annotated", "typing_extensions.Annotated"})
LITERAL = frozenset({"typing.Literal", "typing_extensions.Literal"})
UNION = frozenset({"typing.Union", "typing_extensions.Union", "types.UnionType"})
OPTIONAL = frozenset({"typing.Optional", "typing_extensions.Optional"})
# What says something about a name or a field, and nothing about its values.
WRAPPERS = frozenset(
    f"{module}.{name}"
    for module in ("typing", "typing_extensions", "dataclasses")
    for name in ("Final", "ClassVar", "Required", "NotRequired", "ReadOnly", "Awaitable", "InitVar")
) | {"collections.abc.Awaitable"}
STREAMS = frozenset(
    f"{module}.{name}"
    for module in ("typing", "collections.abc")
    for name in ("Iterable", "Iterator", "Generator")
    + ("AsyncIterable", "AsyncIterator", "AsyncGenerator")
)


def _named(names: str, *modules: str) -> frozenset[str]:
    return frozenset(f"{module}.{name}" for module in modules for name in names.split())


LISTS = (
    _named("list", "builtins")
    | _named("List Deque Sequence MutableSequence Collection", "typing")
    | _named("Sequence MutableSequence Collection", "collections.abc")
    | {"collections.deque"}
    | STREAMS
)
SEQUENCES = _named("Sequence Collection", "typing", "collections.abc") | STREAMS
"""Those of which a text is one too."""
SETS = (
    _named("set frozenset", "builtins")
    | _named("Set FrozenSet AbstractSet MutableSet", "typing")
    | _named("Set MutableSet", "collections.abc")
)
TUPLES = frozenset({"builtins.tuple", "typing.Tuple"})
MAPPINGS = (
    _named("dict", "builtins")
    | _named("Dict Mapping MutableMapping OrderedDict DefaultDict", "typing")
    | _named("Mapping MutableMapping", "collections.abc")
    | _named("OrderedDict defaultdict", "collections")
)
COUNTERS = frozenset({"collections.Counter", "typing.Counter"})
ARRAYS = frozenset({"numpy.ndarray", "numpy.typing.NDArray"})

DECIMAL = Plain(type="string", format="decimal")
_DATES = {
    "datetime.datetime": "date-time",
    "datetime.date": "date",
    "datetime.time": "time",
    "uuid.UUID": "uuid",
    "fractions.Fraction": "fraction",
    "pathlib.Path": "path",
    "pathlib.PosixPath": "path",
    "pathlib.PurePath": "path",
    "pathlib.PurePosixPath": "path",
    "ipaddress.IPv4Address": "ipv4",
    "ipaddress.IPv6Address": "ipv6",
    "ipaddress.IPv4Network": "ipv4network",
    "ipaddress.IPv6Network": "ipv6network",
    "ipaddress.IPv4Interface": "ipv4interface",
    "ipaddress.IPv6Interface": "ipv6interface",
}
_PLAIN: dict[str, Schema] = {
    "builtins.int": INTEGER,
    "builtins.float": NUMBER,
    "builtins.bool": BOOLEAN,
    "builtins.str": STRING,
    "builtins.object": ANY,
    "typing.Any": ANY,
    "typing_extensions.Any": ANY,
    "typing.NoReturn": ANY,
    "typing.Never": ANY,
    **{name: Plain(type="string", format=text) for name, text in _DATES.items()},
}
_NUMPY = {
    **{f"numpy.float{bits}": NUMBER for bits in (16, 32, 64)},
    **{f"numpy.{u}int{bits}": INTEGER for u in ("", "u") for bits in (8, 16, 32, 64)},
    "numpy.bool_": BOOLEAN,
    "numpy.bool": BOOLEAN,
}
# Types that pydantic defines; a job's own codec leaves their values as they are.
_BOUNDS = {
    "Positive": Limit("exclusiveMinimum", 0),
    "Negative": Limit("exclusiveMaximum", 0),
    "NonNegative": Limit("minimum", 0),
    "NonPositive": Limit("maximum", 0),
}
_PYDANTIC: dict[str, Schema] = {
    **{
        f"pydantic.{word}{kind}": with_limits(json, (limit,))
        for word, limit in _BOUNDS.items()
        for kind, json in (("Int", INTEGER), ("Float", NUMBER))
    },
    "pydantic.StrictInt": INTEGER,
    "pydantic.StrictFloat": NUMBER,
    "pydantic.StrictStr": STRING,
    "pydantic.StrictBool": BOOLEAN,
    "pydantic.FiniteFloat": NUMBER,
    **{f"pydantic.UUID{version}": Plain(type="string", format="uuid") for version in range(1, 9)},
}
_OF_MODELS: dict[str, Schema] = {
    "pydantic.EmailStr": Plain(type="string", format="email"),
    "pydantic.SecretStr": Plain(type="string", format="password"),
    "pydantic.Json": Plain(type="string"),
    **{
        f"pydantic.{name}": Plain(type="string", format="uri", limits=(Limit("minLength", 1),))
        for name in ("AnyUrl", "AnyHttpUrl", "HttpUrl", "FileUrl")
    },
    **{
        f"pydantic.{name}": Plain(type="string", format="date-time")
        for name in ("AwareDatetime", "NaiveDatetime", "FutureDatetime", "PastDatetime")
    },
    **{f"pydantic.{n}": Plain(type="string", format="date") for n in ("FutureDate", "PastDate")},
}
_BYTES = frozenset({"builtins.bytes", "builtins.bytearray", "builtins.memoryview"})
_UPLOADS = frozenset({"fastapi.UploadFile", "starlette.datastructures.UploadFile"}) | {
    "fastapi.datastructures.UploadFile"
}


def of_name(name: str, way: Way, *, by_pydantic: bool) -> Schema:
    """Return the schema of a type outside the project; any data if flashc does not know the type.

    `by_pydantic` says that pydantic converts the values, as in routes and models, and not the codec of
    jobs.
    """
    if name in _NUMPY:
        return replace(_NUMPY[name], loose=way == "in")
    if name in _PLAIN or name in _PYDANTIC:
        return _PLAIN.get(name) or _PYDANTIC[name]
    if name in _BYTES:
        return Plain(type="string", format="binary" if by_pydantic else "base64")
    if name in _UPLOADS:
        return Plain(type="string", format="binary")
    if name == "datetime.timedelta":
        return Plain(type="string", format="duration" if by_pydantic else "seconds")
    if name == "decimal.Decimal":
        return DECIMAL if way == "out" else union_of((NUMBER, DECIMAL))
    if by_pydantic and name in _OF_MODELS:
        return _OF_MODELS[name]
    return Anything(note=f"flashc does not know the JSON of `{name}`")


ARRAY_BYTES = Record(
    properties=(
        Property(name="dtype", schema=STRING),
        Property(name="shape", schema=ListOf(item=INTEGER)),
        Property(name="data", schema=Plain(type="string", format="base64")),
    )
)
"""The schema of an array of numpy as its bytes."""


def array_items(own: Schema) -> Schema:
    """Return the schema of an array of numpy as lists of numbers; `own` refers to the schema itself."""
    return ListOf(item=OneOf(members=(NUMBER, BOOLEAN, own)))


# Keys of objects ------------------------------------------------------------------------------------


def key_of(schema: Schema) -> Schema | None:
    """Return the schema of a key of an object, which is a text; None if the codec writes pairs."""
    match schema:
        case Plain(type="string"):
            return schema
        case Plain(type="integer" | "number"):
            return Plain(type="string", limits=(Limit("pattern", NUMBER_KEYS[schema.type]),))
        case Plain(type="boolean"):
            return Choice(values=('"true"', '"false"'))
        case Plain(type="null"):
            return Choice(values=('"null"',))
        case OneOf(members=(first, second), tagged=False) if {first, second} == {NUMBER, DECIMAL}:
            return DECIMAL  # what a `Decimal` accepts
        case Choice(values=values):
            return _key_choice(values)
        case _:
            return None


def _key_choice(values: tuple[str, ...]) -> Schema | None:
    """Return the schema of a key that is one of some values."""
    if all(value.startswith('"') for value in values):
        return Choice(values=values)
    if any(value[0] in '"[{' for value in values):
        return None
    return Choice(values=tuple(f'"{value}"' for value in values))

"""Provide stand-ins for the classes of libraries that annotations of routes name.

A stand-in has what the rule in `flashc_backends.runtime.placement` looks at: the names and modules of
a class and its bases, and the attributes of a marker.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

UNKNOWN = object()
_OURS: set[type] = set()


def _class(name: str, module: str, *bases: type) -> type:
    """Return a stand-in for a class of a library."""
    made = type(name, bases, {"__module__": module})
    _OURS.add(made)
    return made


MODEL = _class("BaseModel", "pydantic.main")
UPLOAD = _class("UploadFile", "starlette.datastructures")
REQUEST = _class("Request", "starlette.requests", _class("HTTPConnection", "starlette.requests"))
_RESPONSE = _class("Response", "starlette.responses")
_TASKS = _class("BackgroundTasks", "starlette.background")
_SCALAR = _class("Scalar", "pydantic.types")
_MARKER_NAMES = ("Path", "Query", "Header", "Cookie", "Body", "Form", "File", "Depends", "Security")
_MARKERS = {name: _class(name, "fastapi.params") for name in _MARKER_NAMES}
RESPONSES = frozenset(
    f"{package}.responses.{name}Response"
    for package in ("fastapi", "starlette")
    for name in ("", "HTML", "JSON", "PlainText", "Redirect", "Streaming", "File")
) | {"fastapi.Response"}
_SCALARS = (
    "EmailStr NameEmail SecretStr SecretBytes AnyUrl AnyHttpUrl HttpUrl FileUrl IPvAnyAddress UUID1 "
    "UUID4 PositiveInt PositiveFloat NonNegativeInt NonNegativeFloat NegativeInt NegativeFloat "
    "StrictStr StrictInt StrictBool StrictFloat FutureDate PastDate AwareDatetime NaiveDatetime "
    "FutureDatetime PastDatetime ByteSize"
).split()
_LIBRARIES: dict[str, type] = {
    **{
        f"{package}.{name}": REQUEST
        for package in ("fastapi", "fastapi.requests", "starlette.requests")
        for name in ("Request", "HTTPConnection")
    },
    **dict.fromkeys(RESPONSES, _RESPONSE),
    "fastapi.BackgroundTasks": _TASKS,
    "fastapi.background.BackgroundTasks": _TASKS,
    "starlette.background.BackgroundTasks": _TASKS,
    "fastapi.security.SecurityScopes": _class("SecurityScopes", "fastapi.security.oauth2"),
    "fastapi.UploadFile": UPLOAD,
    "fastapi.datastructures.UploadFile": UPLOAD,
    "starlette.datastructures.UploadFile": UPLOAD,
    "pydantic.BaseModel": MODEL,
    "pydantic.RootModel": MODEL,
    "pydantic_settings.BaseSettings": MODEL,
    **{f"pydantic.{name}": _SCALAR for name in _SCALARS},
}
# Well-known classes of which pydantic has no schema.
_OPAQUE: dict[str, type] = {
    name: _class(name.rpartition(".")[2], name.rpartition(".")[0])
    for name in (
        *("numpy.ndarray", "numpy.float32", "numpy.float64", "numpy.int32", "numpy.int64"),
        *("torch.Tensor", "PIL.Image.Image", "pandas.DataFrame", "pandas.Series"),
    )
}
# Modules of the standard library whose classes stand for themselves.
_STANDARD = frozenset(
    "builtins typing collections collections.abc datetime decimal uuid fractions ipaddress pathlib "
    "enum abc numbers zoneinfo re".split()
)


# Standard types of which pydantic has a schema; it has none of most others.
_WITH_SCHEMA = {
    "builtins": "int float complex bool str bytes bytearray list dict tuple set frozenset object type",
    "typing": (
        "Any Annotated Optional Union Literal List Dict Tuple Set FrozenSet Sequence Mapping Iterable Type "
        "NamedTuple TypedDict Generic Deque DefaultDict Counter OrderedDict Callable Hashable Pattern"
    ),
    "datetime": "date datetime time timedelta",
    "decimal": "Decimal",
    "uuid": "UUID",
    "collections": "deque OrderedDict defaultdict Counter",
    "collections.abc": "Sequence Mapping Set MutableSequence MutableMapping MutableSet Iterable Callable",
    "re": "Pattern",
    "zoneinfo": "ZoneInfo",
}
_ALL_WITH_SCHEMA = frozenset({"pathlib", "ipaddress", "enum", "fractions"})


def has_schema(name: str) -> bool:
    """Return whether pydantic surely has a schema of what has this name outside the project."""
    module, _, last = name.rpartition(".")
    module = "typing" if module == "typing_extensions" else module
    if name == "typing.TypedDict":  # pydantic refuses it before Python 3.12
        return False
    if name in _LIBRARIES or module in _ALL_WITH_SCHEMA:
        return True
    return last in _WITH_SCHEMA.get(module, "").split()


def external(name: str) -> object:
    """Return the object of a name outside the project; `UNKNOWN` if flashc does not know it."""
    if name in _LIBRARIES or name in _OPAQUE:
        return _LIBRARIES.get(name) or _OPAQUE[name]
    module, _, last = name.rpartition(".")
    module = "typing" if module == "typing_extensions" else module
    return getattr(import_module(module), last, UNKNOWN) if module in _STANDARD else UNKNOWN


def is_stand_in(kind: type) -> bool:
    """Return whether a class is a stand-in, or a class of the project."""
    return kind in _OURS or kind.__module__.partition(".")[0] not in _STANDARD


def is_opaque(kind: object) -> bool:
    """Return whether pydantic surely has no schema of a class of a library."""
    return kind in _OPAQUE.values()


def marker(name: str, options: Mapping[str, object]) -> object:
    """Return a stand-in for a marker of FastAPI."""
    made: object = _MARKERS[name]()
    for key, value in options.items():
        setattr(made, key, value)
    return made

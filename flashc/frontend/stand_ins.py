"""Stand-ins for the classes of libraries that annotations of routes name.

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
# Modules of the standard library whose classes stand for themselves.
_STANDARD = frozenset(
    "builtins typing collections collections.abc datetime decimal uuid fractions ipaddress pathlib "
    "enum abc numbers zoneinfo re".split()
)


def external(name: str) -> object:
    """Return the object of a name outside the project; `UNKNOWN` if flashc does not know it."""
    if name in _LIBRARIES:
        return _LIBRARIES[name]
    module, _, last = name.rpartition(".")
    module = "typing" if module == "typing_extensions" else module
    return getattr(import_module(module), last, UNKNOWN) if module in _STANDARD else UNKNOWN


def is_stand_in(kind: type) -> bool:
    """Return whether a class is a stand-in, or a class of the project."""
    return kind in _OURS or kind.__module__.partition(".")[0] not in _STANDARD


def marker(name: str, options: Mapping[str, object]) -> object:
    """Return a stand-in for a marker of FastAPI."""
    made: object = _MARKERS[name]()
    for key, value in options.items():
        setattr(made, key, value)
    return made

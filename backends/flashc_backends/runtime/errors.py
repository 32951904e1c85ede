"""Define the exceptions of a call to another endpoint, and rebuild those of the other worker."""

from __future__ import annotations

import builtins
import json
import sys
from typing import Any


class RemoteError(Exception):
    """A call to another endpoint failed; `str()` gives the remote message.

    `endpoint` and `function` name what was called.  `remote_type` is the qualified name of the
    exception's type on the other worker, `remote_traceback` its traceback there, `status` the
    platform's name of the failure.
    """

    endpoint: str = ""
    function: str = ""
    remote_type: str = ""
    remote_traceback: str = ""
    status: str = ""


class RemoteTimeout(RemoteError, TimeoutError):
    """The called endpoint did not answer in time."""


class EndpointNotFound(RemoteError, LookupError):
    """The platform knows no endpoint of this name in this app and environment."""


class InvalidInput(ValueError):
    """A job's input does not fit the endpoint's function."""


class InvalidResult(TypeError):
    """JSON can't represent what an endpoint's function returned."""


class RemoteTraceback(Exception):
    """The cause of a `RemoteError`, which shows the traceback of the other worker."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def failure(
    kind: type[RemoteError], endpoint: str, function: str, message: str, status: str = ""
) -> RemoteError:
    """Return the exception for a call that got no result and no exception of the other code."""
    error = kind(message)
    error.endpoint, error.function, error.status = endpoint, function, status
    return error


def remote_failure(endpoint: str, function: str, record: Any, status: str) -> RemoteError:
    """Return the exception for a failed job, from what the platform reports about it.

    `record` is JSON text of the SDK (`error_type`, `error_message`, `error_traceback`), the parsed
    object, or any other text.  If the remote type is a builtin, or a class of a module that this
    process has imported too, the exception is also an instance of that class, so that `except
    ValueError:` works across endpoints.
    """
    details = _details(record)
    name = str(details.get("error_type", ""))
    if name.startswith("<class '"):
        name = name[8:-2]
    message = str(details.get("error_message", record if not details else ""))
    error = _class_for(name)(message)
    error.endpoint, error.function, error.status = endpoint, function, status
    error.remote_type = name
    error.remote_traceback = str(details.get("error_traceback", ""))
    if error.remote_traceback:
        error.__cause__ = RemoteTraceback(error.remote_traceback)
    return error


def _details(record: Any) -> dict[str, Any]:
    """Return the SDK's record of an exception as a dictionary; {} if it is something else."""
    if isinstance(record, str):
        try:
            record = json.loads(record)
        except ValueError:
            return {}
    if isinstance(record, dict) and ("error_type" in record or "error_message" in record):
        return record
    return {}


_classes: dict[str, type[RemoteError]] = {}


def _class_for(name: str) -> type[RemoteError]:
    """Return a class that derives from RemoteError and, if possible, from the named class."""
    if name not in _classes:
        _classes[name] = _mixed(_find(name))
    return _classes[name]


def _find(name: str) -> type[Exception] | None:
    """Return the exception class of a qualified name, if this process has imported its module."""
    module, _, attribute = name.rpartition(".")
    home = builtins if module in ("", "builtins") else sys.modules.get(module)
    found = getattr(home, attribute, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _mixed(kind: type[Exception] | None) -> type[RemoteError]:
    """Return a class that derives from RemoteError and `kind`; RemoteError if Python refuses it."""
    if kind is None or issubclass(RemoteError, kind):
        return RemoteError
    if issubclass(kind, RemoteError):
        return kind

    def build(self: Exception, message: str) -> None:
        # The remote class's own constructor may want other arguments, or have effects.
        Exception.__init__(self, message)

    def text(self: Exception) -> str:
        return str(self.args[0])

    body = {"__init__": build, "__str__": text, "__module__": kind.__module__}
    try:
        mixed = type(kind.__name__, (RemoteError, kind), body)
        mixed("")
    except TypeError:  # the two have different memory layouts, or `__new__` wants more
        return RemoteError
    return mixed

"""Make the exception of a call that failed; that of the other worker is rebuilt from its record."""

from __future__ import annotations

import builtins
import json
import os
import sys
from typing import Any

from .errors import RemoteError


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
    name = _text(details.get("error_type", ""))
    if name.startswith("<class '"):
        name = name[8:-2]
    message = _text(details.get("error_message", record if not details else ""))
    error = _class_for(name)(message)
    error.endpoint, error.function, error.status = endpoint, function, status
    error.remote_type = name
    error.remote_traceback = _text(details.get("error_traceback", ""))
    if "detail" in details:
        error.detail = details["detail"]
        if status.isdigit():
            # A route that does not catch an `HTTPException` answers as the called route did.
            vars(error).update(status_code=int(status), headers=None)
    if error.remote_traceback:
        error.__cause__ = RemoteTraceback(error.remote_traceback)
    return error


def _details(record: Any) -> dict[str, Any]:
    """Return the SDK's record of an exception as a dictionary; {} if it is something else."""
    if isinstance(record, str):
        try:
            record = json.loads(record)
        except (ValueError, RecursionError):
            return {}
    if isinstance(record, dict) and ("error_type" in record or "error_message" in record):
        return record
    return {}


def _text(value: Any) -> str:
    """Return a part of a record as text."""
    try:
        return str(value)
    except RecursionError:
        return f"a {type(value).__name__} of many levels"


_classes: dict[type[Exception], type[RemoteError]] = {}


def _class_for(name: str) -> type[RemoteError]:
    """Return a class that derives from RemoteError and, if possible, from the named class."""
    kind = _find(name)
    if kind is None:  # names that other workers make up are not kept
        return RemoteError
    if kind not in _classes:
        _classes[kind] = _mixed(kind)
    return _classes[kind]


def _find(name: str) -> type[Exception] | None:
    """Return the exception class of a qualified name, if this process has imported its module.

    No code of the module runs, such as its `__getattr__`.
    """
    module, _, attribute = name.rpartition(".")
    home = builtins if module in ("", "builtins") else sys.modules.get(module)
    if home is None:  # perhaps the module is the script that runs
        main = sys.modules.get("__main__")
        file = os.path.basename(getattr(main, "__file__", None) or "")
        home = main if file == f"{module.rpartition('.')[2]}.py" else None
    found = getattr(home, "__dict__", {}).get(attribute)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _mixed(kind: type[Exception]) -> type[RemoteError]:
    """Return a class that derives from RemoteError and `kind`; RemoteError if Python refuses it."""
    if issubclass(RemoteError, kind):
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

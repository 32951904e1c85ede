"""Read the options that only the user may set: from environment variables and the user's own file.

These options let code of the project run, let agents call endpoints, or let files be written outside of
the project.  The author of a project may be another person than the user, so `pyproject.toml` can't set
them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.documents import UnreadableDocument, parse_toml
from flashc_core.source import WholeFile

USER_ONLY = ("trace", "no_sandbox", "allow_build", "allow_call", "locker")
"""The options that a project can't set at all; it can set `output` only to a path inside of itself."""

FILE_VARIABLE = "FLASHC_CONFIG_FILE"
_READABLE = (*USER_ONLY, "output")
_ON, _OFF = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off", ""})
_LOCKERS = ("uv", "pip-tools")


def user_options(sink: Sink) -> dict[str, Any]:
    """Return the options in the user's file, overridden by environment variables such as `FLASHC_TRACE`.

    An option that can't be used is reported and left out.
    """
    found: dict[str, Any] = {}
    for source in (_options_in_file(sink), _options_in_variables(os.environ, sink)):
        found |= source
    return found


def user_file() -> Path:
    """Return the path of the user's own file of options.

    It is `FLASHC_CONFIG_FILE` if that is set, else `flashc/config.toml` in the user's folder for
    configuration.
    """
    chosen = os.environ.get(FILE_VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    from platformdirs import user_config_path

    return user_config_path("flashc", appauthor=False) / "config.toml"


def variable_of(name: str) -> str:
    """Return the environment variable that sets an option for all projects of a user."""
    return f"FLASHC_{name.upper()}"


def _options_in_variables(environ: Mapping[str, str], sink: Sink) -> dict[str, Any]:
    """Return the options that environment variables set."""
    found: dict[str, Any] = {}
    for name in _READABLE:
        text = environ.get(variable_of(name))
        if text is None:
            continue
        value = _value_of_text(name, text)
        if value is None:
            _report(variable_of(name), f"`{variable_of(name)}`: {_expected(name)}", sink)
        else:
            found[name] = value
    return found


def _options_in_file(sink: Sink) -> dict[str, Any]:
    """Return the options in the user's own file; none if there is no such file."""
    file = user_file()
    if not os.path.isfile(file):  # no error if the folder can't be looked at
        return {}
    try:
        document = parse_toml(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, UnreadableDocument) as error:
        _report(file.name, f"`{file}` can't be used: {error}", sink)
        return {}
    found: dict[str, Any] = {}
    for key, given in document.items():
        name = key.replace("-", "_")
        if name not in _READABLE:
            known = ", ".join(each.replace("_", "-") for each in _READABLE)
            _report(file.name, f"`{file}` has an unknown key `{key}`; its keys are {known}", sink)
            continue
        value = _value_of_item(name, given)
        if value is None:
            _report(file.name, f"`{key}` in `{file}`: {_expected(name)}", sink)
        else:
            found[name] = value
    return found


def _value_of_text(name: str, text: str) -> Any:
    """Return the value of an option that a variable gives as text; None if it has no such value."""
    if name in ("locker", "output"):
        return _value_of_item(name, text)
    lowered = text.strip().lower()
    return True if lowered in _ON else False if lowered in _OFF else None


def _value_of_item(name: str, given: object) -> Any:
    """Return the value of an option that TOML gives; None if it has no such value."""
    if name == "output":
        if not isinstance(given, str) or not given or "\0" in given:
            return None
        return Path(os.path.expanduser(given))  # that of `Path` fails if there is no such user
    if name == "locker":
        return given if given in _LOCKERS else None
    return given if isinstance(given, bool) else None


def _expected(name: str) -> str:
    """Return which values an option has."""
    if name == "output":
        return "write a path"
    return "write `uv` or `pip-tools`" if name == "locker" else "write `true` or `false`"


def _report(name: str, message: str, sink: Sink) -> None:
    """Report an option of the user that can't be used."""
    sink.report(
        rules.INVALID_CONFIGURATION,
        WholeFile(name),
        message,
        help=("correct it; this is your own configuration, not that of the project",),
    )

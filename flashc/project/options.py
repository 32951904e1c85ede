"""Read the options of a project: `[tool.flashc]` in pyproject.toml, overridden by flags."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.documents import UnreadableDocument, parse_toml
from flashc_core.source import Lines, Location, Span, WholeFile

from .project import Project

PYPROJECT = "pyproject.toml"
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of flashc.  If an option is None, flashc chooses a value, perhaps by the project.

    `select` and `ignore` are codes, beginnings of codes or names of rules; only `check` uses them.
    `extras` and `groups` choose optional requirements of the project.
    `trace` allows flashc to run modules of the project that it can't evaluate.
    `size_budget` is the maximum size of an artifact in bytes, written as "200 MB".
    `env` sets environment variables that constants of the program read when flashc builds.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    app: str | None = None
    python_version: str | None = None
    exclude: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    no_deps: bool = False
    no_install: bool = False
    output: Path | None = None
    keep_build: bool = False
    per_endpoint: bool = False
    allow_build: bool = False
    trace: bool = False
    size_budget: int | None = None
    locker: Literal["uv", "pip-tools"] = "uv"
    locked: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict[str, str])


def read_options(project: Project, flags: Mapping[str, Any], sink: Sink) -> Options:
    """Return the options in the project's pyproject.toml, overridden by flags that are not None.

    Keys of the file are spelled with `-` or `_`.  A key that can't be used is reported and left
    out; the other keys are used.  A file that can't be read is reported, and only the flags are
    used.

    Raises:
        TypeError: a flag is not an option.
        ValueError: the text of `size_budget` in `flags` is not a size.
    """
    given = {key: _convert_flag(value, key) for key, value in flags.items() if value is not None}
    if not (project.root / PYPROJECT).is_file():
        return Options(**given)
    try:
        text = project.read(PYPROJECT).decode("utf-8")
        table = _table(parse_toml(text))
    except (OSError, UnicodeDecodeError, UnreadableDocument) as error:
        sink.report(
            rules.INVALID_CONFIGURATION,
            _location_of_error(error),
            f"`{PYPROJECT}` can't be used: {error}",
            help=("correct the file; flashc reads its `[tool.flashc]` table",),
        )
        return Options(**given)
    unused = {key: value for key, value in table.items() if key.replace("-", "_") not in given}
    options = _validate(unused, Lines(text), sink) if unused else Options()
    return replace(options, **given)


def _convert_flag(value: Any, name: str) -> Any:
    """Return a flag's value in the type of the option.

    Scripts may write a path or a size as a string, and names as one string or as a list.
    """
    if name == "output":
        return Path(value)
    if name in ("exclude", "extras", "groups", "select", "ignore"):
        return (value,) if isinstance(value, str) else tuple(value)
    return parse_size(value) if name == "size_budget" and isinstance(value, str) else value


def _validate(table: dict[str, Any], lines: Lines, sink: Sink) -> Options:
    """Return the options that a table gives; report wrong keys, which have no effect."""
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(Options)
    spelled = {key.replace("-", "_"): key for key in table}
    values = {name: table[key] for name, key in spelled.items()}
    budget = values.get("size_budget")
    if isinstance(budget, str):
        try:
            values["size_budget"] = parse_size(budget)
        except ValueError as error:
            _report_key(spelled["size_budget"], str(error), lines, sink)
            del values["size_budget"]
    try:
        return adapter.validate_python(values)
    except ValidationError as error:
        for problem in error.errors():
            name = str(problem["loc"][0])
            _report_key(spelled[name], str(problem["msg"]), lines, sink)
            values.pop(name, None)
    return adapter.validate_python(values)


def parse_size(text: str) -> int:
    """Return a size such as `200 MB`, `1.5 GiB` or `4096` in bytes.

    Raises:
        ValueError: the text is not a size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    unit = _UNITS.get((match[2] or "b").lower()) if match is not None else None
    if match is None or unit is None:
        raise ValueError(f"`{text}` is not a size; write `200 MB` or `1.5 GiB`")
    return int(min(float(match[1]) * unit, sys.maxsize))


def _table(document: dict[str, Any]) -> dict[str, Any]:
    """Return the table `[tool.flashc]` of a document; an empty one if the document has none."""
    tool = document.get("tool")
    found = cast("dict[str, Any]", tool).get("flashc") if isinstance(tool, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _report_key(key: str, message: str, lines: Lines, sink: Sink) -> None:
    """Report a key, spelled as in the file, that does not exist or has a wrong value."""
    import difflib

    known = sorted(each.name.replace("_", "-") for each in fields(Options))
    help: tuple[str, ...] = ()
    if key.replace("_", "-") in known:
        message = f"`{key}`: {message}"
    else:
        close = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
        help, message = (hint,), f"`[tool.flashc]` has no key `{key}`"
    sink.report(rules.INVALID_CONFIGURATION, _location_of_key(key, lines), message, help=help)


def _location_of_key(key: str, lines: Lines) -> Location:
    """Return the span of a key in `[tool.flashc]`; the whole file if no line sets the key."""
    inside = False
    for number in range(1, len(lines) + 1):
        line = lines.line(number).strip()
        if line.startswith("["):
            inside = line.startswith("[tool.flashc")
        name = line.partition("=")[0].strip().strip('"')
        if inside and name == key:
            column = len(lines.line(number)) - len(lines.line(number).lstrip()) + 1
            return Span(PYPROJECT, number, column, number, column + len(name))
    return WholeFile(PYPROJECT)


def _location_of_error(error: Exception) -> Location:
    """Return the position that a parser's message names; the whole file if it names none."""
    if not isinstance(error, UnreadableDocument) or not error.line:
        return WholeFile(PYPROJECT)
    return Span(PYPROJECT, error.line, error.column, error.line, error.column + 1)

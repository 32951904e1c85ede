"""The project's `[tool.flashc]` and the command's flags -> one frozen `Options`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from flashc_ir import rules
from flashc_ir.diagnostics import Sink
from flashc_ir.source import Lines, Span

PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can choose.  None: not chosen, so that the default depends on the project.

    `select` and `ignore` are codes, their beginnings or names of rules, and matter to `check` only.
    `trace` allows to run the project's code where it can't be evaluated.
    `env` holds values for environment variables that the program's constants read when building.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    app: str | None = None
    python_version: str | None = None
    exclude: tuple[str, ...] = ()
    no_deps: bool = False
    output: Path | None = None
    keep_build: bool = False
    trace: bool = False
    locker: Literal["uv", "pip-tools"] = "uv"
    locked: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict[str, str])


def read_options(root: Path, flags: dict[str, Any], sink: Sink) -> Options:
    """The options of a project: what its pyproject.toml says, overridden by the flags that are not None.

    Keys are spelled with `-` or `_`.  What can't be used is reported, and left out.
    """
    given = {key: value for key, value in flags.items() if value is not None}
    file = root / PYPROJECT
    if not file.is_file():
        return Options(**given)
    import tomllib

    try:
        text = file.read_text(encoding="utf-8")
        table = _table(tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        sink.report(
            rules.INVALID_CONFIGURATION,
            _place_of_error(error),
            f"`{PYPROJECT}` can't be used: {error}",
            help=("correct the file; flashc reads its `[tool.flashc]` table",),
        )
        return Options(**given)
    return _validated(table, given, Lines(text), sink) if table else Options(**given)


def _validated(table: dict[str, Any], given: dict[str, Any], lines: Lines, sink: Sink) -> Options:
    """The table's values, checked against the types of the fields, under the flags."""
    from pydantic import TypeAdapter, ValidationError

    settings = {key.replace("-", "_"): value for key, value in table.items()}
    try:
        return TypeAdapter(Options).validate_python(settings | given)
    except ValidationError as error:
        for problem in error.errors():
            _report(str(problem["loc"][0]), str(problem["msg"]), lines, sink)
    return Options(**given)


def _table(document: dict[str, Any]) -> dict[str, Any]:
    tool = document.get("tool")
    found = cast("dict[str, Any]", tool).get("flashc") if isinstance(tool, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _report(key: str, message: str, lines: Lines, sink: Sink) -> None:
    import difflib

    known = sorted(each.name for each in fields(Options))
    help: tuple[str, ...] = ()
    if key in known:
        message = f"`{key}`: {message}"
    else:
        close = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
        help, message = (hint,), f"`[tool.flashc]` has no key `{key}`"
    sink.report(rules.INVALID_CONFIGURATION, _place_of_key(key, lines), message, help=help)


def _place_of_key(key: str, lines: Lines) -> Span:
    """The line of `[tool.flashc]` that sets a key."""
    inside = False
    for number in range(1, len(lines) + 1):
        line = lines.line(number).strip()
        if line.startswith("["):
            inside = line.startswith("[tool.flashc")
        name = line.partition("=")[0].strip().strip('"').replace("-", "_")
        if inside and name == key:
            column = len(lines.line(number)) - len(lines.line(number).lstrip()) + 1
            return Span(PYPROJECT, number, column, number, column + len(name))
    return Span.whole(PYPROJECT)


def _place_of_error(error: Exception) -> Span:
    import re

    match = re.search(r"line (\d+), column (\d+)", str(error))
    if match is None:
        return Span.whole(PYPROJECT)
    line, column = int(match[1]), int(match[2])
    return Span(PYPROJECT, line, column, line, column + 1)

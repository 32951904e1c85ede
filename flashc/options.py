"""The project's `[tool.flashc]` and the command's flags -> one frozen `Options`."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flashc_ir import rules
from flashc_ir.diagnostics import Sink
from flashc_ir.source import Lines, Span

PYPROJECT = "pyproject.toml"


class Options(BaseModel):
    """What a user can choose.  None: not chosen, so that the default depends on the project.

    `select` and `ignore` are codes, their beginnings or names of rules, and matter to `check` only.
    `env` holds values for environment variables that the program's constants read when building.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    app: str | None = None
    python_version: str | None = None
    exclude: tuple[str, ...] = ()
    no_deps: bool = False
    output: Path | None = None
    keep_build: bool = False
    locker: Literal["uv", "pip-tools"] = "uv"
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    env: dict[str, str] = Field(default_factory=dict[str, str])


def read_options(root: Path, flags: dict[str, Any], sink: Sink) -> Options:
    """The options of a project: what its pyproject.toml says, overridden by the flags that are not None.

    Keys are spelled with `-` or `_`.  What can't be used is reported, and left out.
    """
    file = root / PYPROJECT
    table: dict[str, Any] = {}
    text = ""
    if file.is_file():
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
    settings = {key.replace("-", "_"): value for key, value in table.items()}
    settings |= {key: value for key, value in flags.items() if value is not None}
    try:
        return Options.model_validate(settings)
    except ValidationError as error:
        lines = Lines(text)
        for problem in error.errors():
            key = str(problem["loc"][0])
            _report(key, str(problem["msg"]), problem["type"] == "extra_forbidden", lines, sink)
        return Options()


def _table(document: dict[str, Any]) -> dict[str, Any]:
    tool = document.get("tool")
    found = cast("dict[str, Any]", tool).get("flashc") if isinstance(tool, dict) else None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _report(key: str, message: str, unknown: bool, lines: Lines, sink: Sink) -> None:
    known = sorted(Options.model_fields)
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
    sink.report(
        rules.INVALID_CONFIGURATION,
        _place_of_key(key, lines),
        f"`[tool.flashc]` has no key `{key}`" if unknown else f"`{key}`: {message}",
        help=(hint,) if unknown else (),
    )


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

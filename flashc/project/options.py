"""Read the options of a project: `[tool.flashc]` in pyproject.toml, overridden by the user's own ones."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.documents import UnreadableDocument, parse_toml
from flashc_core.files import real_path
from flashc_core.source import Lines, Location, WholeFile
from flashc_ir.smoke import SmokeCall

from .documents import report_unreadable
from .project import Project
from .toml_positions import Key, find_key
from .user_options import USER_ONLY, user_options, variable_of

PYPROJECT = "pyproject.toml"
_DECIDES = {"allow_call": "whether agents may call endpoints"}
# How the keys of the table are written whose values are no booleans; those of the user are not here.
_EXAMPLES = {
    "app": '"shop"',
    "python_version": '"3.12"',
    "exclude": '["torch"]',
    "extras": '["gpu"]',
    "groups": '["worker"]',
    "output": '"build/artifact.tar.gz"',
    "size_budget": '"200 MB"',
    "allow_credentials": '["certs/public.pem"]',
    "select": '["FC3"]',
    "ignore": '["FC301"]',
    "env": '{ STAGE = "test" }',
}
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of flashc.  If an option is None, flashc chooses a value, perhaps by the project.

    `select` and `ignore` are codes, beginnings of codes or names of rules; only `check` uses them.
    `allow_call` lets agents call endpoints through `flashc mcp`.
    `extras` and `groups` choose optional requirements of the project.
    `trace` allows flashc to run modules of the project that it can't evaluate; `no_sandbox` allows
    that also if this machine has no sandbox for them.
    `size_budget` is the maximum size of an artifact in bytes, written as "200 MB".
    `allow_credentials` are the paths of files that go into the artifact although they look like
    credentials.
    `env` sets environment variables that constants of the program read when flashc builds.
    `smoke` are the calls that `deploy` makes when the workers run the new release.
    """

    __pydantic_config__: ClassVar[dict[str, str | bool]] = {
        "extra": "forbid",
        "arbitrary_types_allowed": True,
    }

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
    allow_call: bool = False
    trace: bool = False
    no_sandbox: bool = False
    size_budget: int | None = None
    locker: Literal["uv", "pip-tools"] = "uv"
    locked: bool = False
    allow_credentials: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict[str, str])
    smoke: tuple[SmokeCall, ...] = ()


def read_options(project: Project, flags: Mapping[str, Any], sink: Sink) -> Options:
    """Return the options of the project, overridden by those of the user and by flags that are not None.

    Keys of the project's `pyproject.toml` are spelled with `-` or `_`.  A key that can't be used is
    reported and left out; the other keys are used.  So is a key that only the user may set, such as
    `trace`.  A file that can't be read is reported, and only the other options are used.

    Raises:
        TypeError: a flag is not an option.
        ValueError: the text of `size_budget` in `flags` is not a size.
    """
    given = user_options(sink) | {
        key: _convert_flag(value, key) for key, value in flags.items() if value is not None
    }
    if not project.has_text(PYPROJECT):
        return Options(**given)
    try:
        text = project.read(PYPROJECT).decode("utf-8")
        table = _table(parse_toml(text))
    except (OSError, UnicodeDecodeError, UnreadableDocument) as error:
        report_unreadable(PYPROJECT, error, sink)
        return Options(**given)
    lines = Lines(text)
    kept = {
        key: value
        for key, value in table.items()
        if key.replace("-", "_") not in given and not _is_refused(key, value, project, lines, sink)
    }
    if isinstance(kept.get("output"), str):
        kept["output"] = str(project.root / kept["output"])
    options = _validate(kept, lines, sink) if kept else Options()
    return replace(options, **given)


def _is_refused(key: str, value: object, project: Project, lines: Lines, sink: Sink) -> bool:
    """Return whether only the user may set what a key of the project sets; report it if so."""
    name = key.replace("-", "_")
    if name == "output" and isinstance(value, str):
        if "\0" not in value and real_path(project.root / value).is_relative_to(project.root):
            return False
        sink.report(
            rules.USERS_OPTION,
            _location_of_key((key,), lines),
            f"a project can't write outside of itself; `{key}` has no effect",
            help=(f"to write there, type `--output {shlex.quote(value)}`",),
        )
        return True
    if name not in USER_ONLY:
        return False
    typed = f"--{name.replace('_', '-')}" + (f" {value}" if name == "locker" else "")
    sink.report(
        rules.USERS_OPTION,
        _location_of_key((key,), lines),
        f"only the user can set `{key}`, because it decides {_DECIDES.get(name, 'which code runs on this machine')}; "
        "it has no effect here",
        help=(f"type `{typed}` if you want this, or set `{variable_of(name)}`",),
    )
    return True


def _convert_flag(value: Any, name: str) -> Any:
    """Return a flag's value in the type of the option.

    Scripts may write a path or a size as a string, and names as one string or as a list.
    """
    if name == "output":
        return Path(value)
    if name in ("exclude", "extras", "groups", "allow_credentials", "select", "ignore"):
        return (value,) if isinstance(value, str) else tuple(value)
    return parse_size(value) if name == "size_budget" and isinstance(value, str) else value


def _validate(table: dict[str, Any], lines: Lines, sink: Sink) -> Options:
    """Return the options that a table gives; report wrong keys, which have no effect."""
    from pydantic import TypeAdapter, ValidationError

    adapter = TypeAdapter(Options)
    spelled = {key.replace("-", "_"): key for key in table}
    values = {name: table[key] for name, key in spelled.items()}
    if "smoke" in values:
        values["smoke"] = _read_smoke(values["smoke"], lines, sink)
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


def _read_smoke(document: object, lines: Lines, sink: Sink) -> tuple[SmokeCall, ...]:
    """Return the smoke calls; report what can't be used of them."""
    from .smoke import read_smoke  # most projects have no smoke calls

    def locate(keys: Sequence[Key]) -> Location:
        return _location_of_key(("smoke", *keys), lines)

    def report(keys: Sequence[Key], message: str, help: tuple[str, ...]) -> None:
        sink.report(rules.INVALID_CONFIGURATION, locate(keys), message, help=help)

    return tuple(read_smoke(document, locate, report))


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
    if key.replace("_", "-") in known:
        example = _EXAMPLES.get(key.replace("-", "_"), "true")
        help, message = f"write, for example, `{key} = {example}`", f"`{key}`: {message}"
    else:
        close = difflib.get_close_matches(key.replace("_", "-"), known, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
        help, message = hint, f"`[tool.flashc]` has no key `{key}`"
    where = _location_of_key((key,), lines)
    sink.report(rules.INVALID_CONFIGURATION, where, message, help=(help,))


def location_of_option(key: str, project: Project) -> Location:
    """Return the span of a key in `[tool.flashc]`; the whole `pyproject.toml` if no line sets the key."""
    lines = project.lines(PYPROJECT)
    return WholeFile(PYPROJECT) if lines is None else _location_of_key((key,), lines)


def _location_of_key(keys: Sequence[Key], lines: Lines) -> Location:
    """Return the span of a key in `[tool.flashc]`; the whole file if no line sets the key."""
    found = find_key(PYPROJECT, lines, ("tool", "flashc", *keys))
    return found if found is not None else WholeFile(PYPROJECT)

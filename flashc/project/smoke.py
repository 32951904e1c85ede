"""Read the smoke calls of a project: the tables `[tool.flashc.smoke.NAME]` of its pyproject.toml."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, cast

import msgspec
from msgspec import Struct

from flashc_core.source import Location
from flashc_core.suggest import did_you_mean
from flashc_ir.smoke import Method, SmokeCall, SmokeJob, SmokeRequest

from .toml_positions import Key

_SECONDS = 120.0  # a worker may have to start first
_JOB = 'input = { argument = "value" }'
_REQUEST = 'path = "/route"'
_Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
_Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
_Path = Annotated[str, msgspec.Meta(pattern="^/")]


class _Job(Struct, frozen=True, forbid_unknown_fields=True):
    """A table that calls a queue-based endpoint."""

    input: dict[str, Any]
    output: Any = None
    timeout: _Seconds = _SECONDS


class _Request(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table that calls a load balancer."""

    path: _Path
    method: Method | None = None
    body: Any = None
    status: _Status | None = None
    output: Any = None
    timeout: _Seconds = _SECONDS


Report = Callable[[Sequence[Key], str, tuple[str, ...]], None]
"""Reports a wrong key: gets its path below `smoke`, a message, and help."""


def read_smoke(
    document: object, locate: Callable[[Sequence[Key]], Location], report: Report
) -> Iterator[SmokeCall]:
    """Yield the calls of the table `smoke`; what can't be used is reported and left out.

    `locate` returns the location of a path below `smoke`.
    """
    if not isinstance(document, dict):
        help = f"write `[tool.flashc.smoke.NAME]`, and below it `{_JOB}` or `{_REQUEST}`"
        report((), "`smoke` is a table with one table for each endpoint", (help,))
        return
    for name, value in cast("dict[str, object]", document).items():
        calls = cast("list[object]", value) if isinstance(value, list) else [value]
        for number, table in enumerate(calls):
            keys = (name, number) if isinstance(value, list) else (name,)
            if isinstance(table, dict):
                yield from _read_call(name, cast("dict[str, Any]", table), keys, locate, report)
            else:
                help = f"write `[tool.flashc.smoke.{name}]`, and below it `{_JOB}` or `{_REQUEST}`"
                report(keys, f"`smoke.{name}` is a table, or an array of tables", (help,))


def _read_call(
    name: str,
    table: dict[str, Any],
    keys: tuple[Key, ...],
    locate: Callable[[Sequence[Key]], Location],
    report: Report,
) -> Iterator[SmokeCall]:
    """Yield the call of a table, or report why there is none."""
    if ("input" in table) == ("path" in table):
        helps = (
            f"for a queue-based endpoint: `{_JOB}`",
            f"for a load balancer: `{_REQUEST}`, and `method` and `body` if needed",
        )
        report(keys, f"`smoke.{name}` needs either `input` or `path`", helps)
        return
    for key, value in table.items():
        if not _is_json(value):
            report((*keys, key), f"`{key}`: JSON has no such value", ("use texts and numbers",))
            return
    kind: type[_Job | _Request] = _Job if "input" in table else _Request
    try:
        found = msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        _report_wrong(table, kind, str(error), keys, report)
        return
    yield SmokeCall(
        resource=name,
        call=_sent(found),
        output=found.output,
        seconds=found.timeout,
        location=locate(keys),
    )


def _sent(found: _Job | _Request) -> SmokeJob | SmokeRequest:
    """Return what a table sends."""
    if isinstance(found, _Job):
        return SmokeJob(input=found.input)
    method = found.method or ("GET" if found.body is None else "POST")
    return SmokeRequest(method=method, path=found.path, body=found.body, status=found.status)


# What the values of keys are, and how each key is written.
_MEANINGS = {
    "input": ("a table with the arguments of the function", _JOB),
    "path": ("a text that begins with `/`", _REQUEST),
    "method": ("GET, POST, PUT, DELETE or PATCH", 'method = "POST"'),
    "status": ("a number from 100 to 599", "status = 200"),
    "timeout": ("a number of seconds, more than 0 and at most a day", "timeout = 30"),
}


def _report_wrong(
    table: dict[str, Any],
    kind: type[_Job | _Request],
    error: str,
    keys: Sequence[Key],
    report: Report,
) -> None:
    """Report the key that keeps a table from being of a kind; `error` is the message of msgspec."""
    known = [field.name for field in msgspec.structs.fields(kind)]
    for key in table:
        if key not in known:
            what = "input" if kind is _Job else "path"
            message = f"a smoke call with `{what}` has no key `{key}`"
            report((*keys, key), message, did_you_mean(key, known))
            return
    key = error.partition("$.")[2].partition(".")[0].rstrip("`")
    meaning, example = _MEANINGS[key]
    report((*keys, key), f"`{key}` is {meaning}", (f"write, for example, `{example}`",))


def _is_json(value: object) -> bool:
    """Return whether JSON has a value of TOML, other than dates, times, NaN and infinity."""
    if isinstance(value, dict):
        return all(map(_is_json, cast("dict[str, object]", value).values()))
    if isinstance(value, list):
        return all(map(_is_json, cast("list[object]", value)))
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int)

"""Define and validate the answer of the `--trace` process.

The answer comes from a process that runs the project's code, so it is data from outside: whatever
the process writes, the result is a valid answer or `TraceFailed`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, TypedDict

import msgspec
from msgspec import Struct

from flashc_core.documents import UnreadableDocument, decode_json

MOST_BYTES = 16 * 1024**2  # of an answer; a thousand endpoints have about one megabyte
LONGEST_REASON = 500  # characters of a message that comes from the process
_MOST_RECORDS = 10_000  # endpoints and routes
_DEEPEST = 60  # containers around a value; the process itself stops at 20
_DIFFERS = "it differs from run to run"
_COMPUTED = "it is computed from an environment variable"


class TraceFailed(Exception):
    """The process gave no result; the message is the reason."""


class EncodedValue(TypedDict, total=False):
    """A value; which keys there are says what it is.

    `parts` are a text, the name of an environment variable, and another text.  `sequence` is the
    kind and the elements of a list or tuple, `pairs` are those of a dict.  `sdk` is the class of an
    object of an SDK, with `dialect` and `arguments`.  `computed` says that it is a text that was computed
    from environment variables.  `unknown` is the reason why JSON can't describe
    the value.
    """

    value: bool | int | float | str | None
    enum: tuple[str, str]
    variable: str
    parts: tuple[str, str, str]
    sequence: tuple[Literal["list", "tuple"], list[EncodedValue]]
    pairs: list[tuple[EncodedValue, EncodedValue]]
    sdk: str
    dialect: str
    arguments: dict[str, EncodedValue]
    computed: bool
    unknown: str


class TargetRecord(TypedDict):
    """A function or class that an endpoint decorates."""

    module: str | None
    qualname: str | None
    file: str | None
    line: int | None
    kind: Literal["class", "function"]


class Site(TypedDict, total=False):
    """Where code of the project calls a stub; `position` is as in `code.co_positions()`."""

    file: str
    module: str
    position: tuple[int | None, int | None, int | None, int | None]


class DecoratedRecord(Site):
    """A function or class that an endpoint decorates, and where it does so."""

    target: TargetRecord


class RouteRecord(Site):
    """A route."""

    method: str
    path: EncodedValue
    target: TargetRecord


class EndpointRecord(Site):
    """An endpoint; `problem` says what is wrong with its declaration."""

    dialect: str
    arguments: dict[str, EncodedValue]
    problem: str | None
    targets: list[DecoratedRecord]
    routes: list[RouteRecord]


class TraceAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The result of the process.

    `failed` are the modules whose import raised, with the error.
    """

    endpoints: list[EndpointRecord]
    failed: dict[str, str]


def read_answer(data: bytes, modules: Collection[str], dialects: Collection[str]) -> TraceAnswer:
    """Return the answer in `data` about the modules that the process was asked to import.

    Raises:
        TraceFailed: `data` is not such an answer.
    """
    if not data:
        raise TraceFailed("the process ended without a result")
    try:
        answer = decode_json(data, TraceAnswer)
    except UnreadableDocument as error:
        raise TraceFailed("the process gave a result that flashc can't read") from error
    named = {record["dialect"] for record in answer.endpoints}
    if not answer.failed.keys() <= set(modules) or not named <= set(dialects):
        raise TraceFailed("the process gave a result about something else")
    if sum(1 + len(record["routes"]) for record in answer.endpoints) > _MOST_RECORDS:
        raise TraceFailed(f"the code declared more than {_MOST_RECORDS:,} endpoints and routes")
    for record in answer.endpoints:
        for argument in record["arguments"].values():
            _check_depth(argument, 0)
        for route in record["routes"]:
            _check_depth(route["path"], 0)
    failed = {name: reason[:LONGEST_REASON] for name, reason in answer.failed.items()}
    return TraceAnswer(answer.endpoints, failed)


def _check_depth(value: EncodedValue, depth: int) -> None:
    """Check that a value is nested no deeper than the functions that read it can follow.

    Raises:
        TraceFailed: it is nested deeper.
    """
    if depth > _DEEPEST:
        raise TraceFailed("the process gave a result that is nested too deeply")
    parts: list[EncodedValue] = list(value["arguments"].values()) if "arguments" in value else []
    if "sequence" in value:
        parts += value["sequence"][1]
    if "pairs" in value:
        parts += (part for pair in value["pairs"] for part in pair)
    for part in parts:
        _check_depth(part, depth + 1)


def common_answer(
    first: TraceAnswer, second: TraceAnswer, *, by_variables: bool = False
) -> TraceAnswer:
    """Return the answer of two runs, in which each value that differs is unknown.

    `by_variables` says that the runs had different values of environment variables, so that what
    differs was computed from one.

    Raises:
        TraceFailed: the runs declared other endpoints.
    """
    if len(first.endpoints) != len(second.endpoints):
        raise TraceFailed(
            "two runs declared different endpoints; they depend on environment variables or on chance"
        )
    pairs = zip(first.endpoints, second.endpoints, strict=True)
    comparison = _Comparison(by_variables)
    return TraceAnswer(
        [comparison.endpoint(one, other) for one, other in pairs], second.failed | first.failed
    )


class _Comparison(Struct, frozen=True):
    """Finds what two runs have in common; `by_variables` is as in `common_answer`."""

    by_variables: bool

    def endpoint(self, one: EndpointRecord, other: EndpointRecord) -> EndpointRecord:
        """Return an endpoint with the values that two runs have in common.

        Raises:
            TraceFailed: the runs declared it in different places or with other functions.
        """
        same = ("file", "position", "dialect", "targets", "problem")
        if any(one.get(key) != other.get(key) for key in same) or len(one["routes"]) != len(
            other["routes"]
        ):
            raise TraceFailed("two runs declared different endpoints")
        arguments = {
            name: self.value(one["arguments"].get(name), other["arguments"].get(name))
            for name in one["arguments"] | other["arguments"]
        }
        routes: list[RouteRecord] = []
        for mine, others in zip(one["routes"], other["routes"], strict=True):
            routes.append({**mine, "path": self.value(mine["path"], others["path"])})
        return {**one, "arguments": arguments, "routes": routes}

    def value(self, one: EncodedValue | None, other: EncodedValue | None) -> EncodedValue:
        """Return what two runs have in common of a value."""
        if one == other and one is not None:
            return one
        unknown: EncodedValue = {"unknown": _COMPUTED if self.by_variables else _DIFFERS}
        if one is None or other is None:
            return unknown
        match one, other:
            case {"unknown": reason}, _:
                return {"unknown": reason}
            case _, {"unknown": reason}:
                return {"unknown": reason}
            case {"value": str()}, {"value": str()} if self.by_variables:
                return {"computed": True}
            case {"sequence": (kind, mine)}, {"sequence": (kind_of_other, others)} if (
                kind == kind_of_other and len(mine) == len(others)
            ):
                return {"sequence": (kind, self._list(mine, others))}
            case {"pairs": mine}, {"pairs": others} if len(mine) == len(others):
                keys = self._list((k for k, _ in mine), (k for k, _ in others))
                values = self._list((v for _, v in mine), (v for _, v in others))
                return {"pairs": list(zip(keys, values, strict=True))}
            case {"sdk": kind, "dialect": dialect}, {"sdk": kind_of_other} if kind == kind_of_other:
                first, second = one.get("arguments", {}), other.get("arguments", {})
                common = {
                    name: self.value(first.get(name), second.get(name)) for name in first | second
                }
                return {"sdk": kind, "dialect": dialect, "arguments": common}
            case _:
                return unknown

    def _list(
        self, mine: Iterable[EncodedValue], others: Iterable[EncodedValue]
    ) -> list[EncodedValue]:
        """Return what two runs have in common of the elements of a list."""
        return [self.value(one, other) for one, other in zip(mine, others, strict=True)]

"""Make an example of a call for each endpoint, from the signature of its function."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from flashc_ir.endpoints import (
    LoadBalanced,
    Parameter,
    ParameterKind,
    QueueClass,
    QueueFunction,
    Route,
)

_VALUES: dict[str, Any] = {
    "int": 1,
    "float": 1.0,
    "bool": True,
    "list": [],
    "tuple": [],
    "set": [],
    "sequence": [],
    "dict": {},
    "mapping": {},
}
_VARIABLE = (ParameterKind.VAR_POSITIONAL, ParameterKind.VAR_KEYWORD)


class SampleCall(Struct, frozen=True, kw_only=True):
    """A request: `path` is `/runsync` for a queue, and one of the routes, with a query, for a load balancer."""

    method: str
    path: str
    body: Any = None


def sample_call(endpoint: QueueFunction | QueueClass | LoadBalanced) -> SampleCall | None:
    """Return a call that fits the endpoint's signature; None if the endpoint has neither function nor route."""
    match endpoint:
        case QueueFunction(function=function):
            given = _arguments(function.parameters)
        case QueueClass(methods=methods):
            if not methods:
                return None
            given = _arguments(methods[0].parameters)
            if len(methods) > 1:
                given = {"method": methods[0].name, **given}
        case LoadBalanced(routes=routes):
            ordered = sorted(routes, key=lambda route: "{" in route.path)
            return _request(ordered[0]) if ordered else None
    # The platform discards a job with an empty input, so clients send this key.
    return SampleCall(method="POST", path="/runsync", body={"input": given or {"__empty": True}})


def _request(route: Route) -> SampleCall:
    """Return an example of a request to a route."""
    given = _arguments(route.function.parameters)
    names = re.findall(r"{(\w+)", route.path)
    path = re.sub(r"{(\w+)[^}]*}", lambda match: str(given.get(match[1], "text")), route.path)
    rest = {name: value for name, value in given.items() if name not in names}
    if route.method != "GET":
        return SampleCall(method=route.method, path=path, body=rest)
    query = urlencode(rest, doseq=True)
    return SampleCall(method="GET", path=f"{path}?{query}" if query else path)


def _arguments(parameters: Iterable[Parameter]) -> dict[str, Any]:
    """Return a value for each parameter that has no default."""
    return {
        parameter.name: _value(parameter.annotation)
        for parameter in parameters
        if parameter.default is None and parameter.kind not in _VARIABLE
    }


def _value(annotation: str | None) -> Any:
    """Return a value of the type that `annotation` names; a text for all types that are not in `_VALUES`."""
    outer = (annotation or "").strip("'\"").split("|")[0].split("[")[0].strip()
    return _VALUES.get(outer.rpartition(".")[2].lower(), "text")

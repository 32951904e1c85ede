"""Find what a test calls: an endpoint by its name, or by the function or method that the test has imported."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import httpx
from msgspec import Struct

from flashc_backends.runtime import jobs as runtime_jobs
from flashc_backends.runtime.arguments import input_of
from flashc_backends.runtime.interface import Interface
from flashc_ir.endpoints import (
    CodeEndpoint,
    ExistingEndpoint,
    Function,
    LoadBalanced,
    ParameterKind,
    QueueClass,
    QueueFunction,
)
from flashc_ir.program import Program

from .recorded_requests import recorded_request

# The runtime's functions that matter at a cold start have no annotations.
_job_input: Callable[[dict[str, Any]], dict[str, Any]] = runtime_jobs.job_input
_wrapped_arguments: Callable[[dict[str, Any]], Any] = runtime_jobs.wrapped_arguments
_BY_POSITION = (ParameterKind.POSITIONAL_ONLY, ParameterKind.POSITIONAL_OR_KEYWORD)


class UnknownTarget(LookupError):
    """The app has no such endpoint, function or method."""


class Job(Struct, frozen=True, kw_only=True):
    """A call as a job: the endpoint, the function's name, the input, and what makes a value of the output."""

    resource: str
    function: str
    given: dict[str, Any]
    load: Callable[[Any], Any]


class Targets:
    """The endpoints of a program, for calls of tests."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._endpoints = tuple(program.code_endpoints)

    @property
    def endpoints(self) -> tuple[CodeEndpoint, ...]:
        """The endpoints that run code of the project."""
        return self._endpoints

    @property
    def names(self) -> list[str]:
        """The names of the endpoints as the platform knows them."""
        return [endpoint.resource for endpoint in self._endpoints]

    def replayable(self, name: str) -> str:
        """Return by which name the platform knows an endpoint whose answers can be recorded.

        Raises:
            UnknownTarget: there is no such endpoint.
        """
        for endpoint in self._program.endpoints:
            if isinstance(endpoint, ExistingEndpoint):
                if endpoint.id == name:
                    return name
            elif name in (endpoint.resource, endpoint.name):
                return endpoint.resource
        raise UnknownTarget(f"the app has no endpoint {name!r}; {_hint(name, self.names)}")

    def find(self, name: str) -> CodeEndpoint:
        """Return the endpoint with a name, as in the program or as the platform knows it.

        Raises:
            UnknownTarget: there is none.
        """
        for endpoint in self._endpoints:
            if name in (endpoint.resource, endpoint.name):
                return endpoint
        raise UnknownTarget(f"the app has no endpoint {name!r}; {_hint(name, self.names)}")

    def job_of(
        self, target: str | Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Job:
        """Return the job for a call.

        Raises:
            UnknownTarget: the app has no such target.
            TypeError: the arguments do not fit the function, or the target has routes.
        """
        if isinstance(target, str):
            endpoint, function = self._named(target)
            given = _by_name(function, args, kwargs)
            return Job(
                resource=endpoint.resource,
                function=function.name,
                given=_input(endpoint, function, given),
                load=_same,
            )
        endpoint, function = self._imported(target)
        is_method = isinstance(endpoint, QueueClass) and not inspect.ismethod(target)
        receiver = is_method and _takes_receiver(target)
        interface = Interface(target, receiver=receiver)
        given = interface.payload(args, kwargs)
        return Job(
            resource=endpoint.resource,
            function=function.name,
            given=_input(endpoint, function, given),
            load=interface.result,
        )

    def recorded_call(self, resource: str, given: Any) -> tuple[str, Any]:
        """Return the function's name and the arguments for the input of a job.

        The name is empty for an endpoint that runs no code of the project, whose input is kept as it is.
        """
        endpoint = next((each for each in self._endpoints if each.resource == resource), None)
        match endpoint:
            case QueueFunction(function=function):
                return function.name, _job_input({"input": given})
            case QueueClass(methods=methods):
                named = given.get("method") if isinstance(given, dict) else None
                names = [each.name for each in methods]
                name = named if named in names else ", ".join(names)
                arguments = _job_input({"input": given})
                if named == name and _wrapped_arguments(given) is None:
                    del arguments["method"]
                return str(name), arguments
            case _:
                return "", given

    def recorded_request(self, resource: str, request: httpx.Request) -> tuple[str, Any]:
        """Return the route, and what a request has, for a request to an endpoint."""
        endpoint = next((each for each in self._endpoints if each.resource == resource), None)
        routes = endpoint if isinstance(endpoint, LoadBalanced) else None
        return recorded_request(routes, request)

    def _named(self, target: str) -> tuple[CodeEndpoint, Function]:
        """Return the endpoint and the function of `ENDPOINT` or `ENDPOINT.METHOD`."""
        name, dot, method = target.rpartition(".")
        if dot and target not in self.names:
            endpoint = self.find(name)
        else:
            endpoint, method = self.find(target), ""
        match endpoint:
            case QueueFunction(function=function) if not method:
                return endpoint, function
            case QueueClass(methods=methods):
                found = [each for each in methods if method in ("", each.name)]
                if len(found) == 1:
                    return endpoint, found[0]
                names = [each.name for each in methods]
                say = f"has no method {method!r}" if method else "has several methods"
                example = f'write "{endpoint.name}.{names[0]}"' if names else "it has none"
                raise UnknownTarget(f"the endpoint {endpoint.name!r} {say}; {example}")
            case LoadBalanced():
                raise TypeError(f"the endpoint {endpoint.name!r} has routes; use `request`")
            case _:
                raise UnknownTarget(f"the endpoint {endpoint.name!r} has no method {method!r}")

    def _imported(self, target: Callable[..., Any]) -> tuple[CodeEndpoint, Function]:
        """Return the endpoint that runs a function or method, and the function."""
        module = getattr(target, "__module__", None)
        qualname = getattr(target, "__qualname__", repr(target))
        for endpoint in self._endpoints:
            match endpoint:
                case QueueFunction(function=function):
                    listed: Iterable[Function] = (function,)
                case QueueClass(methods=methods):
                    listed = methods
                case LoadBalanced(routes=routes):
                    listed = (route.function for route in routes)
            for function in listed:
                if (function.module, function.qualname) == (module, qualname):
                    if isinstance(endpoint, LoadBalanced):
                        raise TypeError(
                            f"{qualname} serves a route of {endpoint.name!r}; use `request`"
                        )
                    return endpoint, function
        raise UnknownTarget(f"no endpoint of the app runs {module}.{qualname}")


def _same(output: Any) -> Any:
    """Return the output of a job as it is."""
    return output


def _input(endpoint: CodeEndpoint, function: Function, given: dict[str, Any]) -> dict[str, Any]:
    """Return the input of a job with these arguments."""
    return input_of(given, function.name if isinstance(endpoint, QueueClass) else None)


def _by_name(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return arguments by name; those that are given by position get the names of the parameters."""
    names = [each.name for each in function.parameters if each.kind in _BY_POSITION]
    if len(args) > len(names):
        raise TypeError(
            f"{function.name}() takes {len(names)} arguments by position, not {len(args)}"
        )
    given = dict(zip(names, args, strict=False))
    twice = given.keys() & kwargs.keys()
    if twice:
        raise TypeError(f"{function.name}() got several values for {', '.join(sorted(twice))}")
    return {**given, **kwargs}


def _takes_receiver(target: Callable[..., Any]) -> bool:
    """Return whether the first parameter of a method that was read from its class is `self`."""
    owner, name = target.__qualname__.rpartition(".")[0], target.__name__
    names = getattr(target, "__globals__", {})
    kind: Any = names.get(owner.partition(".")[0])
    for part in owner.split(".")[1:]:
        kind = getattr(kind, part, None)
    found = inspect.getattr_static(kind, name, None)
    return not isinstance(found, staticmethod)


def _hint(name: str, names: list[str]) -> str:
    """Return which endpoint may be meant, or all of them."""
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names) or 'none'}"

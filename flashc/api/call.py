"""Call an endpoint of a project: find what the call names, check its data against the program, send it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from flashc.compile import compile_project
from flashc.passes.check_smoke import route_pattern
from flashc.project.workspace import Workspace
from flashc.sdk.context import manifest_of
from flashc_backends.cloud.keys import find_key, key_file
from flashc_backends.runtime import exchange, platform
from flashc_backends.runtime.arguments import input_of
from flashc_backends.runtime.client import Client
from flashc_backends.runtime.errors import EndpointNotFound, RemoteError
from flashc_backends.runtime.exchange import Conversation, Item
from flashc_backends.runtime.parts import stream_job
from flashc_backends.runtime.proof import digest_of
from flashc_backends.runtime.web import Request
from flashc_backends.runtime.wire import run_job
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_core.suggest import did_you_mean
from flashc_ir.endpoints import (
    DeployedEndpoint,
    Function,
    ImageEndpoint,
    LoadBalanced,
    QueueClass,
    QueueFunction,
)
from flashc_ir.program import Program

from .call_arguments import Mismatch, check_arguments, check_request
from .cloud import NoSession, key_file_used
from .deploy import app_name
from .result import Result

_HERE = WholeFile(".")
Way = Literal["wait", "async", "stream"]


class Wanted(Struct, frozen=True, kw_only=True):
    """A call that the user wants.

    `target` is `ENDPOINT`, `ENDPOINT.METHOD` or `ENDPOINT/PATH`.  `data` is JSON data, None if there is none.
    `verb` is the method of a request; "" chooses one.  `variables` override those of the project.
    """

    target: str
    data: Any = None
    verb: str = ""
    way: Way = "wait"
    environment: str | None = None
    variables: Mapping[str, str] = {}


class CallResult(Result, frozen=True, kw_only=True):
    """What a call needs; `outputs` is None if there are errors.

    Attributes:
        outputs: yields what the endpoint answers: one result, or each result of a generator.  If the call
            fails, it raises `RemoteError`; pass that to `report_failure`.
    """

    outputs: Iterator[Any] | None = None


class _Surroundings(platform.Surroundings):
    """What a call from this process knows of the platform: the project's variables, and its key."""

    def __init__(
        self, variables: Mapping[str, str], app: str, environment: str, manifest: Path
    ) -> None:
        self._variables = variables
        self._context = app, environment
        self._manifest = manifest

    def variable(self, name: str) -> str:
        """Return the value of a variable; "" if it is not set."""
        return self._variables.get(name, "").strip()

    def context(self, resource: str) -> tuple[str, str]:
        """Return the app and the environment that are called."""
        return self._context

    def proof(self) -> str:
        """Return the digest of the project's last build."""
        return digest_of(str(self._manifest))


def prepare_call(workspace: Workspace, wanted: Wanted) -> CallResult:
    """Compile the project, check a call, and return what sends it; the caller iterates over the outputs.

    Args:
        workspace: the project.
        wanted: the call.
    """
    compiled = workspace.sink()
    program = compile_project(workspace, compiled).program
    if program is None or compiled.has_errors():
        return CallResult(diagnostics=tuple(compiled))
    sink = Sink()  # warnings of the compiler are not shown here; `flashc check` shows them
    try:
        conversation = _conversation(program, wanted)
        platform.set_surroundings(_surroundings(workspace, wanted, sink))
    except Mismatch as refused:
        sink.report(rules.CALL_MISMATCH, _HERE, str(refused), help=refused.help)
        return CallResult(diagnostics=tuple(sink))
    except NoSession:
        return CallResult(diagnostics=tuple(sink))
    return CallResult(diagnostics=tuple(sink), outputs=exchange.iterate(conversation))


def report_failure(error: RemoteError, sink: Sink) -> None:
    """Report why a call has no result."""
    help = (
        "`flashc status` shows what is deployed; `flashc deploy` deploys the project"
        if isinstance(error, EndpointNotFound)
        else "`flashc logs` prints what the workers print"
    )
    shown = error.remote_type.removeprefix("builtins.")
    message = f"{shown}: {error}" if shown else str(error)
    notes = (error.remote_traceback.rstrip(),) if error.remote_traceback else ()
    sink.report(rules.CALL_FAILED, _HERE, message, notes=notes, help=(help,))


def _surroundings(workspace: Workspace, wanted: Wanted, sink: Sink) -> _Surroundings:
    """Return what the call knows of the platform.

    Raises:
        NoSession: the file with the key can't be used, which is reported.
    """
    variables = {**workspace.environment, **wanted.variables}
    if not variables.get("RUNPOD_API_KEY", "").strip():
        with key_file_used(sink):
            key = find_key(variables, key_file())
        variables["RUNPOD_API_KEY"] = key.value if key is not None else ""
    # A preview may run under another name than the project's.
    previewed = wanted.variables.get("FLASH_APP")
    app = previewed or workspace.options.app or variables.get("FLASH_APP") or app_name(workspace)
    environment = wanted.environment or variables.get("FLASH_ENV") or "production"
    return _Surroundings(variables, app, environment, manifest_of(workspace.root))


# What is called -----------------------------------------------------------------------------------


def _conversation(program: Program, wanted: Wanted) -> Conversation:
    """Return the conversation that sends the call and yields its outputs.

    Raises:
        Mismatch: the call does not fit the program.
    """
    endpoint, rest = _endpoint(program, wanted.target)
    match endpoint:
        case LoadBalanced():
            return _request(endpoint, rest, wanted)
        case QueueClass():
            return _job(endpoint, *_method(endpoint, rest), wanted)
        case QueueFunction(function=function):
            if rest:
                raise Mismatch(f"`{endpoint.name}` runs one function, and has no `{rest}`")
            return _job(endpoint, function, None, wanted)
        case ImageEndpoint():
            if rest:
                raise Mismatch(
                    f"the program does not show what the image of `{endpoint.name}` serves"
                )
            return _submit(endpoint.resource, endpoint.name, _object(wanted.data), wanted.way)


def _endpoint(program: Program, target: str) -> tuple[DeployedEndpoint, str]:
    """Return the endpoint that a target names, and what follows its name."""
    endpoints = {endpoint.name: endpoint for endpoint in program.deployed}
    for name in sorted(endpoints, key=len, reverse=True):
        rest = target.removeprefix(name)
        if target == name or (target.startswith(name) and rest[0] in "./"):
            return endpoints[name], rest
    name = target.partition("/")[0].partition(".")[0]
    help = did_you_mean(name, endpoints) if endpoints else ()
    raise Mismatch(f"the project deploys no endpoint `{name}`", *help)


def _method(endpoint: QueueClass, rest: str) -> tuple[Function, str]:
    """Return the method of a class that a target names, and its name."""
    methods = {method.name: method for method in endpoint.methods}
    name = rest.removeprefix(".") or (next(iter(methods)) if len(methods) == 1 else "")
    if name in methods:
        return methods[name], name
    told = f"has no method `{name}`" if name else "has several methods"
    help = did_you_mean(name, methods) if name else (f"name one: `{endpoint.name}.{min(methods)}`",)
    raise Mismatch(f"`{endpoint.class_name}` {told}", *help)


def _job(
    endpoint: QueueFunction | QueueClass, function: Function, method: str | None, wanted: Wanted
) -> Conversation:
    """Return the conversation of a job, whose arguments fit the function."""
    given = _object(wanted.data)
    check_arguments(function, given)
    return _submit(endpoint.resource, function.qualname, input_of(given, method), wanted.way)


def _object(data: Any) -> dict[str, Any]:
    """Return the arguments of a job."""
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise Mismatch(
            f"the data is a {type(data).__name__}, not an object with the arguments by name",
            """write it as in `--data '{"x": 1}'`""",
        )
    return data


def _request(endpoint: LoadBalanced, rest: str, wanted: Wanted) -> Conversation:
    """Return the conversation of a request to a route."""
    if not rest.startswith("/"):
        named = ", ".join(f"`{endpoint.name}{route.path}`" for route in endpoint.routes)
        raise Mismatch(f"`{endpoint.name}` has routes: name one", f"its routes: {named}")
    if wanted.way != "wait":
        raise Mismatch(f"a route answers at once: leave out `--{wanted.way}`")
    path = rest.partition("?")[0]
    served = [route for route in endpoint.routes if route_pattern(route.path).fullmatch(path)]
    verbs = [route.method for route in served]
    verb = wanted.verb or ("GET" if wanted.data is None and "GET" in verbs else "")
    verb = verb or next((each for each in verbs if each != "GET"), "GET")
    chosen = [route for route in served if route.method == verb]
    if not chosen:
        keys = [route.key for route in endpoint.routes]
        help = did_you_mean(f"{verb} {path}", keys)
        raise Mismatch(f"`{endpoint.name}` has no route `{verb} {path}`", *help)
    content = check_request(chosen[0], rest, wanted.data)
    request = Request(
        resource=endpoint.resource,
        function=chosen[0].function.name,
        method=verb,
        path=rest,
        content=content,
    )
    return _one(request.conversation())


# Sending ------------------------------------------------------------------------------------------


def _submit(resource: str, function: str, payload: Any, way: Way) -> Conversation:
    """Return the conversation of a job."""
    if way == "async":
        return _one(Client(resource, None).call("POST", "run", {"input": payload}))
    return _waited(resource, function, payload, streams=way == "stream")


def _waited(resource: str, function: str, payload: Any, *, streams: bool) -> Conversation:
    """Send a job and yield its result, or each of its results."""
    location = yield from platform.locate(resource)
    if streams:
        yield from stream_job(location, resource, function, payload)
    else:
        yield Item((yield from run_job(location, resource, function, payload)))


def _one(conversation: Conversation) -> Conversation:
    """Yield the result of a conversation."""
    yield Item((yield from conversation))

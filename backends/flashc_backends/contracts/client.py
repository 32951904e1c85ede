"""Emit a typed package of Python that calls the endpoints, with classes for sync and for async code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from flashc_backends.base import Context, Draft, DraftTarget
from flashc_ir.endpoints import (
    CodeEndpoint,
    Function,
    LoadBalanced,
    QueueFunction,
    Route,
    functions_of,
)
from flashc_ir.program import Program
from flashc_ir.schemas import Interface, Property

from .client_types import ClientTypes, Names
from .jobs import functions_of as job_functions
from .jobs import interface_of
from .json_schema import Definitions
from .routes import RequestArgument, plain_path, request_arguments

_TRANSPORT = Path(__file__).with_name("client_transport.py")
_UNSET = "Unset"
# Names in the types of methods; a method with such a name would hide it from the methods after it.
_RESERVED_NAMES = tuple("list dict str int float bool models t Unset Iterator".split())
_ABSTRACT = ("AsyncIterator", "Iterator", "Mapping")
_OF_TRANSPORT = ("UNSET", "AsyncTransport", "Settings", "Transport", "Unset", "given", "text_of")


class Argument(Struct, frozen=True, kw_only=True):
    """An argument of a method: its name in Python, its name in a request, its type, and where it travels."""

    name: str
    sent: str
    type: str
    required: bool
    where: str = "input"
    embed: bool = False


class Method(Struct, frozen=True, kw_only=True):
    """A method of a client's class.

    `selects` is the name of a method that the input of the job has to contain, None if it needs none.  `route` is
    None for a job.  `rest` is the type of further keyword arguments, None if the method takes none.
    """

    name: str
    arguments: tuple[Argument, ...]
    returns: str
    description: str
    is_stream: bool = False
    selects: str | None = None
    route: Route | None = None
    rest: str | None = None


class EndpointClass(Struct, frozen=True, kw_only=True):
    """The class of an endpoint: its name, the attribute of a client, and the resource name."""

    name: str
    attribute: str
    resource: str
    methods: tuple[Method, ...]


def drafts_of(program: Program) -> tuple[Draft, ...]:
    """Return the files of the package."""
    endpoints = tuple(program.code_endpoints)
    functions = [function for endpoint in endpoints for function in functions_of(endpoint)]
    types = ClientTypes(Definitions.of(map(interface_of, functions), ""))
    endpoint_classes = tuple(_endpoint_classes(endpoints, types))
    package = (
        f"{Names().choose(re.sub(r'[^0-9a-z]+', '_', program.name.lower()).strip('_'))}_client"
    )
    files = {
        "__init__.py": _init_lines(program),
        "endpoints.py": _endpoints_lines(endpoint_classes),
        "models.py": types.module(),
        "py.typed": (),
    }
    texts = {name: "".join(f"{line}\n" for line in lines) for name, lines in files.items()}
    texts["transport.py"] = _TRANSPORT.read_text(encoding="utf-8")
    return tuple(
        Draft(path=f"{package}/{name}", content=text.encode())
        for name, text in sorted(texts.items())
    )


# What the package has -------------------------------------------------------------------------------


def _endpoint_classes(
    endpoints: Iterable[CodeEndpoint], types: ClientTypes
) -> Iterator[EndpointClass]:
    """Yield the classes of the endpoints."""
    classes, attributes = Names("Client", "AsyncClient"), Names("close", "transport")
    for endpoint in endpoints:
        words = re.findall(r"[0-9A-Za-z]+", endpoint.resource)
        name = classes.choose("".join(word[:1].upper() + word[1:] for word in words) or "Endpoint")
        names = Names(*_RESERVED_NAMES)
        if isinstance(endpoint, LoadBalanced):
            methods = tuple(_route_method(route, names, types) for route in endpoint.routes)
        else:
            functions = job_functions(endpoint)
            several = len(functions) > 1
            streams = isinstance(endpoint, QueueFunction)  # a class returns all items as one list
            methods = tuple(
                _job_method(each, names, types, each.name if several else None, streams=streams)
                for each in functions
            )
        attribute = attributes.choose("_".join(word.lower() for word in words) or "endpoint")
        yield EndpointClass(
            name=name, attribute=attribute, resource=endpoint.resource, methods=methods
        )


def _job_method(
    function: Function, names: Names, types: ClientTypes, selects: str | None, *, streams: bool
) -> Method:
    """Describe the client method that runs a job; with `streams`, a generator's items come one by one."""
    interface = interface_of(function)
    own = Names("self", "more")
    rest = None if interface.rest is None else types.type_of(interface.rest, interface)
    returns = types.type_of(interface.returns, interface)
    return Method(
        name=names.choose(function.name),
        arguments=tuple(
            _argument(each, own, types, interface, "input", False) for each in interface.arguments
        ),
        returns=returns if streams or not function.is_generator else f"list[{returns}]",
        description=function.docstring or "",
        is_stream=streams and function.is_generator,
        selects=selects,
        rest=rest,
    )


def _route_method(route: Route, names: Names, types: ClientTypes) -> Method:
    """Describe the client method that sends a request to a route."""
    interface, own = interface_of(route.function), Names("self")
    returns = types.type_of(interface.returns, interface)
    is_plain = route.answer != "response" and not route.function.is_generator
    return Method(
        name=names.choose(route.function.name),
        arguments=tuple(
            _request_argument(each, own, types, interface) for each in request_arguments(route)
        ),
        returns=returns if is_plain else "t.Any",
        description=route.function.docstring or "",
        route=route,
    )


def _request_argument(
    each: RequestArgument, own: Names, types: ClientTypes, interface: Interface
) -> Argument:
    """Return an argument of a request."""
    place = each.place
    return _argument(each.property, own, types, interface, place.where, place.embed)


def _argument(
    each: Property, own: Names, types: ClientTypes, interface: Interface, where: str, embed: bool
) -> Argument:
    """Return an argument; the type of a file is `t.Any`, because httpx takes several types."""
    kind = "t.Any" if where == "file" else types.type_of(each.schema, interface)
    return Argument(
        name=own.choose(each.name),
        sent=each.name,
        type=kind,
        required=each.required,
        where=where,
        embed=embed,
    )


# Text -----------------------------------------------------------------------------------------------


def _init_lines(program: Program) -> Iterator[str]:
    """Yield the lines of `__init__.py`."""
    yield f'"""Call the endpoints of the app {_escaped(program.name)}."""'
    yield ""
    yield "from .endpoints import AsyncClient as AsyncClient"
    yield "from .endpoints import Client as Client"
    yield "from .transport import UNSET as UNSET"
    yield "from .transport import ApiError as ApiError"
    yield "from .transport import JobFailed as JobFailed"


def _endpoints_lines(endpoint_classes: tuple[EndpointClass, ...]) -> Iterator[str]:
    """Yield the lines of `endpoints.py`, which imports what it uses."""
    body: list[str] = []
    for is_async in (False, True):
        for endpoint in endpoint_classes:
            body += _class(endpoint, is_async)
        body += _client(endpoint_classes, is_async)
    words = set(re.findall(r"\w+", "\n".join(body)))
    yield '"""The endpoints of the app, as classes whose methods call them."""'
    yield ""
    yield "from __future__ import annotations"
    yield ""
    yield "import typing as t"
    yield f"from collections.abc import {', '.join(name for name in _ABSTRACT if name in words)}"
    yield ""
    yield "import httpx"
    yield ""
    if "models" in words:
        yield "from . import models"
    yield f"from .transport import {', '.join(name for name in _OF_TRANSPORT if name in words)}"
    yield from body


def _prefix(is_async: bool) -> str:
    return "Async" if is_async else ""


def _class(endpoint: EndpointClass, is_async: bool) -> Iterator[str]:
    """Yield the lines of the class of an endpoint."""
    yield ""
    yield ""
    yield f"class {_prefix(is_async)}{endpoint.name}:"
    yield f'    """The endpoint {_escaped(endpoint.resource)}."""'
    yield ""
    yield f"    def __init__(self, transport: {_prefix(is_async)}Transport) -> None:"
    yield "        self._transport = transport"
    for method in endpoint.methods:
        yield ""
        yield from (f"    {line}" for line in _method(endpoint, method, is_async))


def _method(endpoint: EndpointClass, method: Method, is_async: bool) -> Iterator[str]:
    """Yield the lines of a method."""
    ordered = sorted(method.arguments, key=lambda each: not each.required)
    listed = [
        f"{each.name}: {each.type}" + ("" if each.required else f" | {_UNSET} = UNSET")
        for each in ordered
    ]
    star = ["*"] if listed else []
    more = [f"**more: {method.rest}"] if method.rest is not None else []
    returns = method.returns
    word = "async def" if is_async and not method.is_stream else "def"
    if method.is_stream:
        returns = f"{_prefix(is_async)}Iterator[{returns}]"
    yield f"{word} {method.name}("
    for each in ("self", *star, *listed, *more):
        yield f"    {each},"
    yield f") -> {returns}:"
    summary = method.description.strip().partition("\n")[0] or f"Call `{method.name}`."
    yield f'    """{_escaped(summary)}"""'
    call = _request(endpoint, method) if method.route is not None else _call(endpoint, method)
    wait = "await " if is_async and not method.is_stream else ""
    if returns == "t.Any":
        yield f"    return {wait}{call}"
        return
    yield f"    found: t.Any = {wait}{call}"
    yield f"    return t.cast({returns!r}, found)"


def _call(endpoint: EndpointClass, method: Method) -> str:
    """Return the source text of the call that runs a job."""
    values = _mapping(method.arguments)
    values = values if method.rest is None else f"{{**more, **{values}}}"
    verb = "parts" if method.is_stream else "job"
    return f"self._transport.{verb}({endpoint.resource!r}, {values}, {method.selects!r})"


def _request(endpoint: EndpointClass, method: Method) -> str:
    """Return the source text of the call that sends a request to a route."""
    assert method.route is not None
    by = {
        where: tuple(each for each in method.arguments if each.where == where)
        for where in ("path", "query", "header", "cookie", "body", "form", "file")
    }
    path = repr(plain_path(method.route.path))
    for each in by["path"]:
        path += f".replace({'{' + each.sent + '}'!r}, text_of({each.name}))"
    body: dict[str, str] = {}
    if by["body"]:
        whole = len(by["body"]) == 1 and not by["body"][0].embed
        body["json"] = by["body"][0].name if whole else f"given({_mapping(by['body'])})"
    if by["form"]:
        body["data"] = f"given({_mapping(by['form'])})"
    if by["file"]:
        body["files"] = f"given({_mapping(by['file'])})"
    content = "{" + ", ".join(f"{key!r}: {text}" for key, text in body.items()) + "}"
    return (
        f"self._transport.request({endpoint.resource!r}, {method.route.method!r}, {path}, "
        f"query={_mapping(by['query'])}, headers={_mapping(by['header'])}, "
        f"cookies={_mapping(by['cookie'])}, body={content})"
    )


def _mapping(arguments: Iterable[Argument]) -> str:
    """Return the source text of a dict literal: arguments by their names in the request."""
    return "{" + ", ".join(f"{each.sent!r}: {each.name}" for each in arguments) + "}"


def _client(endpoint_classes: tuple[EndpointClass, ...], is_async: bool) -> Iterator[str]:
    """Yield the lines of the class of a client."""
    prefix, word = _prefix(is_async), "async " if is_async else ""
    enter, leave = ("__aenter__", "__aexit__") if is_async else ("__enter__", "__exit__")
    yield ""
    yield ""
    yield f"class {prefix}Client:"
    yield '    """Calls the endpoints of the app.'
    yield ""
    yield "    `endpoints` maps names of endpoints to ids or URLs.  `timeout` is the limit of a whole call, in seconds."
    yield "    The default of `api_key` is the environment variable `RUNPOD_API_KEY`."
    yield '    """'
    yield ""
    yield "    def __init__("
    yield "        self,"
    yield "        *,"
    yield "        api_key: str | None = None,"
    yield "        endpoints: Mapping[str, str] | None = None,"
    yield "        timeout: float = 300.0,"
    yield f"        http: httpx.{prefix}Client | None = None,"
    yield "    ) -> None:"
    yield f"        self._transport = {prefix}Transport(Settings(api_key, endpoints, timeout), http)"
    for endpoint in endpoint_classes:
        yield f"        self.{endpoint.attribute} = {prefix}{endpoint.name}(self._transport)"
    yield ""
    yield f"    {word}def close(self) -> None:"
    yield '        """Close the connections."""'
    yield f"        {'await ' if is_async else ''}self._transport.close()"
    yield ""
    yield f"    {word}def {enter}(self) -> {prefix}Client:"
    yield "        return self"
    yield ""
    yield f"    {word}def {leave}(self, *_: object) -> None:"
    yield f"        {'await ' if is_async else ''}self.close()"


def _escaped(text: str) -> str:
    """Return a text so that it can stand in a docstring."""
    return text.replace("\\", "\\\\").replace('"""', "'''").replace("\n", " ").rstrip('"')


def _emit(program: Program, _context: Context) -> tuple[Draft, ...]:
    """Draft the package: the `emit` of the target `client`."""
    return drafts_of(program)


CLIENT = DraftTarget(
    name="client", summary="a typed Python package that calls the endpoints", emit=_emit
)

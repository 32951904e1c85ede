"""Generate the artifact's package `_flashc`: the files of the runtime that this app may use.

The files are written without comments and docstrings, because the runtime is the largest part of an
artifact without dependencies.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import accumulate

import msgspec

from flashc_backends.base import Draft
from flashc_core.cache import Store, decoded
from flashc_core.python_texts import parse_module
from flashc_core.string_literals import STRING
from flashc_core.versions import version_of
from flashc_ir.artifact_paths import RUNTIME_PACKAGE
from flashc_ir.endpoints import (
    CodeEndpoint,
    LoadBalanced,
    QueueClass,
    QueueFunction,
    Route,
    functions_of,
    routes_of,
)
from flashc_ir.modules import Origin
from flashc_ir.program import Program

from .skeleton import fill, read_module

PACKAGE = RUNTIME_PACKAGE
APP_PATH = f"{PACKAGE}/app.py"
"""The path of the file with the constants of an app in its artifact."""
PACKAGE_PATH = f"{PACKAGE}/__init__.py"
"""The path of the file with the version of flashc in an artifact."""
FILLED_IN = frozenset({"__init__.py", "app.py", "places.py"})
"""The files of the runtime whose constants flashc fills in."""
_KIND = "runtime"
_CATALOGUE = "catalogue.py"
# The groups of files that some apps do not need.  A file of a group imports at its top only files
# that are there whenever the group is.
_ROUTES = frozenset({"routes.py"})
_REQUESTS = frozenset({"place.py", "places.py", "proof.py"})
_SCHEMAS = frozenset({"schemas.py"})
_RULE_OF_PLACES = frozenset({"placement.py"})
_QUEUE = frozenset({"jobs.py", "queue.py"})
_SEVERAL_JOBS = frozenset({"start.py", "streams.py", "threads.py"})
_CALLS = frozenset(
    {
        "client.py",
        "dispatch.py",
        "exchange.py",
        "failures.py",
        "names.py",
        "parts.py",
        "platform.py",
        "replies.py",
        "sending.py",
        "stubs/__init__.py",
        "waiting.py",
        "web.py",
        "wire.py",
    }
)
_SYSTEM = frozenset({"system.py"})
_QUEUE_OR_CALLS = frozenset({"arguments.py", "interface.py", "values.py"})
_CODEC = frozenset(
    {"arrays.py", "codec.py", "containers.py", "kinds.py", "models.py", "records.py"}
)


def runtime_drafts(program: Program) -> tuple[Draft, ...]:
    """Draft the package: the runtime's files, `app.py`, `places.py`, and the catalogue if the app may use it.

    `__init__.py` has the version of flashc, `app.py` has the app's constants, and `places.py` says where the arguments of its routes travel.
    The catalogue is a copy of the IR's enums of hardware and data centres.
    """
    left_out = _left_out(program)
    made = {"__init__.py": package_source, "app.py": app_source, "places.py": places_source}
    copied = [
        Draft(path=f"{PACKAGE}/{path}", content=runtime_module(path))
        for path in _runtime()
        if path not in left_out and path not in made
    ]
    written = [
        Draft(path=f"{PACKAGE}/{path}", content=source(program).encode())
        for path, source in made.items()
        if path not in left_out
    ]
    catalogue = Draft(path=f"{PACKAGE}/{_CATALOGUE}", content=runtime_module(_CATALOGUE))
    return (
        *copied,
        *written,
        *([catalogue] if _may_use_catalogue(program) else []),
    )


_WITHOUT_CATALOGUE = frozenset(["Endpoint", "NetworkVolume", "PodTemplate"])


def _may_use_catalogue(program: Program) -> bool:
    """Return whether code of the app may use an enum of the SDK, such as `GpuType`."""
    return any(
        statement.names is None or any(n.name not in _WITHOUT_CATALOGUE for n in statement.names)
        for module in program.modules
        for statement in module.imports
        if statement.origin is Origin.SDK
    )


def _left_out(program: Program) -> frozenset[str]:
    """Return the files of the runtime that no worker of this app can use."""
    endpoints = tuple(program.code_endpoints)
    balanced = [isinstance(endpoint, LoadBalanced) for endpoint in endpoints]
    left_out: frozenset[str] = frozenset()
    if not any(balanced):
        left_out |= _ROUTES
    routes = [route for endpoint in endpoints for route in routes_of(endpoint)]
    if all(map(_are_known, routes)):
        left_out |= _RULE_OF_PLACES
    if not any(route.codec for route in routes):
        left_out |= _SCHEMAS
    if all(balanced):
        left_out |= _QUEUE
    if not any(endpoint.configuration.system_dependencies for endpoint in endpoints):
        left_out |= _SYSTEM
    if not any(_needs_sdk(endpoint) for endpoint in endpoints):
        left_out |= _SEVERAL_JOBS
    if may_call(program):
        return left_out
    left_out |= _CALLS
    (endpoint,) = endpoints  # an app of several may call
    if isinstance(endpoint, LoadBalanced):
        return left_out if _SCHEMAS.isdisjoint(left_out) else left_out | _QUEUE_OR_CALLS | _CODEC
    left_out |= _REQUESTS
    return left_out if _has_codec(endpoint) else left_out | _CODEC


def _needs_sdk(endpoint: CodeEndpoint) -> bool:
    """Return whether the platform's SDK has to know more of a handler than the image tells it."""
    match endpoint:
        case QueueFunction(function=function):
            # A decorator may make a generator of a function, or hide that it is one.
            streams = function.is_generator or function.decorated
            return streams or endpoint.configuration.max_concurrency > 1
        case QueueClass():
            return endpoint.configuration.max_concurrency > 1
        case LoadBalanced():
            return False


_JSON = frozenset(["int", "float", "bool", "str", "None", "object", "list", "dict"])


def _has_codec(endpoint: CodeEndpoint) -> bool:
    """Return whether an annotation of an endpoint says more than JSON itself has."""
    return (
        any(
            text is not None and text not in _JSON
            for function in functions_of(endpoint)
            for text in (function.returns, *(p.annotation for p in function.parameters))
        )
        or any(function.decorated or function.is_generator for function in functions_of(endpoint))
        or (isinstance(endpoint, QueueClass) and endpoint.open_bases)
    )


def may_call(program: Program) -> bool:
    """Return whether code of the app may call another endpoint.

    It may if the app has more than one endpoint, if flashc found a call or an import of a stub, or
    if a use of `Endpoint` that flashc could not evaluate may create a client.
    """
    if len(program.endpoints) != 1 or not isinstance(program.endpoints[0], CodeEndpoint):
        return True
    if program.calls or program.imports_stubs:
        return True
    declaration = program.endpoints[0].construction.span
    return any(
        not declaration.covers(use) for module in program.modules for use in module.client_uses
    )


@cache
def _runtime() -> tuple[str, ...]:
    """Return the paths of the runtime's files."""
    return tuple(_modules(files("flashc_backends").joinpath("runtime"), ""))


def _modules(folder: Traversable, prefix: str) -> Iterator[str]:
    """Yield the paths of the Python files in a folder, with `prefix` in front."""
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _modules(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield prefix + entry.name


@cache
def _stripped_module(package: str, *path: str) -> bytes:
    """Return the text of a module in `package` without comments and docstrings, as bytes."""
    return stripped(read_module(*path, package=package)).encode()


@cache
def _prepared() -> dict[str, bytes]:
    """Return the files that `prepare_runtime` has prepared, by path; it fills this dictionary."""
    return {}


def runtime_module(path: str) -> bytes:
    """Return the text of a file of the runtime without comments and docstrings, as bytes.

    Raises:
        FileNotFoundError: the runtime has no such file.
    """
    known = _prepared().get(path)
    if known is not None:
        return known
    if path == _CATALOGUE:
        return _stripped_module("flashc_ir.platform", path)
    return _stripped_module("flashc_backends", "runtime", *path.split("/"))


def prepare_runtime(cache: Store, compiler: str) -> None:
    """Prepare the files of the runtime in advance, so that `runtime_drafts` takes less time.

    Their texts are taken from the cache; if they are not there, they are stripped and cached.
    `compiler` is a key of flashc itself, whose files they are.
    """
    paths = (*_runtime(), _CATALOGUE)
    cached = decoded(cache.read(_KIND, compiler), dict[str, bytes])
    if cached is not None and cached.keys() == set(paths):
        _prepared().update(cached)
        return
    _prepared().update({path: runtime_module(path) for path in paths})
    cache.write(_KIND, compiler, msgspec.msgpack.encode(_prepared()))


def package_source(_program: Program) -> str:
    """Return the text of `_flashc/__init__.py`, which names the version of flashc."""
    return filled("__init__.py", {"VERSION": version_of("flashc")})


def filled(path: str, constants: Mapping[str, object]) -> str:
    """Return the text of a file of the runtime with values for its constants."""
    return fill(runtime_module(path).decode(), constants)


def app_source(program: Program) -> str:
    """Return the text of `_flashc/app.py`: the constants of this app.

    `NAMES` has the resource name of each endpoint whose name differs from it.  `TIMEOUTS` has the
    time limits of endpoints in seconds, by resource name.
    """
    names: dict[str, str] = {}
    timeouts: dict[str, float] = {}
    for endpoint in program.deployed:
        if endpoint.name != endpoint.resource:
            names[endpoint.name] = endpoint.resource
        limit = endpoint.configuration.resources.execution_timeout_ms
        if limit:
            timeouts[endpoint.resource] = limit / 1000
    return filled("app.py", {"NAMES": names, "TIMEOUTS": timeouts})


def places_source(program: Program) -> str:
    """Return the text of `_flashc/places.py`: where the arguments of the app's routes travel."""
    places = {
        endpoint.resource: {
            route.key: {p.parameter: (p.where, p.alias, p.embed, p.by_flash) for p in route.places}
            for route in endpoint.routes
            if _are_known(route)
        }
        for endpoint in program.code_endpoints
        if isinstance(endpoint, LoadBalanced)
    }
    return filled("places.py", {"PLACES": places})


def _are_known(route: Route) -> bool:
    """Return whether the source shows where each argument of a route travels."""
    return all(place.where != "unknown" for place in route.places)


_STRING_OR_COMMENT = re.compile(rf"{STRING}|#[^\n]*", re.DOTALL)


def stripped(source: str) -> str:
    """Return a module's text without comments, docstrings and blank lines, indented by single spaces.

    All other characters stay as they are, so that the result does not depend on the Python that
    runs flashc.  The module is one of the runtime, whose f-strings contain no quotes of their own;
    `tokenize` would take ten times longer to find the strings and comments.
    """
    lines = source.splitlines(keepends=True)
    starts = list(accumulate(map(len, lines), initial=0))
    inside: set[int] = set()  # the lines that begin inside a string
    for token in _STRING_OR_COMMENT.finditer(source):
        number = bisect_right(starts, token.start())
        if source[token.start()] == "#":
            code = source[starts[number - 1] : token.start()]
            lines[number - 1] = code.rstrip() + "\n"
        else:
            inside.update(range(number + 1, bisect_right(starts, token.end() - 1) + 1))
    for node in _statements(parse_module(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            _remove_docstring(node, lines)
    return "".join(
        line if number in inside else _narrow(line)
        for number, line in enumerate(lines, 1)
        if line.strip()
    )


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield a module and all statements in it, without their expressions."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        yield node
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            pending += getattr(node, block, ())


_INDENTATION = 4  # spaces of one level in the files of the runtime


def _narrow(line: str) -> str:
    """Return a line with one space for each level of its indentation."""
    code = line.lstrip(" ")
    return " " * ((len(line) - len(code)) // _INDENTATION) + code


def _remove_docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]
) -> None:
    """Blank the lines of a docstring; write `pass` if its block contains nothing else."""
    first = node.body[0] if node.body else None
    if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
        return
    for number in range(first.lineno, (first.end_lineno or first.lineno) + 1):
        lines[number - 1] = ""
    if len(node.body) == 1 and not isinstance(node, ast.Module):
        lines[first.lineno - 1] = " " * first.col_offset + "pass\n"

"""Generate the artifact's package `_flashc`: the runtime, with what the app can need only.

Only what the app can need is in it, without comments and docstrings: an artifact without dependencies contains
little else.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from flashc_backends.base import Draft
from flashc_ir.endpoints import CodeEndpoint, LoadBalanced
from flashc_ir.program import Program

from .skeleton import fill, read_module

PACKAGE = "_flashc"
# The parts that some apps do without.  What a part imports at its top is in the same part, or in no part.
_ROUTES = frozenset({"routes.py"})
_QUEUE = frozenset({"jobs.py", "queue.py", "streams.py"})
_CALLS = frozenset(
    {"client.py", "dispatch.py", "exchange.py", "platform.py", "stubs/__init__.py", "wire.py"}
)
_QUEUE_OR_CALLS = frozenset({"arguments.py"})


def runtime_drafts(program: Program) -> tuple[Draft, ...]:
    """Draft the runtime's modules, the catalogue of the IR, and the app's own constants."""
    left_out = _left_out(program) | {"app.py"}
    copied = [
        Draft(path=f"{PACKAGE}/{path}", content=_runtime_module(path))
        for path in _runtime()
        if path not in left_out
    ]
    return (
        *copied,
        Draft(path=f"{PACKAGE}/app.py", content=app_source(program).encode()),
        Draft(
            path=f"{PACKAGE}/catalogue.py",
            content=_stripped_module("flashc_ir.platform", "catalogue.py"),
        ),
    )


def _left_out(program: Program) -> frozenset[str]:
    """Return the modules that no worker of this app can use."""
    balanced = [isinstance(endpoint, LoadBalanced) for endpoint in program.code_endpoints()]
    left_out: frozenset[str] = frozenset()
    if not any(balanced):
        left_out |= _ROUTES
    if all(balanced):
        left_out |= _QUEUE
    if not may_call(program):
        left_out |= _CALLS
        if all(balanced):
            left_out |= _QUEUE_OR_CALLS
    return left_out


def may_call(program: Program) -> bool:
    """Return whether code of the app may call another endpoint.

    It may if there is one, or if an `Endpoint` that the compiler could not evaluate may become a client of one.
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
    """Return the paths of the runtime's modules."""
    return tuple(_modules(files("flashc_backends").joinpath("runtime"), ""))


def _modules(folder: Traversable, prefix: str) -> Iterator[str]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _modules(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield prefix + entry.name


@cache
def _stripped_module(package: str, *path: str) -> bytes:
    return stripped(read_module(*path, package=package)).encode()


def _runtime_module(path: str) -> bytes:
    return _stripped_module("flashc_backends", "runtime", *path.split("/"))


def prepare_runtime() -> None:
    """Strip the runtime's modules, so that `runtime_drafts` finds them done."""
    for path in _runtime():
        if path != "app.py":
            _runtime_module(path)


def app_source(program: Program) -> str:
    """Return the text of `_flashc/app.py`: names that differ from their resources, time limits in seconds."""
    names: dict[str, str] = {}
    timeouts: dict[str, float] = {}
    for endpoint in program.deployed():
        if endpoint.name != endpoint.resource:
            names[endpoint.name] = endpoint.resource
        limit = endpoint.configuration.resources.execution_timeout_ms
        if limit:
            timeouts[endpoint.resource] = limit / 1000
    return stripped(fill(read_module("runtime", "app.py"), {"NAMES": names, "TIMEOUTS": timeouts}))


def stripped(source: str) -> str:
    """Return a module's text without comments, docstrings and blank lines.

    The rest stays character by character, so that the result does not depend on the Python that runs flashc.
    """
    lines = source.splitlines(keepends=True)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            number, column = token.start
            lines[number - 1] = lines[number - 1][:column].rstrip() + "\n"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            _remove_docstring(node, lines)
    return "".join(line for line in lines if line.strip())


def _remove_docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]
) -> None:
    """Blank the lines of a docstring; a block that has nothing else gets a `pass`."""
    first = node.body[0] if node.body else None
    if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
        return
    for number in range(first.lineno, (first.end_lineno or first.lineno) + 1):
        lines[number - 1] = ""
    if len(node.body) == 1 and not isinstance(node, ast.Module):
        lines[first.lineno - 1] = " " * first.col_offset + "pass\n"

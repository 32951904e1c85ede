"""The laws of compiled programs.

A compiled program does what the plain program does, and every call crosses exactly the boundary that the IR has.
"""

from __future__ import annotations

import ast
import importlib
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings

from flashc_backends.files.project_files import edited_source
from flashc_ir.program import Program
from tests.support.generated_programs import GeneratedEndpoint, GeneratedProgram, programs
from tests.support.profiles import examples
from tests.support.projects import Compiled, compile_files, compile_folder, unpacked, write
from tests.support.worlds import Workers, World, completed, outcome

EXAMPLES = settings(
    max_examples=examples(80),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
INPUTS = (0, 1, 2, 5)


class PlainSdk(ModuleType):
    """An SDK whose endpoints are the functions themselves; `crossings` records which endpoint calls which."""

    def __init__(self) -> None:
        super().__init__("runpod_flash")
        self.running: list[str] = []
        self.crossings: list[tuple[str, str]] = []
        self.Endpoint = self.endpoint
        self.GpuGroup = None
        self.__all__ = ["Endpoint", "GpuGroup"]

    def endpoint(self, name: str, **_config: Any) -> Any:
        def decorate(target: Any) -> Any:
            if isinstance(target, type):
                target.work = self.noting(name, target.work)  # type: ignore[attr-defined]
                return target
            return self.noting(name, target)

        return decorate

    def noting(self, name: str, function: Any) -> Any:
        import functools
        import inspect

        def enter() -> None:
            if self.running and self.running[-1] != name:
                self.crossings.append((self.running[-1], name))
            self.running.append(name)

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def asynchronous(*args: Any, **kwargs: Any) -> Any:
                enter()
                try:
                    return completed(function(*args, **kwargs))
                finally:
                    self.running.pop()

            return asynchronous

        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            enter()
            try:
                return function(*args, **kwargs)
            finally:
                self.running.pop()

        return plain


async def call_plainly(endpoint: GeneratedEndpoint, x: int) -> Any:
    function = getattr(importlib.import_module(endpoint.module), endpoint.name)
    result = function().work(x) if endpoint.is_class else function(x)
    return await result if endpoint.is_async else result


def plain_outcomes(
    root: Path, endpoints: tuple[GeneratedEndpoint, ...], monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[str, int], Any]:
    """Return the outcome of every endpoint of the plain program for every input, and the calls between endpoints."""
    found: dict[tuple[str, int], Any] = {}
    sdk = PlainSdk()
    with monkeypatch.context() as patch, World(root).entered():
        patch.setitem(sys.modules, "runpod_flash", sdk)
        for endpoint in endpoints:
            for x in INPUTS:
                sdk.crossings = []
                result = outcome(call_plainly(endpoint, x))
                found[endpoint.resource, x] = (result, sdk.crossings)
    return found


def compiled_outcomes(
    folder: Path, endpoints: tuple[GeneratedEndpoint, ...]
) -> dict[tuple[str, int], Any]:
    """Return the same for the compiled program, each endpoint in a world of its own."""
    found: dict[tuple[str, int], Any] = {}
    workers = Workers(folder, [endpoint.resource for endpoint in endpoints])
    for endpoint in endpoints:
        for x in INPUTS:
            workers.crossings = []
            result = outcome(workers.workers[endpoint.resource].run({"x": x}))
            found[endpoint.resource, x] = (result, workers.crossings)
    return found


def compiled(generated: GeneratedProgram, root: Path) -> Compiled:
    for name, text in generated.files.items():
        note(f"--- {name}\n{text}")
    result = compile_files(root, generated.files)
    assert not [d for d in result.diagnostics if d.severity.value == "error"], [
        (str(d.location), d.message) for d in result.diagnostics
    ]
    return result


@given(generated=programs())
@EXAMPLES
def test_a_compiled_program_does_what_the_plain_one_does(generated: GeneratedProgram) -> None:
    """The results, the exceptions and the calls between endpoints are the same."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        root, artifact = Path(folder, "plain").resolve(), Path(folder, "artifact").resolve()
        result = compiled(generated, root)
        unpacked(result, artifact)
        expected = plain_outcomes(root, generated.endpoints, monkeypatch)
        assert compiled_outcomes(artifact, generated.endpoints) == expected
        edges = {(edge.caller, str(edge.callee)) for edge in result.valid.edges}
        taken = {crossing for _, crossings in expected.values() for crossing in crossings}
        assert taken <= edges


def rewritten(program: Program, root: Path) -> dict[str, tuple[bytes, bytes]]:
    """Return (text before, text after) of every module, by path."""
    return {
        module.path: (
            (root / module.path).read_bytes(),
            edited_source((root / module.path).read_bytes(), module),
        )
        for module in program.modules
    }


@given(generated=programs())
@EXAMPLES
def test_rewriting_keeps_lines_and_what_it_does_not_change(generated: GeneratedProgram) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        program = compiled(generated, root).valid
        for module in program.modules:
            before, after = rewritten(program, root)[module.path]
            compile(after, module.path, "exec")
            old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
            assert len(old) == len(new)
            touched = {
                number
                for edit in module.edits
                for number in range(edit.span.line, edit.span.end_line + 1)
            }
            for number, (one, other) in enumerate(zip(old, new, strict=True), start=1):
                assert number in touched or one == other
            assert definitions(before) == definitions(after)


def definitions(source: bytes) -> list[tuple[str, int]]:
    """Every function and class with the line of its name."""
    return [
        (node.name, node.lineno)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    ]


@given(generated=programs())
@EXAMPLES
def test_rewriting_is_idempotent(generated: GeneratedProgram) -> None:
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first").resolve(), Path(folder, "second").resolve()
        program = compiled(generated, first).valid
        once = {path: after for path, (_, after) in rewritten(program, first).items()}
        write(second, once)
        again = compile_folder(second)
        twice = {path: after for path, (_, after) in rewritten(again.valid, second).items()}
        assert twice == once

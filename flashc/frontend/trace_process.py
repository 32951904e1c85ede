"""Start the separate process of `--trace`, which imports modules, and read its result."""

from __future__ import annotations

import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from msgspec import Struct

from flashc.project.project import Project
from flashc_core.temporary import temporary_folder

from . import trace_runner
from .dialect import Tracing
from .trace_answer import MOST_BYTES, TraceAnswer, TraceFailed, common_answer, read_answer
from .trace_sandbox import Sandbox, sandbox_options

LIMIT = 60  # seconds
_TICK = 0.1  # seconds
_PATHS = ("HOME", "PATH", "TMPDIR")  # their placeholders are absolute paths
# Two runs have no character of a placeholder in common, so that each part of a value differs too.
_KINDS_OF_PLACEHOLDERS = ((22, "abcdefghijklm"), (28, "nopqrstuvwxyz"))
_OWN_VARIABLES = {"LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}


class TraceRequest(Struct, frozen=True, kw_only=True):
    """What the process has to import, and in which surroundings.

    `variables` are the environment variables that it sees, and `stated` those of them whose values
    it sees too: they stand in the project.  `tracings` has the stubs by the name of the dialect.  If
    `sandbox` is None, the process runs without one.
    """

    project: Project
    modules: Collection[str]
    variables: Mapping[str, str]
    stated: frozenset[str]
    tracings: Mapping[str, Tracing]
    sandbox: Sandbox | None


def run_tracing(request: TraceRequest) -> TraceAnswer:
    """Import modules of the project in a separate process with stubs of the SDKs.

    This is done twice, each time with other placeholders in place of the values of environment
    variables.  If the answers differ, a third run with the same placeholders as the second shows what
    differs from run to run; the other differences were computed from the variables.

    Raises:
        TraceFailed: the process could not be started, took too long, or gave no valid result.
    """
    deadline = time.monotonic() + LIMIT
    placeholders, others = (_placeholders(request, *kind) for kind in _KINDS_OF_PLACEHOLDERS)
    first = _answer_of_run(request, deadline, placeholders)
    second = _answer_of_run(request, deadline, others)
    if first == second:
        return first
    third = _answer_of_run(request, deadline, others)
    return common_answer(first, common_answer(second, third), by_variables=True)


def _answer_of_run(
    request: TraceRequest, deadline: float, placeholders: dict[str, str]
) -> TraceAnswer:
    """Run the process once, with these values of environment variables.

    Raises:
        TraceFailed: as for `run_tracing`.
    """
    try:
        data = _output_of_run(request, deadline, placeholders)
    except OSError as error:
        raise TraceFailed(type(error).__name__) from error
    return read_answer(data, request.modules, request.tracings)


def _output_of_run(request: TraceRequest, deadline: float, placeholders: dict[str, str]) -> bytes:
    """Run the process once and return what it writes.

    Raises:
        OSError: the process can't be started.
        TraceFailed: it took too long, or wrote too much.
    """
    question = {
        "root": str(request.project.root),
        "stubs": _stubs(request),
        "modules": list(request.modules),
        "variables": placeholders,
        "stated": {name: request.variables[name] for name in sorted(request.stated)},
        "is_in_sandbox": request.sandbox is not None,
    }
    with ExitStack() as stack:
        standard_input = _temporary_file(stack, json.dumps(question).encode())
        command, passed = _command(request, stack)
        process = subprocess.Popen(
            command,
            cwd="/" if request.sandbox is not None else request.project.root,
            env=_OWN_VARIABLES,
            pass_fds=passed,
            stdin=standard_input,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout is not None
        stack.enter_context(process.stdout)
        try:
            return _read(process.stdout, process, deadline)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _stubs(request: TraceRequest) -> list[list[str]]:
    """Return the stubs as the process gets them: the dialect, the file, and the files that it needs."""
    return [
        [name, str(tracing.stub), *map(str, tracing.support)]
        for name, tracing in sorted(request.tracings.items())
    ]


def _command(request: TraceRequest, stack: ExitStack) -> tuple[list[str], tuple[int, ...]]:
    """Return the command of the process, and the open files that it needs.

    `stack` closes and removes the files.
    """
    command = [sys.executable, "-I", "-B", str(trace_runner.__file__)]
    if request.sandbox is None:
        return command, ()
    scratch = stack.enter_context(temporary_folder("trace"))
    call_filter = _temporary_file(stack, request.sandbox.call_filter).fileno()
    stubs = (Path(file) for stub in _stubs(request) for file in stub[1:])
    seen = [Path(str(trace_runner.__file__)), *stubs]
    sandbox = sandbox_options(request.sandbox, request.project, scratch, seen, call_filter)
    return [*sandbox, *command], (call_filter,)


def _temporary_file(stack: ExitStack, content: bytes) -> IO[bytes]:
    """Return an open file with this content and without a name, which `stack` closes."""
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    file.write(content)
    file.seek(0)
    return file


def _read(stream: IO[bytes], process: subprocess.Popen[bytes], deadline: float) -> bytes:
    """Read what the process writes until it ends, even if another process keeps the pipe open.

    Raises:
        TraceFailed: it took too long, or wrote too much.
    """
    data = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if time.monotonic() > deadline:
                raise TraceFailed(f"it took more than {LIMIT} s")
            has_ended = process.poll() is not None
            if not selector.select(_TICK):
                if has_ended:
                    return bytes(data)
                continue
            chunk = os.read(stream.fileno(), 1 << 16)
            if not chunk:
                return bytes(data)
            data += chunk
            if len(data) > MOST_BYTES:
                raise TraceFailed("the process gave a result that is too large")


def _placeholders(request: TraceRequest, length: int, letters: str) -> dict[str, str]:
    """Return a random text for each variable, in place of its value; an empty value stays empty."""
    found: dict[str, str] = {}
    for name, value in request.variables.items():
        if name in request.stated:
            continue
        word = "".join(secrets.choice(letters) for _ in range(length))
        found[name] = f"/tmp/{word}" if name in _PATHS and value else word if value else ""
    return found

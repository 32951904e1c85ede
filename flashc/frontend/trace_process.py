"""Start the separate process of `--trace`, which imports modules, and read its result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import trace_runner
from .dialect import Tracing

LIMIT = 60  # seconds


@dataclass(frozen=True)
class TraceAnswer:
    """The result of the process.

    `endpoints` are the records of the stubs, each with the name of its dialect; `failed` are the
    modules whose import raised, with the error.
    """

    endpoints: list[dict[str, Any]]
    failed: dict[str, str]


class TraceFailed(Exception):
    """The process gave no result; the message is the reason."""


def run_tracing(
    root: Path,
    modules: Iterable[str],
    environment: Mapping[str, str],
    tracings: Mapping[str, Tracing],
) -> TraceAnswer:
    """Import modules of the project at `root` in a separate process with stubs of the SDKs.

    `environment` are the variables of the process.  `tracings` has the stubs by the name of the
    dialect.

    Raises:
        TraceFailed: the process could not be started, took too long, or ended without a result.
    """
    stubs = [
        [name, str(tracing.stub), *map(str, tracing.support)]
        for name, tracing in sorted(tracings.items())
    ]
    reader, writer = os.pipe()
    command = [
        *(sys.executable, "-I", "-B", str(trace_runner.__file__)),
        *(str(root), json.dumps(stubs), str(writer), *modules),
    ]
    try:
        with os.fdopen(reader, "rb") as stream:
            _run(command, root, environment, writer)
            answer = json.loads(stream.read())
    except OSError as error:
        raise TraceFailed(type(error).__name__) from error
    except ValueError as error:
        raise TraceFailed("the process ended without a result") from error
    return TraceAnswer(answer["endpoints"], answer["failed"])


def _run(command: list[str], root: Path, environment: Mapping[str, str], writer: int) -> None:
    """Run the tracing process to its end, which closes the writing end of the pipe.

    Raises:
        TraceFailed: the process took too long.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=root,
            env={name: environment[name] for name in environment},
            pass_fds=(writer,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(writer)
    try:
        process.wait(LIMIT)
    except subprocess.TimeoutExpired as error:
        raise TraceFailed(f"it took more than {LIMIT} s") from error
    finally:
        process.kill()
        process.wait()

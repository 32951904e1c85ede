"""Run a package tool to its end, and end every process that it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from flashc_backends.base import Progress
from flashc_core.bubblewrap import find_bubblewrap

LIMIT = 1800  # seconds after which a tool is killed
_TICK = 0.1  # seconds between two updates of the progress
# All files as they are, and processes of its own, which end with the tool.
_NAMESPACES = ("--unshare-pid", "--die-with-parent", "--dev-bind", "/", "/")


def run_to_the_end(
    command: list[str],
    progress: Progress,
    count: Callable[[], int],
    environment: Mapping[str, str],
    folder: Path,
    *,
    may_run_code: bool,
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` to its end and return its result; update the progress meanwhile.

    Processes of its group end with it.  With `may_run_code`, so do all others that it leaves, if this
    machine has bubblewrap.

    Raises:
        OSError: the command can't be started.
        TimeoutExpired: the command took longer than `LIMIT`, and was killed.
    """
    deadline = time.monotonic() + LIMIT
    shown = 0
    program = find_bubblewrap(_NAMESPACES) if may_run_code else None
    held = [program, *_NAMESPACES, "--proc", "/proc", "--"] if program is not None else []
    # Files and no pipes: a process that the tool leaves could keep a pipe open.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [*held, *command],
            stdout=output,
            stderr=errors,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                if time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired(command, LIMIT)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_TICK)
                done = count()
                progress.advance(done - shown)
                shown = done
        finally:  # an interrupt too: no tool goes on without flashc
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts: list[str] = []
        for stream in (output, errors):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
        return subprocess.CompletedProcess(command, process.returncode, *texts)

"""Start a preview that outlives this process, by the same command in a session of its own, with a log file."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from .registry import LOG, Record, make_folder, read_record

ID_VARIABLE = "FLASHC_PREVIEW_ID"
"""The environment variable that tells the new process which preview it is."""
_PAUSE = 0.05  # seconds


class Started(Struct, frozen=True, kw_only=True):
    """The result of a detached start: the record of a ready preview, or else what the command printed.

    `code` is the exit code of the command.
    """

    record: Record | None = None
    printed: str = ""
    code: int = 0


def start_detached(preview: str, words: Sequence[str]) -> Started:
    """Start `flashc` with these arguments in the background, and wait until the preview is ready or has failed.

    Raises:
        OSError: the folder of the preview or its log can't be made.
    """
    folder = make_folder(preview)
    with folder.joinpath(LOG).open("w+b") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "flashc", *words],
            env={**os.environ, ID_VARIABLE: preview},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            record = _wait(process, folder)
        except (
            BaseException
        ):  # also after an interrupt, the process in the background must not stay
            process.terminate()
            process.wait()
            raise
        if record is not None:
            # The process goes on; without this, `Popen` would warn that it still runs.
            process.returncode = 0
            return Started(record=record)
        log.seek(0)
        printed = log.read().decode("utf-8", "replace")
    shutil.rmtree(folder, ignore_errors=True)
    return Started(printed=printed, code=process.returncode)


def _wait(process: subprocess.Popen[bytes], folder: Path) -> Record | None:
    """Wait until the preview is ready, and return its record; return None if the process ends before that."""
    while process.poll() is None:
        record = read_record(folder)
        if record is not None and record.state == "ready":
            return record
        time.sleep(_PAUSE)
    return None

"""Remember the previews of this user: one folder each, with a record, a log, and the files of the platform.

A folder whose flashc does not run any more is what a killed preview has left.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from flashc_backends.platform.engines.owners import is_alive, process_of
from flashc_backends.platform.state import state_folder
from flashc_core.files import write_file

_PAUSE = 0.05  # seconds
RECORD, LOG = "preview.json", "log"

State = Literal["starting", "ready", "failed"]


class Address(Struct, frozen=True, kw_only=True):
    """How to reach an endpoint: `url` is where its job API or its routes are, `curl` an example that works."""

    endpoint: str
    id: str
    kind: str
    url: str
    routes: tuple[str, ...]
    curl: str


class Record(Struct, frozen=True, kw_only=True):
    """What is known of a preview.

    `owner` is the name of its process (see `owners.py`), `started` seconds since the epoch.  `key` is the one
    that the platform asks clients for, `page` a link to its page that works once.  `differences` from the cloud are
    sentences; `skipped` are endpoints that are not run.  `lines` say why a start failed.
    """

    id: str
    owner: str
    project: str
    app: str
    started: float
    state: State = "starting"
    engine: str = ""
    url: str = ""
    key: str = ""
    page: str = ""
    addresses: tuple[Address, ...] = ()
    differences: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @property
    def is_running(self) -> bool:
        """Return whether its process runs."""
        return is_alive(self.owner)


class Entry(Struct, frozen=True):
    """A preview's folder and its record."""

    folder: Path
    record: Record

    @property
    def log(self) -> Path:
        """The file with what the preview prints."""
        return self.folder / LOG

    def stop(self, seconds: float) -> bool:
        """Ask the preview to end, kill it if it does not end in time; return whether it was running."""
        process = process_of(self.record.owner)
        if process is None or not self.record.is_running:
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(process, number)
            if self._has_ended(seconds):
                break
        return True

    def _has_ended(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while is_alive(self.record.owner):
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        return True

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def make_folder(preview: str) -> Path:
    """Make the folder of a preview if it is not there; only its user can read it.

    Raises:
        OSError: it can't be made.
    """
    folder = state_folder() / "previews" / preview
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    return folder


def write_record(folder: Path, record: Record) -> None:
    """Write the record of a preview.

    Raises:
        OSError: it can't be written.
    """
    write_file(folder / RECORD, msgspec.json.encode(record), mode=0o600)


def read_record(folder: Path) -> Record | None:
    """Return the record in a folder; None if there is none yet."""
    try:
        return msgspec.json.decode((folder / RECORD).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def entries() -> Iterator[Entry]:
    """Yield the previews, the oldest first, also those that were killed."""
    found: list[Entry] = []
    folder = state_folder() / "previews"
    if folder.is_dir():
        for each in folder.iterdir():
            record = read_record(each)
            if record is not None:
                found.append(Entry(each, record))
    yield from sorted(found, key=lambda entry: entry.record.started)


def as_document(record: Record) -> dict[str, Any]:
    """Return a record for machines, without what only flashc needs."""
    document: dict[str, Any] = msgspec.to_builtins(record)
    del document["owner"]
    return {**document, "running": record.is_running}

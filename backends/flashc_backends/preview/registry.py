"""Record, find, stop and remove the previews of this user.

Each preview has a folder with a record, a log, and the files of its platform.  If the process that the record names has
ended, the preview was killed and has left the folder.
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
from flashc_core.documents import UnreadableDocument, decode_json
from flashc_core.files import write_file

_PAUSE = 0.05  # seconds
RECORD, LOG = "preview.json", "log"
ENVIRONMENT = "preview"
"""The name of the environment into which every preview deploys."""

State = Literal["starting", "ready", "failed"]


class Address(Struct, frozen=True, kw_only=True):
    """How to reach an endpoint: `url` is the URL of its job API or of its routes, `curl` an example of a call."""

    endpoint: str
    id: str
    kind: str
    url: str
    routes: tuple[str, ...]
    curl: str


class Record(Struct, frozen=True, kw_only=True):
    """The state of a preview, for other processes.

    `owner` is the name of the preview's process (see `owners.py`), `started` its start in seconds since the epoch.
    `key` is the API key of the platform, and `page` a link to the platform's page, which works once.  `differences` are
    sentences about differences from the cloud, `skipped` the endpoints that are not run.  `lines` are the messages of a
    start that failed.
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
        """Whether the process of the preview runs."""
        return is_alive(self.owner)


class Entry(Struct, frozen=True):
    """A preview's folder and its record."""

    folder: Path
    record: Record

    @property
    def log(self) -> Path:
        """The path of the preview's log, which has everything that the preview prints."""
        return self.folder / LOG

    def stop(self, seconds: float) -> bool:
        """Ask the preview to end, and kill it if it does not end in time; return whether it was running."""
        process = process_of(self.record.owner)
        if process is None or not self.record.is_running:
            return False
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.kill(process, number)
            if self._wait_for_end(seconds):
                break
        return True

    def _wait_for_end(self, seconds: float) -> bool:
        """Wait up to `seconds` until the preview's process has ended; return whether it has."""
        deadline = time.monotonic() + seconds
        while is_alive(self.record.owner):
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        return True

    def remove(self) -> None:
        """Remove the preview's folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def make_folder(preview: str) -> Path:
    """Make the folder of a preview if it does not exist; only the user can read the folder.

    Raises:
        OSError: the folder can't be made.
    """
    folder = state_folder() / "previews" / preview
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    return folder


def write_record(folder: Path, record: Record) -> None:
    """Write the record of a preview.

    Raises:
        OSError: the file can't be written.
    """
    write_file(folder / RECORD, msgspec.json.encode(record), mode=0o600)


def read_record(folder: Path) -> Record | None:
    """Read the record in a preview's folder; return None if there is none yet or it can't be read."""
    try:
        return decode_json((folder / RECORD).read_bytes(), Record)
    except (OSError, UnreadableDocument):
        return None


def read_entries() -> Iterator[Entry]:
    """Read the records of all previews, also of killed ones, and yield them from the oldest to the newest."""
    found: list[Entry] = []
    folder = state_folder() / "previews"
    if folder.is_dir():
        for each in folder.iterdir():
            record = read_record(each)
            if record is not None:
                found.append(Entry(each, record))
    yield from sorted(found, key=lambda entry: entry.record.started)


def as_document(record: Record) -> dict[str, Any]:
    """Return a record as a document for programs, without `owner` and with `running`.

    `running` says whether the preview runs.
    """
    document: dict[str, Any] = msgspec.to_builtins(record)
    del document["owner"]
    return {**document, "running": record.is_running}

"""Write drafts and unpack artifacts, and report what can't be written."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.files import replacing
from flashc_core.source import WholeFile

from .base import Draft


class CannotWrite(Exception):
    """An output can't be written, or must not be; the finding is in the sink already."""


@contextmanager
def reporting(target: Path, sink: Sink) -> Generator[None, None, None]:
    """Turn a failure to write `target` into a finding.

    Raises:
        CannotWrite: after reporting.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        sink.report(
            rules.OUTPUT_FAILED,
            WholeFile(target.name),
            f"`{target.name}` can't be written: {reason}",
            notes=(f"to the folder `{target.parent}`",),
            help=("choose another location with `--output`, or make this one writable",),
        )
        raise CannotWrite from error


def write_tree(folder: Path, drafts: Iterable[Draft]) -> None:
    """Write drafts below `folder`, in the order of their paths, each atomically.

    Raises:
        OSError: a file can't be written.
    """
    for draft in sorted(drafts, key=lambda d: d.path):
        mode = 0o755 if draft.executable else 0o644
        with replacing(folder / draft.path, mode=mode) as temporary:
            if isinstance(draft.content, bytes):
                temporary.write_bytes(draft.content)
            else:
                shutil.copyfile(draft.content, temporary)


def unpack(artifact: Path, folder: Path) -> None:
    """Unpack an artifact of flashc's as `folder`, whose old content is removed.

    Raises:
        OSError: something can't be written.
    """
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    with tarfile.open(artifact, "r:gz") as archive:
        if hasattr(tarfile, "data_filter"):  # since Python 3.11.4
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder)

"""Drafts -> disk.  The only module of the backends that writes: whole files or nothing."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile

from .base import Draft


class CannotWrite(Exception):
    """An output can't or must not be written; the finding is in the sink already."""


@contextmanager
def replacing(target: Path, mode: int = 0o644) -> Generator[Path, None, None]:
    """Give a temporary path to write to, and replace `target` by it on success.

    The temporary file is in the same folder, so that the replacement is one atomic step.  If an exception is
    raised, `target` is unchanged and the temporary file is removed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


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
            help=("choose another place with `--output`, or make room and permissions",),
        )
        raise CannotWrite from error


def write_file(target: Path, content: bytes) -> None:
    """Write one file atomically.

    Raises:
        OSError: the old file, if any, is still there.
    """
    with replacing(target) as temporary:
        temporary.write_bytes(content)


def write_tree(folder: Path, drafts: Iterable[Draft]) -> None:
    """Write drafts below `folder`, sorted, each atomically.

    Raises:
        OSError: a file can't be written.
    """
    for draft in sorted(drafts, key=lambda d: d.path):
        target = folder / draft.path
        if isinstance(draft.content, bytes):
            write_file(target, draft.content)
        else:
            with replacing(target) as temporary:
                shutil.copyfile(draft.content, temporary)
        if draft.executable:
            target.chmod(0o755)


def unpack(artifact: Path, folder: Path) -> None:
    """Unpack an artifact of ours in place of whatever `folder` was.

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

"""Write files and folders; all outputs of a command replace the old ones together.

Failures to write are reported as findings.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Generator, Iterable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.files import replacing, replacing_folder
from flashc_core.source import WholeFile

from .base import Draft


class CannotWrite(Exception):
    """An output can't be written, or must not be; the finding is already reported."""


@contextmanager
def report_write_failures(target: Path, sink: Sink) -> Generator[None, None, None]:
    """Report an `OSError` in the `with` block as a finding about `target`.

    Raises:
        CannotWrite: the file can't be written; the finding is already reported.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        sink.report(
            rules.OUTPUT_FAILED,
            WholeFile(target.name),
            f"`{target.name}` can't be written: {reason}",
            notes=(f"flashc tried to write it to the folder `{target.parent}`",),
            help=(_remedy(error),),
        )
        raise CannotWrite from error


class Outputs:
    """Files and folders that are written under temporary names, and replace the old ones together.

    See `replacing_together`.
    """

    def __init__(self, replacements: ExitStack, sink: Sink) -> None:
        self._replacements = replacements
        self._sink = sink

    @contextmanager
    def file(self, target: Path) -> Generator[Path, None, None]:
        """Yield a path to write to; `replacing_together` moves the file to `target`.

        Raises:
            CannotWrite: the file can't be written; the finding is already reported.
        """
        with report_write_failures(target, self._sink):
            if target.is_dir():  # otherwise only the last step would notice that
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            yield self._enter(target, replacing(target))

    @contextmanager
    def folder(self, target: Path) -> Generator[Path, None, None]:
        """Yield an empty folder to fill; `replacing_together` moves it to `target`.

        Raises:
            CannotWrite: the file can't be written; the finding is already reported.
        """
        with report_write_failures(target, self._sink):
            yield self._enter(target, replacing_folder(target))

    def _enter(self, target: Path, replacement: AbstractContextManager[Path]) -> Path:
        """Begin to replace `target`, and return the path to write the new file or folder to.

        Both contexts stay open until the end of `replacing_together`.  The first one also reports a
        failure to move the new file or folder to `target`, and raises `CannotWrite`.
        """
        self._replacements.enter_context(report_write_failures(target, self._sink))
        return self._replacements.enter_context(replacement)


@contextmanager
def replacing_together(sink: Sink) -> Generator[Outputs, None, None]:
    """Yield outputs, which replace the old files and folders at the end if nothing has failed.

    The output that was asked for first is replaced last.  Replacing a file takes one step, and
    replacing a folder two, so a process that is killed may have replaced only some outputs.
    """
    with ExitStack() as replacements:
        yield Outputs(replacements, sink)


def _remedy(error: OSError) -> str:
    """Return what the user can do about a failure to write."""
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        return "choose another location with `--output`: a folder in this path is a file"
    return "choose another location with `--output`, or make this one writable"


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

"""Verify a finished artifact: report what would keep a worker from running it."""

from __future__ import annotations

from pathlib import Path

from flashc.frontend.dialect import Dialect, spellings_of
from flashc.frontend.flash import FLASH
from flashc_backends.base import PROVENANCE_PATH
from flashc_backends.verify import checks
from flashc_backends.verify.records import read_provenance
from flashc_core.diagnostics import Sink
from flashc_ir.spelling import first_of

from .result import Result


class VerifyResult(Result, frozen=True, kw_only=True):
    """The result of verifying: each diagnostic is a reason why a worker can't run the artifact.

    `provenance` is the provenance record that the artifact was compared with, None if there was none.
    """

    provenance: Path | None = None


def verify_artifact(
    artifact: Path | str,
    *,
    provenance: Path | str | None = None,
    lock: Path | str | None = None,
    dialects: tuple[Dialect, ...] | None = None,
) -> VerifyResult:
    """Read an artifact and check that a worker can run it.

    No code of the artifact is run, and nothing is written.

    The checks: every file is expected and has the bytes that flashc writes; the locked packages are
    complete and made for the workers; every import of the modules resolves; no file is outside the
    folder into which the artifact is unpacked.

    Args:
        artifact: the `.tar.gz` file.  A file that can't be read is a diagnostic, not an exception.
        provenance: the record that must describe the artifact; by default, the `provenance.json` next
            to it, if that is the record of a file with this name.
        lock: the `flash.lock` whose packages the artifact must have.
        dialects: the SDKs that the app may be written for; Flash if None.
    """
    sink, path = Sink(), Path(artifact)
    record = Path(provenance) if provenance is not None else _record_next_to(path)
    checks.verify_artifact(
        path,
        sink,
        provenance=record,
        lock=None if lock is None else Path(lock),
        spelling=first_of(spellings_of((FLASH,) if dialects is None else dialects)),
    )
    return VerifyResult(diagnostics=tuple(sink), provenance=record)


def _record_next_to(artifact: Path) -> Path | None:
    """Return the provenance record in the folder of an artifact, if it is that of a file of this name."""
    file = artifact.with_name(PROVENANCE_PATH)
    record = read_provenance(file)
    return None if isinstance(record, str) or not record.describes(artifact.name) else file

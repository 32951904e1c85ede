"""Verify a finished artifact: report what would keep a worker from running it."""

from __future__ import annotations

from pathlib import Path

from flashc_backends.verify import checks
from flashc_core.diagnostics import Sink

from .result import Result


class VerifyResult(Result, frozen=True, kw_only=True):
    """The result of verifying: each diagnostic is a reason why a worker can't run the artifact."""


def verify_artifact(artifact: Path | str) -> VerifyResult:
    """Read an artifact and check that a worker can run it.

    No code of the artifact is run, and nothing is written.

    The checks: the locked packages are complete and made for the workers; every import of the
    modules resolves; handlers and manifest match; no file is outside the folder into which the
    artifact is unpacked.

    Args:
        artifact: the `.tar.gz` file.  A file that can't be read is a diagnostic, not an exception.
    """
    sink = Sink()
    checks.verify_artifact(Path(artifact), sink)
    return VerifyResult(diagnostics=tuple(sink))

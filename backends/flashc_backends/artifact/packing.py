"""Pack an artifact into its archive, check its size, and verify it.

Every artifact is packed by this module.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from msgspec import Struct

from flashc_backends.archive import LIMIT, SEAL_SIZE, archive_mtime, seal_of, write_archive
from flashc_backends.base import ARTIFACT_PATH, Context, Draft
from flashc_backends.dependencies.installed import InstalledDistribution
from flashc_backends.dependencies.layers import Layer
from flashc_backends.dependencies.sizes import show_size
from flashc_backends.verify.checks import verify_build
from flashc_backends.write import CannotWrite
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.files import RunningDigest
from flashc_core.source import WholeFile
from flashc_ir.spelling import Spelling

# Verification can't start processes while another thread runs.
_HASHED_AT_ONCE = 32 * 1024**2  # bytes


class TooLarge(CannotWrite):
    """The archive is larger than the platform or the budget allows, which is already reported."""


class Packed(Struct, frozen=True):
    """A verified archive: its size in bytes and its SHA-256."""

    size: int
    digest: str


def pack(
    target: Path,
    drafts: Sequence[Draft],
    layers: Sequence[Layer],
    context: Context,
    spelling: Spelling,
    name: str = "the artifact",
) -> Packed:
    """Write an archive to `target`, verify it, and add its seal.

    Every artifact is made by this function, so that each one is verified.

    `spelling` is how the app is written, `name` is what the progress shows.

    Raises:
        TooLarge: the archive is too large; the finding is already reported.
        CannotWrite: a worker could not run the artifact; the findings are already reported.
        Changed: a file of the project is not what was compiled.
        OSError: a file can't be read or written.
    """
    sink, progress = context.services.sink, context.services.progress
    total = sum(layer.piece.size for layer in layers) + sum(map(_draft_size, drafts))
    progress.start(f"packing {name}", total, "bytes")
    packages = [layer.piece for layer in layers]
    mtime = archive_mtime(context.project.environment)
    cache = context.services.cache
    pieces = write_archive(target, drafts, packages, mtime, progress, cache)
    size = target.stat().st_size + SEAL_SIZE
    budget = context.artifact_options.budget
    if size > min(LIMIT, budget or LIMIT):
        report_too_large(size, budget, [layer.contents for layer in layers], sink)
        raise TooLarge
    expects = not context.dependency_options.no_install
    verify = partial(verify_build, target, layers, pieces, context.services, spelling=spelling)
    if size < _HASHED_AT_ONCE:
        hashed = _hash_of(target)
        verify(expects_packages=expects)
    else:
        from concurrent.futures import ThreadPoolExecutor  # most artifacts are small

        with ThreadPoolExecutor(1) as pool:  # hashing needs no interpreter
            hashing = pool.submit(_hash_of, target)
            verify(expects_packages=expects)
            hashed = hashing.result()
    if sink.has_errors():
        raise CannotWrite
    seal = seal_of(hashed.digest())
    with target.open("ab") as archive:
        archive.write(seal)
    hashed.update(seal)
    return Packed(size, hashed.hexdigest())


def _hash_of(file: Path) -> RunningDigest:
    """Return the SHA-256 of a file, to which more bytes can be added."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256")


def _draft_size(draft: Draft) -> int:
    """Return a draft's size in bytes; 0 for a file that is gone, which packing reports."""
    if isinstance(draft.content, bytes):
        return len(draft.content)
    try:
        return draft.content.stat().st_size
    except OSError:
        return 0


def report_too_large(
    size: int, budget: int | None, found: Sequence[InstalledDistribution], sink: Sink
) -> None:
    """Report an archive of `size` bytes that is larger than the platform's limit or the budget."""
    largest = sorted(found, key=lambda d: d.size, reverse=True)[:5]
    is_allowed = size <= LIMIT  # by the platform: then only the budget is exceeded
    if is_allowed:  # in powers of ten, as users write a budget
        message = (
            f"the artifact has {show_size(size)}; `size-budget` allows {show_size(budget or LIMIT)}"
        )
    else:
        message = f"the artifact has {size / 1024**2:,.1f} MiB; the platform allows {LIMIT / 1024**2:,.1f}"
    sink.report(
        rules.OVER_BUDGET if is_allowed else rules.ARTIFACT_TOO_LARGE,
        WholeFile(ARTIFACT_PATH),
        message,
        notes=tuple(
            f"{d.name} {d.version}: {d.size / 1024**2:,.0f} MiB installed" for d in largest
        ),
        help=(
            "`flashc size` shows the sizes; leave out packages that the image contains with `--exclude`, or load data "
            "from a volume",
        ),
    )

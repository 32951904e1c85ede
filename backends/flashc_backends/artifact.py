"""A `Program` -> the complete artifact: its drafts, its dependencies, the archive."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flashc_ir import rules
from flashc_ir.program import Program
from flashc_ir.source import Span

from .archive import LIMIT, write_archive
from .base import Context, Draft, Target
from .collisions import check_generated_files, check_shadowing, check_worker_files
from .handlers import handler_drafts
from .install import Distribution, distributions, install
from .lockers import LockFailed, locker
from .manifest import MANIFEST_PATH, manifest_draft
from .project import project_drafts
from .requirements import Request, collect_request
from .shipped import runtime_drafts
from .stubs import stub_drafts
from .write import CannotWrite, replacing, reporting, write_file, write_tree

ARTIFACT_PATH = "artifact.tar.gz"
LOCK_PATH = "requirements.txt"


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build made; sizes in bytes, those of the parts before compression."""

    artifact: Path
    manifest: Path
    artifact_size: int
    project_size: int
    runtime_size: int
    dependencies_size: int
    distributions: tuple[Distribution, ...]


def own_drafts(program: Program, context: Context) -> tuple[Draft, ...]:
    """Everything in the artifact but the manifest, the lock and the installed distributions."""
    return (
        *project_drafts(program, context.root),
        *handler_drafts(program),
        *runtime_drafts(program),
        *stub_drafts(program),
    )


def build(
    program: Program, context: Context, output: Path, keep: Path | None = None
) -> BuildResult | None:
    """Make the artifact `output`, and the manifest beside it.  None, after reports, where that fails.

    Nothing that was there before is touched until everything new is complete.  `keep` is a folder for
    the unpacked artifact.
    """
    sink = context.sink
    # What goes in, and does it collide with anything?
    manifest = manifest_draft(program, context)
    if manifest is None:
        return None
    drafts = (*own_drafts(program, context), manifest)
    check_generated_files(program, sink)
    check_worker_files(drafts, sink)
    request = collect_request(program, context.exclude, context.environ)
    if sink.has_errors():
        return None
    with tempfile.TemporaryDirectory(prefix="flashc-build-") as folder:
        # What do the dependencies come to?
        try:
            lock, installed = resolve(request, context, Path(folder, "packages"))
        except LockFailed:
            return None
        found = tuple(distributions(Path(folder, "packages")))
        check_shadowing(program, found, sink)
        check_worker_files(installed, sink)
        if sink.has_errors():
            return None
        # Write the archive beside its place, and put it there when it is whole.
        drafts = (*drafts, Draft(LOCK_PATH, lock.encode()), *installed)
        context.progress("packing the artifact")
        try:
            with reporting(output, sink), replacing(output) as temporary:
                size = write_archive(temporary, drafts, context.environ)
                if size > LIMIT:
                    report_too_large(size, found, context)
                    raise CannotWrite
            beside = output.parent / MANIFEST_PATH
            with reporting(beside, sink):
                write_file(beside, manifest.read())
            if keep is not None:
                with reporting(keep, sink):
                    write_tree(keep, drafts)
        except CannotWrite:
            return None
        return BuildResult(
            output,
            beside,
            size,
            sum(file.size for file in program.files),
            sum(len(d.read()) for d in (*runtime_drafts(program), *handler_drafts(program))),
            sum(d.size for d in found),
            found,
        )


def resolve(request: Request, context: Context, target: Path) -> tuple[str, tuple[Draft, ...]]:
    """The lock, and the installed files as drafts.

    Raises:
        LockFailed: after reporting.
    """
    if context.no_deps or not request.lines:
        return "", ()
    context.progress(f"resolving {len(request.lines)} requirements")
    lock = locker(context.locker).lock(request, context.sink)
    context.progress("installing the dependencies")
    install(lock, request.python_version, target, context.sink)
    return lock, tuple(_files(target))


def _files(target: Path) -> Iterator[Draft]:
    for path in sorted(target.rglob("*")):
        if path.is_file():
            executable = bool(path.stat().st_mode & 0o100)
            yield Draft(path.relative_to(target).as_posix(), path, executable)


def report_too_large(size: int, found: tuple[Distribution, ...], context: Context) -> None:
    largest = sorted(found, key=lambda d: d.size, reverse=True)[:5]
    context.sink.report(
        rules.ARTIFACT_TOO_LARGE,
        Span.whole(ARTIFACT_PATH),
        f"the artifact has {size / 1024**2:,.0f} MiB; the platform takes {LIMIT // 1024**2:,}",
        notes=tuple(
            f"{d.name} {d.version}: {d.size / 1024**2:,.0f} MiB installed" for d in largest
        ),
        help=("leave out what the image has with `--exclude`, or load data from a volume",),
    )


def _emit(program: Program, context: Context) -> tuple[Draft, ...]:
    with tempfile.TemporaryDirectory(prefix="flashc-emit-") as folder:
        result = build(program, context, Path(folder, ARTIFACT_PATH))
        if result is None:
            return ()
        return (
            Draft(ARTIFACT_PATH, result.artifact.read_bytes()),
            Draft(MANIFEST_PATH, result.manifest.read_bytes()),
        )


ARTIFACT = Target("artifact", "the complete archive, and the manifest beside it", _emit)

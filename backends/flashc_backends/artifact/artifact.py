"""A `Program` -> the complete artifact: its drafts, its dependencies, the archive."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from flashc_backends.archive import LIMIT, moment_of, write_archive
from flashc_backends.base import (
    ARTIFACT_PATH,
    LEFT_TO_OTHERS,
    LOCK_PATH,
    MANIFEST_PATH,
    PROVENANCE_PATH,
    SBOM_PATH,
    Changed,
    Context,
    Draft,
    Target,
)
from flashc_backends.dependencies.layers import Contents, Layer
from flashc_backends.dependencies.lock import Lock
from flashc_backends.dependencies.requirements import collect_request
from flashc_backends.dependencies.resolution import layers_of, lock_of
from flashc_backends.dependencies.resolvers import LockFailed
from flashc_backends.dependencies.sizes import Part, parts_of
from flashc_backends.files.handlers import handler_drafts, handler_path
from flashc_backends.files.project_files import Shipped, report_changed, ship_project
from flashc_backends.files.runtime_files import may_call, runtime_drafts
from flashc_backends.files.stubs import stub_drafts
from flashc_backends.manifest.manifest import manifest_draft
from flashc_backends.verify.checks import verify_build
from flashc_backends.write import CannotWrite, replacing, reporting, unpack, write_file
from flashc_core import rules
from flashc_core.diagnostics import Severity, Sink
from flashc_core.source import Span
from flashc_ir.program import Program

from .attest import provenance, sbom
from .collisions import check_generated_files, check_shadowing, check_worker_files

ENDPOINTS = "endpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What a build made; sizes in bytes, those of the parts before compression.  `digest` is the artifact's
    SHA-256."""

    artifact: Path
    digest: str
    manifest: Path
    artifact_size: int
    project_size: int
    layers: tuple[Layer, ...]

    @property
    def distributions(self) -> tuple[Contents, ...]:
        return tuple(layer.contents for layer in self.layers)

    @property
    def dependencies_size(self) -> int:
        return sum(distribution.size for distribution in self.distributions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an artifact is made of: files of flashc's and the project's own, and one layer per distribution.

    `manifest` is the draft of the manifest; `drafts` holds everything but the layers' files.
    """

    shipped: Shipped
    manifest: Draft
    drafts: tuple[Draft, ...]
    lock: Lock
    layers: tuple[Layer, ...]

    @property
    def distributions(self) -> tuple[Contents, ...]:
        """The installed distributions, by name."""
        return tuple(layer.contents for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Packed:
    """A verified archive: its size in bytes and its SHA-256."""

    size: int
    digest: str


def own_drafts(program: Program, shipped: Shipped) -> tuple[Draft, ...]:
    """Return everything in the artifact except the manifest, the lock and the installed distributions."""
    return (
        *shipped.drafts,
        *handler_drafts(program),
        *runtime_drafts(program),
        *(stub_drafts(program) if may_call(program) else ()),
    )


def build(
    program: Program, context: Context, output: Path, keep: Path | None = None
) -> BuildResult | None:
    """Make the artifact `output`, and the manifest, the SBOM and the provenance record next to it.

    Nothing that was there before is touched until everything new is complete and verified.  `keep` is a folder
    for the unpacked artifact.  Returns None, after reports, where a step fails.
    """
    sink = context.sink
    with tempfile.TemporaryDirectory(prefix="flashc-build-") as folder:
        parts = collect_parts(program, context, Path(folder), forecast=True)
        if parts is None:
            return None
        try:
            with reporting(output, sink), replacing(output) as temporary:
                packed = pack(temporary, parts.drafts, parts.layers, context)
            _write_records(program, parts, output, packed.digest, sink)
            if keep is not None:
                with reporting(keep, sink):
                    unpack(output, keep)
            if context.per_endpoint:
                _write_endpoints(program, parts, context, output.parent / ENDPOINTS)
        except CannotWrite:
            return None
        except Changed as error:
            report_changed(str(error), sink)
            return None
    return BuildResult(
        artifact=output,
        digest=packed.digest,
        manifest=output.parent / MANIFEST_PATH,
        artifact_size=packed.size,
        project_size=sum(file.size for file in program.files),
        layers=parts.layers,
    )


def measure(program: Program, context: Context) -> tuple[Lock, list[Part]] | None:
    """Make the artifact without keeping it; return its lock and the size of each distribution.

    Reports what `build` reports.  An artifact that is only too large is measured all the same, as its sizes say
    what to leave out; None, after reports, where anything else is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="flashc-build-") as folder:
        parts = collect_parts(program, context, Path(folder), forecast=False)
        if parts is None:
            return None
        target = Path(folder, ARTIFACT_PATH)
        try:
            with reporting(target, context.sink):
                pack(target, parts.drafts, parts.layers, context)
        except CannotWrite:
            if not _is_only_too_large(context.sink):
                return None
        except Changed as error:
            report_changed(str(error), context.sink)
            return None
        return parts.lock, parts_of(program, parts.lock, parts.layers)


def _is_only_too_large(sink: Sink) -> bool:
    errors = {d.rule for d in sink if d.severity is Severity.ERROR}
    return errors <= {rules.ARTIFACT_TOO_LARGE, rules.OVER_BUDGET}


def collect_parts(
    program: Program, context: Context, workspace: Path, *, forecast: bool
) -> Parts | None:
    """Draft the files, lock and install the dependencies below `workspace`, and check for collisions.

    `forecast`: refuse dependencies that can't fit before they are downloaded.  Returns None after reporting
    errors.
    """
    sink = context.sink
    shipped = ship_project(program, context)
    if shipped is None:
        return None
    manifest = manifest_draft(program, shipped, context)
    drafts = (*own_drafts(program, shipped), manifest)
    check_generated_files(program, sink)
    check_worker_files(drafts, sink)
    request = collect_request(program, context)
    if sink.has_errors():
        return None
    try:
        lock = lock_of(program, request, context)
        layers = layers_of(lock, context, workspace, forecast=forecast)
    except LockFailed:
        return None
    check_shadowing(program, [layer.contents for layer in layers], sink)
    for layer in layers:
        check_worker_files(layer.drafts, sink)
    if sink.has_errors():
        return None
    return Parts(
        shipped=shipped,
        manifest=manifest,
        drafts=(*drafts, Draft(path=LOCK_PATH, content=lock.requirements.encode())),
        lock=lock,
        layers=tuple(layers),
    )


def pack(
    target: Path, drafts: Sequence[Draft], layers: Sequence[Layer], context: Context
) -> Packed:
    """Write an archive to `target` and verify it.  Every artifact is made here, so none is left unverified.

    Raises:
        CannotWrite: it is too large, or a worker could not run it; reported.
        Changed: a file of the project is not what was compiled.
        OSError: a file can't be read or written.
    """
    context.progress("packing the artifact")
    pieces = [layer.piece for layer in layers]
    size = write_archive(target, drafts, pieces, moment_of(context.environ))
    if size > min(LIMIT, context.budget or LIMIT):
        report_too_large(size, [layer.contents for layer in layers], context)
        raise CannotWrite
    with ThreadPoolExecutor(1) as pool:  # hashing needs no interpreter
        hashing = pool.submit(_sha256, target)
        verify_build(target, layers, context.sink)
        digest = hashing.result()
    if context.sink.has_errors():
        raise CannotWrite
    return Packed(size, digest)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write_records(program: Program, parts: Parts, output: Path, digest: str, sink: Sink) -> None:
    """Write the manifest, the SBOM and the provenance record of the artifact `output` next to it.

    Raises:
        CannotWrite: after reporting.
    """
    folder = output.parent
    with reporting(folder / MANIFEST_PATH, sink):
        write_file(folder / MANIFEST_PATH, parts.manifest.read())
        write_file(folder / SBOM_PATH, sbom(program, parts.lock, parts.distributions))
        record = provenance(program, parts.lock, (output.name, digest))
        write_file(folder / PROVENANCE_PATH, record)


def _write_endpoints(program: Program, parts: Parts, context: Context, folder: Path) -> None:
    """Write one artifact per endpoint: the project, its own handler, and the distributions that it needs.

    Raises:
        CannotWrite: after reporting.
        Changed: a file of the project is not what was compiled.
    """
    lock = parts.lock
    needs = {resource: lock.needed_by(roots) for resource, roots in lock.endpoints}
    shared = [d for d in parts.drafts if d.path not in (MANIFEST_PATH, LOCK_PATH)]
    handlers = {handler_path(endpoint) for endpoint in program.code_endpoints()}
    for endpoint in program.code_endpoints():
        wanted = needs.get(endpoint.resource, frozenset())
        entries = tuple(entry for entry in lock.entries if entry.name in wanted)
        alone = structs.replace(program, endpoints=(endpoint,))
        others = " ".join(entry.name for entry in lock.entries if entry.name not in wanted)
        requirements = f"{LEFT_TO_OTHERS}{others}\n{replace(lock, entries=entries).requirements}"
        drafts = [
            *(d for d in shared if d.path not in handlers - {handler_path(endpoint)}),
            manifest_draft(alone, parts.shipped, context),
            Draft(path=LOCK_PATH, content=requirements.encode()),
        ]
        chosen = [layer for layer in parts.layers if layer.contents.name in wanted]
        target = folder / f"{endpoint.resource}.tar.gz"
        with reporting(target, context.sink), replacing(target) as temporary:
            pack(temporary, drafts, chosen, context)


def report_too_large(size: int, found: Sequence[Contents], context: Context) -> None:
    largest = sorted(found, key=lambda d: d.size, reverse=True)[:5]
    own = size <= LIMIT
    who = "the project allows itself" if own else "the platform takes"
    most = (context.budget or LIMIT) if own else LIMIT
    context.sink.report(
        rules.OVER_BUDGET if own else rules.ARTIFACT_TOO_LARGE,
        Span.whole(ARTIFACT_PATH),
        f"the artifact has {size / 1024**2:,.1f} MiB; {who} {most / 1024**2:,.1f}",
        notes=tuple(
            f"{d.name} {d.version}: {d.size / 1024**2:,.0f} MiB installed" for d in largest
        ),
        help=(
            "`flashc size` explains it; leave out what the image has with `--exclude`, or load data "
            "from a volume",
        ),
    )


def _emit(program: Program, context: Context) -> tuple[Draft, ...]:
    with tempfile.TemporaryDirectory(prefix="flashc-emit-") as folder:
        result = build(program, context, Path(folder, ARTIFACT_PATH))
        if result is None:
            return ()
        return (
            Draft(path=ARTIFACT_PATH, content=result.artifact.read_bytes()),
            Draft(path=MANIFEST_PATH, content=result.manifest.read_bytes()),
        )


ARTIFACT = Target("artifact", "the complete archive, and the manifest beside it", _emit)

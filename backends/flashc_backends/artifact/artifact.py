"""A `Program` -> the complete artifact: its drafts, its dependencies, the archive."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from flashc_backends.base import (
    ARTIFACT_PATH,
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
from flashc_backends.manifest.manifest import manifest_draft
from flashc_backends.write import CannotWrite, replacing, reporting, unpack, write_file
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import Span
from flashc_ir.program import Program

from .archive import LIMIT, moment_of, write_archive
from .attest import provenance, sbom
from .collisions import check_generated_files, check_shadowing, check_worker_files
from .handlers import handler_drafts, handler_path
from .project_files import Shipped, report_changed, ship_project
from .runtime_files import may_call, runtime_drafts
from .stubs import stub_drafts

LOCK_PATH = "requirements.txt"
ENDPOINTS = "endpoints"
LEFT_TO_OTHERS = "# left to other endpoints: "


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


def own_drafts(program: Program, shipped: Shipped) -> tuple[Draft, ...]:
    """Everything in the artifact but the manifest, the lock and the installed distributions."""
    return (
        *shipped.drafts,
        *handler_drafts(program),
        *runtime_drafts(program),
        *(stub_drafts(program) if may_call(program) else ()),
    )


Verifier = Callable[[Path, Sequence[Layer], Sink], None]


def unverified(_artifact: Path, _layers: Sequence[Layer], _sink: Sink) -> None:
    """No verification."""


def build(
    program: Program,
    context: Context,
    output: Path,
    keep: Path | None = None,
    verify: Verifier = unverified,
) -> BuildResult | None:
    """Make the artifact `output`, and the manifest beside it.  None, after reports, where that fails.

    Nothing that was there before is touched until everything new is complete, and `verify` has read it
    again.  `keep` is a folder for the unpacked artifact.
    """
    sink = context.sink
    # What goes in, and does it collide with anything?
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
    with tempfile.TemporaryDirectory(prefix="flashc-build-") as folder:
        # What do the dependencies come to?
        try:
            lock = lock_of(program, request, context)
            layers = layers_of(lock, context, Path(folder), forecast=True)
        except LockFailed:
            return None
        found = tuple(layer.contents for layer in layers)
        check_shadowing(program, found, sink)
        for layer in layers:
            check_worker_files(layer.drafts, sink)
        if sink.has_errors():
            return None
        # Write the archive beside its place, and put it there when it is whole.
        drafts = (*drafts, Draft(path=LOCK_PATH, content=lock.requirements.encode()))
        context.progress("packing the artifact")
        try:
            with reporting(output, sink), replacing(output) as temporary:
                pieces = [layer.piece for layer in layers]
                size = write_archive(temporary, drafts, pieces, moment_of(context.environ))
                if size > min(LIMIT, context.budget or LIMIT):
                    report_too_large(size, found, context)
                    raise CannotWrite
                with ThreadPoolExecutor(1) as pool:  # hashing needs no interpreter
                    hashing = pool.submit(_sha256, temporary)
                    verify(temporary, layers, sink)
                    whole = hashing.result()
                if sink.has_errors():
                    raise CannotWrite
            beside = output.parent / MANIFEST_PATH
            with reporting(beside, sink):
                write_file(beside, manifest.read())
                write_file(output.parent / SBOM_PATH, sbom(program, lock, found))
                record = provenance(program, lock, (output.name, whole))
                write_file(output.parent / PROVENANCE_PATH, record)
            if keep is not None:
                with reporting(keep, sink):
                    unpack(output, keep)
            if context.per_endpoint:
                write_endpoints(
                    program, shipped, context, output.parent / ENDPOINTS, lock, layers, verify
                )
        except CannotWrite:
            return None
        except Changed as error:
            report_changed(str(error), sink)
            return None
    return BuildResult(
        artifact=output,
        digest=whole,
        manifest=beside,
        artifact_size=size,
        project_size=sum(file.size for file in program.files),
        layers=tuple(layers),
    )


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_endpoints(
    program: Program,
    shipped: Shipped,
    context: Context,
    folder: Path,
    lock: Lock,
    layers: Sequence[Layer],
    verify: Verifier,
) -> None:
    """One artifact per endpoint: the project, its own handler, and the distributions that it needs.

    Raises:
        CannotWrite: after reporting.
    """
    needs = {resource: lock.needed_by(roots) for resource, roots in lock.endpoints}
    drafts = own_drafts(program, shipped)
    handlers = {handler_path(endpoint) for endpoint in program.code_endpoints()}
    for endpoint in program.code_endpoints():
        wanted = needs.get(endpoint.resource, frozenset())
        entries = tuple(entry for entry in lock.entries if entry.name in wanted)
        alone = structs.replace(program, endpoints=(endpoint,))
        manifest = manifest_draft(alone, shipped, context)
        others = " ".join(entry.name for entry in lock.entries if entry.name not in wanted)
        requirements = f"{LEFT_TO_OTHERS}{others}\n{replace(lock, entries=entries).requirements}"
        content = [
            *(d for d in drafts if d.path not in handlers - {handler_path(endpoint)}),
            manifest,
            Draft(path=LOCK_PATH, content=requirements.encode()),
        ]
        chosen = [layer for layer in layers if layer.contents.name in wanted]
        target = folder / f"{endpoint.resource}.tar.gz"
        with reporting(target, context.sink), replacing(target) as temporary:
            pieces = [layer.piece for layer in chosen]
            write_archive(temporary, content, pieces, moment_of(context.environ))
            verify(temporary, chosen, context.sink)
            if context.sink.has_errors():
                raise CannotWrite


def report_too_large(size: int, found: tuple[Contents, ...], context: Context) -> None:
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

"""Build the complete artifact: its files, its dependencies, the archive, and the records next to it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import structs

from flashc_backends.base import (
    ARTIFACT_PATH,
    LOCK_PATH,
    MANIFEST_PATH,
    PROVENANCE_PATH,
    SBOM_PATH,
    Changed,
    Context,
    Draft,
    DraftTarget,
)
from flashc_backends.dependencies.installed import InstalledDistribution
from flashc_backends.dependencies.layers import Layer
from flashc_backends.dependencies.lock import Lock
from flashc_backends.dependencies.sizes import DistributionSize, distribution_sizes
from flashc_backends.files.handlers import handler_path
from flashc_backends.files.project_files import report_changed
from flashc_backends.manifest.endpoint_record import ENDPOINT_RECORD_PATH, EndpointRecord
from flashc_backends.manifest.manifest import manifest_draft
from flashc_backends.write import CannotWrite, reporting, unpack
from flashc_core import rules
from flashc_core.diagnostics import Severity, Sink
from flashc_core.files import replacing, write_file
from flashc_ir.program import Program

from .attest import provenance, sbom
from .packing import pack
from .parts import Parts, collect_parts

ENDPOINTS = "endpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """What a build made.

    Sizes are in bytes; `project_size` is the size before compression.  `digest` is the artifact's SHA-256 in hex.
    """

    artifact: Path
    digest: str
    manifest: Path
    artifact_size: int
    project_size: int
    layers: tuple[Layer, ...]

    @property
    def distributions(self) -> tuple[InstalledDistribution, ...]:
        """The installed distributions, by name."""
        return tuple(layer.contents for layer in self.layers)

    @property
    def dependencies_size(self) -> int:
        """The size of the installed distributions in bytes."""
        return sum(distribution.size for distribution in self.distributions)


def build(
    program: Program, context: Context, output: Path, keep: Path | None = None
) -> BuildResult | None:
    """Make the artifact `output`, and the manifest, the SBOM and the provenance record next to it.

    Nothing that was there before is touched until everything new is complete and verified.  `keep` is a folder
    for the unpacked artifact.  Returns None, after reports, where a step fails.
    """
    sink = context.services.sink
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
            if context.artifact_options.per_endpoint:
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


def measure(program: Program, context: Context) -> tuple[Lock, list[DistributionSize]] | None:
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
            with reporting(target, context.services.sink):
                pack(target, parts.drafts, parts.layers, context)
        except CannotWrite:
            if not _is_only_too_large(context.services.sink):
                return None
        except Changed as error:
            report_changed(str(error), context.services.sink)
            return None
        return parts.lock, distribution_sizes(program, parts.lock, parts.layers)


def _is_only_too_large(sink: Sink) -> bool:
    errors = {d.rule for d in sink if d.severity is Severity.ERROR}
    return errors <= {rules.ARTIFACT_TOO_LARGE, rules.OVER_BUDGET}


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
        record = EndpointRecord(
            endpoint=endpoint.resource,
            left_to_others=[e.name for e in lock.entries if e.name not in wanted],
        )
        requirements = replace(lock, entries=entries).requirements
        drafts = [
            *(d for d in shared if d.path not in handlers - {handler_path(endpoint)}),
            manifest_draft(alone, parts.project.fingerprint, context.project.environment),
            Draft(path=LOCK_PATH, content=requirements.encode()),
            Draft(path=ENDPOINT_RECORD_PATH, content=record.to_json()),
        ]
        chosen = [layer for layer in parts.layers if layer.contents.name in wanted]
        target = folder / f"{endpoint.resource}.tar.gz"
        with reporting(target, context.services.sink), replacing(target) as temporary:
            pack(temporary, drafts, chosen, context, f"the artifact of {endpoint.resource}")


def _emit(program: Program, context: Context) -> tuple[Draft, ...]:
    with tempfile.TemporaryDirectory(prefix="flashc-emit-") as folder:
        result = build(program, context, Path(folder, ARTIFACT_PATH))
        if result is None:
            return ()
        return (
            Draft(path=ARTIFACT_PATH, content=result.artifact.read_bytes()),
            Draft(path=MANIFEST_PATH, content=result.manifest.read_bytes()),
        )


ARTIFACT = DraftTarget(
    name="artifact", summary="the complete archive, and the manifest next to it", emit=_emit
)

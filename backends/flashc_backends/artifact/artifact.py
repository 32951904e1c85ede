"""Build the complete artifact: generated files, packages, the archive, and the records next to it.

The records are the manifest, the SBOM and the provenance record.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from flashc_backends.base import (
    ARTIFACT_PATH,
    MANIFEST_PATH,
    PROVENANCE_PATH,
    SBOM_PATH,
    WORKER_REQUIREMENTS_PATH,
    Changed,
    Context,
    Draft,
    DraftTarget,
)
from flashc_backends.dependencies.layers import Layer, executables_of
from flashc_backends.dependencies.lock import Lock
from flashc_backends.dependencies.record import is_record
from flashc_backends.dependencies.sizes import DistributionSize, distribution_sizes
from flashc_backends.files.identity import digest_of, identified, identity_of
from flashc_backends.files.project_files import report_changed
from flashc_backends.manifest.endpoint_record import ENDPOINT_RECORD_PATH, EndpointRecord
from flashc_backends.manifest.manifest import manifest_draft
from flashc_backends.write import (
    CannotWrite,
    Outputs,
    replacing_together,
    report_write_failures,
)
from flashc_core.archives import unpack
from flashc_core.temporary import temporary_folder
from flashc_ir.artifact_paths import handler_path
from flashc_ir.program import Program
from flashc_ir.spelling import Spelling

from .attest import provenance, sbom
from .packing import TooLarge, pack
from .parts import Parts, collect_parts

ENDPOINTS = "endpoints"


class BuildResult(Struct, frozen=True, kw_only=True):
    """The result of a build: its files, and their sizes.

    Sizes are in bytes; `project_size` is the size before compression.  `digest` is the artifact's
    SHA-256 in hex.  `parts` is what the artifact consists of.
    """

    artifact: Path
    digest: str
    manifest: Path
    artifact_size: int
    project_size: int
    parts: Parts

    @property
    def dependencies_size(self) -> int:
        """The size of the installed distributions in bytes."""
        return sum(distribution.size for distribution in self.parts.distributions)


def build(
    program: Program, context: Context, output: Path, keep: Path | None = None
) -> BuildResult | None:
    """Make the artifact `output`, and the manifest, the SBOM and the provenance record next to it.

    `keep` is a folder for the unpacked artifact.  If a step fails, the reason is reported and the
    result is None.

    The new files are first written under temporary names in the same folders.  When all of them are
    complete and verified, they replace the old files and folders, the artifact last.  A file is
    replaced in one atomic step, a folder in two.  If flashc is killed between two of these steps,
    the artifact is the old one and other files may be new already; the provenance record then has
    a digest that is not the artifact's.
    """
    sink = context.services.sink
    with temporary_folder("build") as scratch:
        parts = collect_parts(program, context, scratch, forecast=True, with_identity=True)
        if parts is None:
            return None
        try:
            with replacing_together(sink) as outputs:
                with outputs.file(output) as artifact:
                    packed = pack(artifact, parts.drafts, parts.layers, context, program.spelling)
                _write_records(program, parts, output, packed.digest, outputs)
                if context.artifact_options.per_endpoint:
                    _write_endpoints(program, parts, context, output.parent / ENDPOINTS, outputs)
                if keep is not None:
                    with outputs.folder(keep) as folder:
                        unpack(artifact, folder)
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
        parts=parts,
    )


def measure(program: Program, context: Context) -> tuple[Lock, list[DistributionSize]] | None:
    """Make the artifact without keeping it; return its lock and the size of each distribution.

    Dependencies that can't fit are installed too, and an artifact that is too large is reported and
    measured: the user wants to see which packages are large.  Any other error is reported, and the
    result is None.
    """
    with temporary_folder("build") as scratch:
        parts = collect_parts(program, context, scratch, forecast=False, with_identity=True)
        if parts is None:
            return None
        with suppress(TooLarge):
            if not _pack_only(scratch / ARTIFACT_PATH, parts, context, program.spelling):
                return None
        return parts.lock, distribution_sizes(program, parts.lock, parts.layers)


def _pack_only(target: Path, parts: Parts, context: Context, spelling: Spelling) -> bool:
    """Make the artifact at `target` and nothing else; return False if an error was reported.

    Raises:
        TooLarge: the archive is too large; the finding is already reported.
    """
    sink = context.services.sink
    try:
        with report_write_failures(target, sink):
            pack(target, parts.drafts, parts.layers, context, spelling)
    except TooLarge:
        raise
    except CannotWrite:
        return False
    except Changed as error:
        report_changed(str(error), sink)
        return False
    return True


def _write_records(
    program: Program, parts: Parts, output: Path, digest: str, outputs: Outputs
) -> None:
    """Write the manifest, the SBOM and the provenance record of the artifact `output` next to it.

    Raises:
        CannotWrite: a file can't be written; the finding is already reported.
    """
    records = {
        MANIFEST_PATH: parts.manifest.read(),
        SBOM_PATH: sbom(program, parts.lock, parts.distributions),
        PROVENANCE_PATH: provenance(
            program, parts.lock, (output.name, digest), members_of(parts.drafts, parts.layers)
        ),
    }
    for name, content in records.items():
        with outputs.file(output.parent / name) as temporary:
            temporary.write_bytes(content)


def members_of(drafts: Iterable[Draft], layers: Iterable[Layer]) -> dict[str, str]:
    """Return the SHA-256 in hex of each file of an artifact that no RECORD lists, and of each RECORD.

    Together with the RECORDs, they cover all files.
    """
    records = {
        file.path: file.digest
        for layer in layers
        for file in layer.contents.files
        if is_record(file.path)
    }
    return {draft.path: draft.digest or digest_of(draft) for draft in drafts} | records


def _write_endpoints(
    program: Program, parts: Parts, context: Context, folder: Path, outputs: Outputs
) -> None:
    """Write one artifact per endpoint: the project, one handler, and the packages that it needs.

    Raises:
        CannotWrite: a file can't be written; the finding is already reported.
        Changed: a file of the project is not what was compiled.
    """
    lock = parts.lock
    needs = {resource: lock.needed_by(roots) for resource, roots in lock.endpoints}
    shared = [d for d in parts.drafts if d.path not in (MANIFEST_PATH, WORKER_REQUIREMENTS_PATH)]
    handlers = {handler_path(endpoint) for endpoint in program.code_endpoints}
    for endpoint in program.code_endpoints:
        wanted = needs.get(endpoint.resource, frozenset())
        entries = tuple(entry for entry in lock.entries if entry.name in wanted)
        record = EndpointRecord(
            endpoint=endpoint.resource,
            left_to_others=[e.name for e in lock.entries if e.name not in wanted],
        )
        requirements = replace(lock, entries=entries).requirements
        fingerprint, environment = parts.project.fingerprint, context.project.environment
        own = [
            *(d for d in shared if d.path not in handlers - {handler_path(endpoint)}),
            Draft(path=WORKER_REQUIREMENTS_PATH, content=requirements.encode()),
            Draft(path=ENDPOINT_RECORD_PATH, content=record.to_json()),
        ]
        chosen = [layer for layer in parts.layers if layer.contents.name in wanted]
        identity = identity_of(own, executables_of(chosen))
        manifest = manifest_draft(
            program, fingerprint, environment, only=endpoint.resource, identity=identity
        )
        drafts = [*identified(own, identity), manifest]
        with outputs.file(folder / f"{endpoint.resource}.tar.gz") as temporary:
            name = f"the artifact of {endpoint.resource}"
            pack(temporary, drafts, chosen, context, program.spelling, name)


def _emit(program: Program, context: Context) -> tuple[Draft, ...]:
    """Build the artifact in a temporary folder; return its draft and the draft of its manifest.

    The result is an empty tuple if an error was reported.
    """
    with temporary_folder("build") as scratch:
        parts = collect_parts(program, context, scratch, forecast=True, with_identity=True)
        artifact = scratch / ARTIFACT_PATH
        with suppress(TooLarge):
            if parts is not None and _pack_only(artifact, parts, context, program.spelling):
                # The draft holds the content, because the folder is removed before the draft is written.
                return (Draft(path=ARTIFACT_PATH, content=artifact.read_bytes()), parts.manifest)
    return ()


ARTIFACT = DraftTarget(
    name="artifact", summary="the complete archive, and the manifest next to it", emit=_emit
)

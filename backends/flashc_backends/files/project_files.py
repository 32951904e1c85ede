"""Prepare the project's own files for the artifact: modules with their edits, others unchanged."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flashc_backends.base import Changed, Draft
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.encoding import decode
from flashc_core.source import WholeFile, apply_edits
from flashc_ir.modules import Module
from flashc_ir.program import Program, ProjectFile

# The lock replaces the project's own file of this name.
REPLACED = frozenset({"requirements.txt"})
_KEPT = 1_000_000  # bytes; larger files are read again when they are packed


@dataclass(frozen=True, slots=True)
class ProjectDrafts:
    """The project's own part of an artifact.

    `fingerprint` is the SHA-256 over paths and contents in the order of the paths, each behind its length in 8
    bytes.  The framing is the incumbent's; a deployment compares it to see whether anything changed.
    """

    drafts: tuple[Draft, ...]
    fingerprint: str


def draft_project(program: Program, root: Path, sink: Sink) -> ProjectDrafts | None:
    """Draft every file of the project below `root`.

    None, after a report, where a file can't be read any more, or is not what was compiled.
    """
    digest = hashlib.sha256()
    drafts: list[Draft] = []
    modules = {module.path: module for module in program.modules if module.edits}
    path = "."
    try:
        for file in sorted(program.files, key=lambda file: file.path):
            if file.path in REPLACED:
                continue
            path = file.path
            data = _read(f"{root}/{path}", file)
            if path in modules:
                data = edited_source(data, modules[path])
            for part in (path.encode(), data):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)
            small = path in modules or file.size <= _KEPT
            content = data if small else root / path
            drafts.append(
                Draft(
                    path=path,
                    content=content,
                    executable=file.executable,
                    digest=None if small else file.digest,
                )
            )
    except (OSError, Changed):
        report_changed(path, sink)
        return None
    return ProjectDrafts(tuple(drafts), digest.hexdigest())


def report_changed(path: str, sink: Sink) -> None:
    """Report that a file of the project is not what was compiled."""
    sink.report(
        rules.UNREADABLE_FILE,
        WholeFile(path),
        f"`{path}` was changed or removed during the build",
        help=("build again",),
    )


def _read(path: str, file: ProjectFile) -> bytes:
    with open(path, "rb") as stream:
        data = stream.read()
    if hashlib.sha256(data).hexdigest() != file.digest:
        raise Changed(file.path)
    return data


def edited_source(data: bytes, module: Module) -> bytes:
    """Apply a module's edits to its bytes; encoding and line ends stay."""
    text, encoding = decode(data)
    return apply_edits(text, module.edits).encode(encoding)

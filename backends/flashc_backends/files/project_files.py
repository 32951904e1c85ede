"""Draft the project's own files for the artifact: modules with edits, other files unchanged."""

from __future__ import annotations

import hashlib
from pathlib import Path

from msgspec import Struct

from flashc_backends.base import WORKER_REQUIREMENTS_PATH, Changed, Draft
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.encoding import decode
from flashc_core.source import WholeFile, apply_edits
from flashc_ir.modules import Module
from flashc_ir.program import Program, ProjectFile

# The lock replaces the project's own file of this name.
REPLACED = frozenset({WORKER_REQUIREMENTS_PATH})
_KEPT = 1_000_000  # bytes; larger files are read again when they are packed


class ProjectDrafts(Struct, frozen=True):
    """The project's own part of an artifact.

    `fingerprint` is a SHA-256 by which a deployment sees whether anything changed.  It covers the
    paths and contents in the order of the paths, each preceded by its length in 8 bytes, as
    `runpod_flash` computes it.
    """

    drafts: tuple[Draft, ...]
    fingerprint: str


def draft_project(program: Program, root: Path, sink: Sink) -> ProjectDrafts | None:
    """Draft every file of the project below `root`.

    The result is None if a file can't be read any more or has changed since it was compiled, which
    is reported.
    """
    digest = hashlib.sha256()
    drafts: list[Draft] = []
    modules = {module.path: module for module in program.modules if module.edits}
    path = "."
    try:
        for file in sorted(program.files, key=lambda file: file.path):
            path = file.path
            data = _read(f"{root}/{path}", file)
            for part in (path.encode(), data):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)
            if path in REPLACED:
                continue
            if path in modules:
                data = edited_source(data, modules[path])
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
    """Report that a file of the project has changed since it was compiled."""
    sink.report(
        rules.UNREADABLE_FILE,
        WholeFile(path),
        f"`{path}` was changed or removed during the build",
        help=("build again",),
    )


def _read(path: str, file: ProjectFile) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: the file can't be read.
        Changed: the file has changed since it was compiled.
    """
    with open(path, "rb") as stream:
        data = stream.read()
    if hashlib.sha256(data).hexdigest() != file.digest:
        raise Changed(file.path)
    return data


def edited_source(data: bytes, module: Module) -> bytes:
    """Return the bytes of a module with its edits applied, in the same encoding."""
    text, encoding = decode(data)
    return apply_edits(text, module.edits).encode(encoding)

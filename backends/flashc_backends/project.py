"""The project's files as they go into the artifact: modules with their edits, all else untouched."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flashc_ir.encoding import decode
from flashc_ir.modules import Module
from flashc_ir.program import Program
from flashc_ir.source import apply_edits

from .base import Draft

# The lock takes the place of the project's own file of this name.
REPLACED = frozenset({"requirements.txt"})


def project_drafts(program: Program, root: Path) -> tuple[Draft, ...]:
    """Every file of the project; one without edits is copied byte for byte."""
    edited = {module.path: module for module in program.modules if module.edits}
    drafts: list[Draft] = []
    for file in program.files:
        if file.path in REPLACED:
            continue
        content: bytes | Path = root / file.path
        if file.path in edited:
            content = edited_source((root / file.path).read_bytes(), edited[file.path])
        drafts.append(Draft(file.path, content, file.executable))
    return tuple(drafts)


def source_fingerprint(program: Program, root: Path) -> str:
    """SHA-256 over the files as shipped: paths and contents, each behind its length in 8 bytes.

    The framing is the incumbent's; a deployment compares the digest to see whether anything changed.

    Raises:
        OSError: a file can't be read any more.
    """
    digest = hashlib.sha256()
    for draft in sorted(project_drafts(program, root), key=lambda d: d.path):
        for part in (draft.path.encode(), draft.read()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
    return digest.hexdigest()


def edited_source(data: bytes, module: Module) -> bytes:
    """A module's bytes with its edits, in the file's own encoding and with its own line ends."""
    text, encoding = decode(data)
    return apply_edits(text, module.edits).encode(encoding)

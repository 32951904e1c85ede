"""The project's files as they go into the artifact: modules with their edits, all else untouched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flashc_ir import rules
from flashc_ir.encoding import decode
from flashc_ir.modules import Module
from flashc_ir.program import Program
from flashc_ir.source import Span, apply_edits

from .base import Context, Draft

# The lock takes the place of the project's own file of this name.
REPLACED = frozenset({"requirements.txt"})


@dataclass(frozen=True, slots=True)
class Shipped:
    """The project's own part of an artifact.

    `fingerprint` is the SHA-256 over paths and contents in the order of the paths, each behind its length in 8
    bytes.  The framing is the incumbent's; a deployment compares it to see whether anything changed.
    """

    drafts: tuple[Draft, ...]
    fingerprint: str


def ship_project(program: Program, context: Context) -> Shipped | None:
    """Every file of the project; None, and a diagnostic, where one can't be read any more."""
    digest = hashlib.sha256()
    try:
        drafts = tuple(_drafts(program, context.root))
        for draft in sorted(drafts, key=lambda d: d.path):
            for part in (draft.path.encode(), draft.read()):
                digest.update(len(part).to_bytes(8, "big"))
                digest.update(part)
    except OSError as error:
        context.sink.report(
            rules.UNREADABLE_FILE,
            Span.whole("."),
            f"a file of the project can't be read: {error.strerror or type(error).__name__}",
            help=("build again",),
        )
        return None
    return Shipped(drafts, digest.hexdigest())


def _drafts(program: Program, root: Path) -> Iterator[Draft]:
    """Files without edits are copied byte for byte."""
    edited = {module.path: module for module in program.modules if module.edits}
    for file in program.files:
        if file.path in REPLACED:
            continue
        content: bytes | Path = root / file.path
        if file.path in edited:
            content = edited_source((root / file.path).read_bytes(), edited[file.path])
        yield Draft(file.path, content, file.executable)


def edited_source(data: bytes, module: Module) -> bytes:
    """A module's bytes with its edits, in the file's own encoding and with its own line ends."""
    text, encoding = decode(data)
    return apply_edits(text, module.edits).encode(encoding)

"""Fixes of diagnostics -> changed files: applied without overlap, round by round, until nothing is left.

Laws, property-tested: after a fix its finding is gone and no new error appears, everything outside the
edits stays byte for byte, and a second run changes nothing.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from flashc_ir.diagnostics import Diagnostic, Fix, Safety
from flashc_ir.encoding import Undecodable, decode
from flashc_ir.source import Edit, OverlappingEdits, apply_edits

MAX_ROUNDS = 10
Check = Callable[[], Iterable[Diagnostic]]


def applicable(diagnostics: Iterable[Diagnostic], *, unsafe: bool) -> list[Fix]:
    """The fixes that may be applied, in the order of their findings."""
    allowed = (Safety.SAFE, Safety.UNSAFE) if unsafe else (Safety.SAFE,)
    return [d.fix for d in diagnostics if d.fix is not None and d.fix.safety in allowed]


def choose(fixes: Iterable[Fix], texts: Callable[[str], str | None]) -> dict[str, list[Edit]]:
    """The edits of as many fixes as do not disturb each other, by path; a fix is taken whole or not."""
    chosen: dict[str, list[Edit]] = {}
    for fix in fixes:
        tried = {path: list(edits) for path, edits in chosen.items()}
        for edit in fix.edits:
            tried.setdefault(edit.span.path, []).append(edit)
        try:
            for path in {edit.span.path for edit in fix.edits}:
                text = texts(path)
                if text is None or len(set(tried[path])) != len(tried[path]):
                    raise OverlappingEdits(path)
                apply_edits(text, tried[path])
        except OverlappingEdits:
            continue  # its turn comes in the next round
        chosen = tried
    return chosen


def fix_project(root: Path, check: Check, *, unsafe: bool) -> dict[str, tuple[bytes, bytes]]:
    """Apply fixes to the files below `root` until none is left, at most ten rounds.

    `check` compiles the project as it lies on the disk.  Returns each changed file's first and last bytes.
    """
    changed: dict[str, tuple[bytes, bytes]] = {}
    for _ in range(MAX_ROUNDS):
        files = _Files(root)
        chosen = choose(applicable(check(), unsafe=unsafe), files.text)
        if not chosen:
            break
        for path, edits in sorted(chosen.items()):
            before, encoding = files.data(path)
            after = apply_edits(before.decode(encoding), edits).encode(encoding)
            _replace(root / path, after)
            changed[path] = (changed.get(path, (before, before))[0], after)
    return {path: pair for path, pair in changed.items() if pair[0] != pair[1]}


def preview(root: Path, diagnostics: Iterable[Diagnostic], *, unsafe: bool) -> str:
    """What the first round would change, as a unified diff; nothing is written."""
    files = _Files(root)
    chosen = choose(applicable(diagnostics, unsafe=unsafe), files.text)
    parts: list[str] = []
    for path, edits in sorted(chosen.items()):
        before, encoding = files.data(path)
        after = apply_edits(before.decode(encoding), edits).encode(encoding)
        parts.append(difference(path, before, after))
    return "".join(parts)


def _replace(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, its mode kept; a symbolic link stays one."""
    target = file.resolve()
    draft = target.with_name(f".{target.name}.flashc")
    draft.write_bytes(data)
    shutil.copymode(target, draft)
    draft.replace(target)


class _Files:
    """The files of one round, read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: dict[str, tuple[bytes, str]] = {}

    def data(self, path: str) -> tuple[bytes, str]:
        """A file's bytes and encoding.

        Raises:
            OSError, Undecodable: it can't be read.
        """
        if path not in self._read:
            data = (self._root / path).read_bytes()
            self._read[path] = (data, decode(data)[1])
        return self._read[path]

    def text(self, path: str) -> str | None:
        try:
            data, encoding = self.data(path)
        except (OSError, Undecodable):
            return None
        return data.decode(encoding)


def difference(path: str, before: bytes, after: bytes) -> str:
    """A unified diff of one file."""
    old, new = (decode(data)[0].splitlines(keepends=True) for data in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

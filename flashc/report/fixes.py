"""Fixes of diagnostics -> changed files: applied without overlap, round by round, until nothing is left.

Laws, property-tested: after a fix its finding is gone and no new error appears, everything outside the
edits stays byte for byte, and a second run changes nothing.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from flashc_core.diagnostics import Diagnostic, Fix, Safety
from flashc_core.encoding import Undecodable, decode
from flashc_core.source import Edit, OverlappingEdits, apply_edits

MAX_ROUNDS = 10
Check = Callable[[Mapping[str, bytes]], Iterable[Diagnostic]]
Change = tuple[bytes, bytes]
"""A file's content before and after."""


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


def mend(root: Path, check: Check, *, unsafe: bool) -> dict[str, Change]:
    """Apply fixes round by round until none is left, at most ten times; nothing is written.

    `check` compiles the project below `root` with some files in another state than on the disk.
    """
    changed: dict[str, Change] = {}
    for _ in range(MAX_ROUNDS):
        files = _Files(root, {path: after for path, (_, after) in changed.items()})
        chosen = choose(applicable(check(files.unsaved), unsafe=unsafe), files.text)
        if not chosen:
            break
        for path, edits in sorted(chosen.items()):
            before, encoding = files.data(path)
            after = apply_edits(before.decode(encoding), edits).encode(encoding)
            changed[path] = (changed.get(path, (before, before))[0], after)
    return {path: pair for path, pair in changed.items() if pair[0] != pair[1]}


def write_changes(root: Path, changes: Mapping[str, Change]) -> None:
    """Write the files' new content, each whole or not at all.

    Raises:
        OSError: a file can't be written; those before it are.
    """
    for path, (_, after) in sorted(changes.items()):
        _replace(root / path, after)


def differences(changes: Mapping[str, Change]) -> str:
    """What the changes are, as a unified diff."""
    return "".join(difference(path, *pair) for path, pair in sorted(changes.items()))


def _replace(file: Path, data: bytes) -> None:
    """Write a file whole or not at all, its mode kept; a symbolic link stays one."""
    target = file.resolve()
    draft = target.with_name(f".{target.name}.flashc")
    draft.write_bytes(data)
    shutil.copymode(target, draft)
    draft.replace(target)


class _Files:
    """The files of one round, read once."""

    def __init__(self, root: Path, unsaved: Mapping[str, bytes]) -> None:
        self._root = root
        self.unsaved = unsaved
        self._read: dict[str, tuple[bytes, str]] = {}

    def data(self, path: str) -> tuple[bytes, str]:
        """A file's bytes and encoding.

        Raises:
            OSError, Undecodable: it can't be read.
        """
        if path not in self._read:
            known = self.unsaved.get(path)
            data = (self._root / path).read_bytes() if known is None else known
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

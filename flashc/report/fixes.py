"""Apply the fixes of findings to source files, in rounds, until no fix is left.

Property tests check three laws: a fix removes its finding and adds no error, bytes outside the
edits do not change, and a second run changes nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from flashc.project.project import Project
from flashc_core.credentials import masked
from flashc_core.diagnostics import Diagnostic, Fix, Safety
from flashc_core.encoding import Undecodable, decode
from flashc_core.files import replace_content
from flashc_core.source import Edit, OverlappingEdits, apply_edits

MAX_ROUNDS = 10
Check = Callable[[Mapping[str, bytes]], tuple[Project, Iterable[Diagnostic]]]
"""A function that checks the project, with the given contents for some files, by path."""


class Change(NamedTuple):
    """The content of a file before and after the fixes."""

    before: bytes
    after: bytes


def applicable(diagnostics: Iterable[Diagnostic], *, unsafe: bool) -> list[Fix]:
    """Return the fixes that may be applied, in the order of their findings.

    `unsafe` also allows fixes that may change what the program does.
    """
    allowed = (Safety.SAFE, Safety.UNSAFE) if unsafe else (Safety.SAFE,)
    return [d.fix for d in diagnostics if d.fix is not None and d.fix.safety in allowed]


def select_non_overlapping(fixes: Iterable[Fix], project: Project) -> dict[str, list[Edit]]:
    """Return the edits, by path, of the fixes that do not overlap an earlier fix.

    Either all edits of a fix are selected or none.
    """
    selected: dict[str, list[Edit]] = {}
    for fix in fixes:
        tried = {path: list(edits) for path, edits in selected.items()}
        for edit in fix.edits:
            tried.setdefault(edit.span.path, []).append(edit)
        try:
            for path in {edit.span.path for edit in fix.edits}:
                if len(set(tried[path])) != len(tried[path]):
                    raise OverlappingEdits(path)
                apply_edits(project.source(path).text, tried[path])
        except (OverlappingEdits, OSError, Undecodable):
            continue  # the next round tries this fix again
        selected = tried
    return selected


def apply_fixes(check: Check, *, unsafe: bool) -> dict[str, Change]:
    """Return the changes, by path, after applying fixes in at most ten rounds; write no file.

    Raises:
        OSError: a file can't be read.
        Undecodable: a file is not valid text in its encoding.
    """
    changed: dict[str, Change] = {}
    for _ in range(MAX_ROUNDS):
        project, diagnostics = check({path: after for path, (_, after) in changed.items()})
        selected = select_non_overlapping(applicable(diagnostics, unsafe=unsafe), project)
        if not selected:
            break
        for path, edits in sorted(selected.items()):
            source = project.source(path)
            after = apply_edits(source.text, edits).encode(source.encoding)
            first = changed[path].before if path in changed else source.data
            changed[path] = Change(first, after)
    return {path: change for path, change in changed.items() if change.before != change.after}


def write_changes(root: Path, changes: Mapping[str, Change]) -> None:
    """Write the new contents; each file is replaced atomically.

    Raises:
        OSError: a file can't be written; the files before it, by path, are already written.
    """
    for path, (_, after) in sorted(changes.items()):
        replace_content(root / path, after)


def differences(changes: Mapping[str, Change]) -> str:
    """Return all changes as a unified diff."""
    return "".join(difference(path, *pair) for path, pair in sorted(changes.items()))


def difference(path: str, before: bytes, after: bytes) -> str:
    """Return a unified diff of one file, without the credentials in it."""
    old, new = (decode(data)[0].splitlines(keepends=True) for data in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}")
    return "".join(masked(line) if line.endswith("\n") else f"{masked(line)}\n" for line in lines)

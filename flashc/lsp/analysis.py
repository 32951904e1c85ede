"""A project and its unsaved files -> what an editor can be told about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flashc.compile import compile_tree
from flashc.project.discover import Tree, discover
from flashc.project.environment import build_environment
from flashc.project.options import PYPROJECT, read_options
from flashc_core.diagnostics import Diagnostic, Sink
from flashc_core.encoding import Undecodable, decode
from flashc_core.source import Lines
from flashc_ir.program import Program

# A folder with one of these is a project; deeper ones win.
_MARKS = (PYPROJECT, "requirements.txt", ".flashignore", ".flash")


@dataclass(frozen=True, eq=False, kw_only=True)
class Analysis:
    """One state of a project.  `program` is as complete as errors leave it; None without any module."""

    tree: Tree
    program: Program | None
    diagnostics: tuple[Diagnostic, ...]
    _lines: dict[str, Lines] = field(default_factory=dict[str, Lines])

    def lines(self, path: str) -> Lines:
        """A file's text; empty where it can't be read."""
        if path not in self._lines:
            try:
                text = decode(self.tree.read(path))[0]
            except (OSError, Undecodable):
                text = ""
            self._lines[path] = Lines(text)
        return self._lines[path]


def analyse(root: Path, unsaved: Mapping[str, bytes]) -> Analysis:
    """Compile the project at `root` (absolute) as the editor holds it; `unsaved` by relative path."""
    sink = Sink()
    options = read_options(root, {}, sink)
    tree = discover(root, sink, unsaved)
    latest: list[Program] = []
    environment = build_environment(root, options.env)
    compile_tree(root, tree, options, environment, sink, lambda _, program: latest.append(program))
    return Analysis(tree=tree, program=latest[-1] if latest else None, diagnostics=tuple(sink))


def project_of(file: Path, workspace: Path | None) -> Path:
    """The root of the project that a file belongs to: the nearest folder with a project's mark, not
    above the workspace; else the workspace, or the file's own folder."""
    for folder in file.parents:
        if any((folder / mark).exists() for mark in _MARKS):
            return folder
        if folder == workspace:
            return folder
    return file.parent


def relative(file: Path, root: Path) -> str | None:
    """A file's path in its project; None for one outside."""
    try:
        return Path(os.path.realpath(file)).relative_to(os.path.realpath(root)).as_posix()
    except ValueError:
        return None

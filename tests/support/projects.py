"""Write projects, compile them and build them in this process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flashc.compile import DIALECTS, compile_project
from flashc.frontend.dialect import Dialect
from flashc.project.workspace import Workspace, open_workspace
from flashc_backends.artifact.artifact import build
from flashc_backends.artifact.parts import own_drafts
from flashc_backends.base import (
    Context,
    DependencyOptions,
    Progress,
    ProjectAccess,
    Services,
    Silent,
)
from flashc_backends.files.project_files import draft_project
from flashc_backends.write import write_tree
from flashc_core.cache import Store, disabled_cache
from flashc_core.diagnostics import Diagnostic, Sink
from flashc_ir.program import Program

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Compiled:
    """Hold the result of a compilation.  `program` is None if there were errors."""

    root: Path
    program: Program | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def codes(self) -> list[str]:
        return [diagnostic.rule.code for diagnostic in self.diagnostics]

    @property
    def valid(self) -> Program:
        """Return the program; fail if the project has errors."""
        assert self.program is not None, [str(d.message) for d in self.diagnostics]
        return self.program

    def found(self, code: str) -> Diagnostic:
        """Return the only diagnostic with this code."""
        (diagnostic,) = [d for d in self.diagnostics if d.rule.code == code]
        return diagnostic


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def opened(root: Path, cache: Store | None = None, **options: Any) -> Workspace:
    """Open what is at `root`, without a cache and for Python 3.12 unless said otherwise."""
    flags = {"python_version": "3.12", **options}
    return open_workspace(root, flags, cache=cache or disabled_cache())


def compile_workspace(workspace: Workspace, dialects: tuple[Dialect, ...] = DIALECTS) -> Compiled:
    """Compile an opened project."""
    sink = workspace.sink()
    program = compile_project(workspace, sink, dialects=dialects).program
    return Compiled(workspace.root, program, tuple(sink))


def compile_folder(root: Path, **options: Any) -> Compiled:
    """Compile what is at `root`, for Python 3.12 and in Flash's dialect unless said otherwise."""
    dialects = options.pop("dialects", DIALECTS)
    return compile_workspace(opened(root, **options), dialects)


def compile_files(root: Path, files: Mapping[str, str | bytes], **options: Any) -> Compiled:
    """Write a project and compile it."""
    return compile_folder(write(root, files), **options)


def context_of(
    root: Path,
    sink: Sink,
    environment: Mapping[str, str] | None = None,
    *,
    dependencies: DependencyOptions | None = None,
    progress: Progress | None = None,
) -> Context:
    """Return what the backends work in, for a project at `root`."""
    return Context(
        project=ProjectAccess(root=root, environment=environment or {}),
        services=Services(sink=sink, progress=progress or Silent()),
        dependency_options=dependencies or DependencyOptions(),
    )


def unpacked(compiled: Compiled, target: Path) -> Path:
    """Write the artifact's own files, without dependencies, as a worker unpacks them."""
    project = draft_project(compiled.valid, compiled.root, Sink())
    assert project is not None
    write_tree(target, own_drafts(compiled.valid, project))
    return target


def built(root: Path, target: Path, **options: object) -> Path:
    """Build the project at `root` into the file `target`; return its path."""
    compiled = compile_folder(root, **options)
    sink = Sink()
    result = build(compiled.valid, context_of(root, sink, os.environ), target)
    assert result is not None, [d.message for d in sink]
    return result.artifact

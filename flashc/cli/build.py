"""`flashc build`: the artifact and its manifest, and a summary of what went in."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from flashc.incremental.memo import Memory
from flashc.project.discover import Tree, discover
from flashc.project.environment import build_environment
from flashc.project.options import Options, read_options
from flashc_backends.base import (
    ARTIFACT_PATH,
    MANIFEST_PATH,
    PROVENANCE_PATH,
    RESOLUTION_MAX_AGE,
    SBOM_PATH,
    Progress,
)
from flashc_core.cache import open_store
from flashc_core.diagnostics import Diagnostic, Sink

from .common import building_options, context_of, finish, format_option, project_argument, show
from .progress import show_progress

FOLDER = ".flash"
_BESIDE = (MANIFEST_PATH, SBOM_PATH, PROVENANCE_PATH)


@click.command("build")
@project_argument
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Where the artifact goes: a folder, or a name that ends in .tar.gz.  [default: .flash]",
)
@click.option("--keep-build", is_flag=True, default=None, help="Keep the unpacked artifact too.")
@click.option(
    "--per-endpoint",
    is_flag=True,
    default=None,
    help="Write an artifact of each endpoint too, with the packages that it needs only.",
)
@building_options
@format_option
def command(project: Path, output_format: str, **flags: Any) -> None:
    """Build the app in PROJECT, without running any of its code."""
    sink = Sink()
    root = Path(os.path.realpath(project))
    options = read_options(root, flags, sink)
    output = artifact_path(root, options.output)
    if not sink.has_errors():
        tree = discover(root, sink)
        environment = build_environment(root, options.env)
        memory = Memory.of(tree, options, environment, open_store())
        report = remembered(memory, output, options)
        if report is None:
            with show_progress(output_format == "text", "compiling") as progress:
                report = make(root, tree, options, memory, sink, output, progress)
        for diagnostic in report.diagnostics:
            sink.add(diagnostic)
        show(sink, root, output_format)
        if report.lines and output_format == "text":
            click.echo("\n".join(report.lines))
            click.echo(f"\n{_shown(output)}\n{_shown(output.parent / MANIFEST_PATH)}")
    else:
        show(sink, root, output_format)
    finish(sink)


@dataclass(frozen=True, slots=True)
class Report:
    """What a build said.  `lines` are its summary, empty where it failed; `digests` those of what it wrote."""

    diagnostics: tuple[Diagnostic, ...]
    lines: tuple[str, ...] = ()
    digests: tuple[str | None, ...] = ()


def remembered(memory: Memory, output: Path, options: Options) -> Report | None:
    """What the last build said, if it would be the same and what it wrote is there unchanged."""
    data = (
        None
        if options.keep_build or options.per_endpoint
        else memory.recall("builds", RESOLUTION_MAX_AGE)
    )
    if data is None:
        return None
    report = msgspec.json.decode(data, type=Report)
    same = report.digests == digests(output, _digest(output))
    return report if same else None


def make(
    root: Path,
    tree: Tree,
    options: Options,
    memory: Memory,
    sink: Sink,
    output: Path,
    progress: Progress,
) -> Report:
    """Compile and build."""
    from flashc.compile import compile_tree
    from flashc.report.build_summary import summary
    from flashc_backends.artifact.artifact import (
        build,  # imported by those builds only that need it
    )

    program = compile_tree(root, tree, options, memory.environment, sink, store=memory.store)
    if program is None:
        return Report(tuple(sink))
    context = context_of(
        root,
        sink,
        options,
        environment=memory.environment,
        store=memory.store,
        progress=progress,
    )
    keep = root / FOLDER / ".build" if options.keep_build else None
    result = build(program, context, output, keep)
    if result is None:
        return Report(tuple(sink))
    report = Report(
        tuple(sink),
        tuple(summary(program, result, memory.environment)),
        digests(output, result.digest),
    )
    memory.remember("builds", msgspec.json.encode(report))
    return report


def digests(output: Path, whole: str | None) -> tuple[str | None, ...]:
    """SHA-256 of the artifact, which is `whole`, and of each file beside it; None for one that is missing."""
    return (whole, *(_digest(output.parent / name) for name in _BESIDE))


def _digest(file: Path) -> str | None:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _shown(path: Path) -> str:
    """A path as short as it can be from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if here in path.parents else str(path)


def artifact_path(root: Path, output: Path | None) -> Path:
    """Where the artifact goes."""
    if output is None:
        return root / FOLDER / ARTIFACT_PATH
    whole = output.absolute()
    return whole if whole.name.endswith((".tar.gz", ".tgz")) else whole / ARTIFACT_PATH

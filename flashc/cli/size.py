"""`flashc size`: show how much each package adds to the artifact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from packaging.utils import canonicalize_name

from flashc.api.size import measure_project
from flashc.project.workspace import open_workspace
from flashc_backends.dependencies.lock import Lock
from flashc_backends.dependencies.sizes import DistributionSize, show_size, treemap
from flashc_backends.write import CannotWrite, report_write_failures
from flashc_core.files import write_file
from flashc_core.processes import Prefork
from flashc_ir.platform.images import image_of, never_bundled
from flashc_ir.program import Program

from .common import building_options, exit_for, format_option, print_findings, project_argument
from .progress import show_progress


@click.command("size")
@project_argument
@click.option("--why", metavar="NAME", help="Show which requirements need this package.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a treemap to this file, a self-contained HTML page.",
)
@building_options
@format_option
@click.pass_obj
def command(
    prefork: Prefork | None,
    /,
    project: Path,
    why: str | None,
    page: Path | None,
    output_format: str,
    **flags: Any,
) -> None:
    """Explain the size of the artifact of PROJECT, package by package."""
    workspace = open_workspace(project, flags, prefork=prefork)
    with show_progress(output_format == "text") as progress:
        result = measure_project(workspace, progress=progress)
    diagnostics, sizes = result.diagnostics, result.sizes
    if page is not None and sizes is not None:
        sink = workspace.sink()
        own = sum(file.size for file in sizes.program.files)
        try:
            with report_write_failures(page, sink):
                write_file(page, treemap(sizes.program.name, sizes.parts, own).encode())
        except CannotWrite:
            diagnostics, sizes = (*diagnostics, *sink), None
    print_findings(diagnostics, workspace, output_format)
    if sizes is not None and output_format == "text":
        if why is not None:
            name = canonicalize_name(why)
            click.echo(explain(name, sizes.lock, sizes.program, sizes.environment))
        else:
            click.echo("\n".join(table(sizes.program, sizes.parts)))
    exit_for(diagnostics)


def explain(name: str, lock: Lock, program: Program, environ: Mapping[str, str]) -> str:
    """Return why a package is in the artifact, or why it is not."""
    chain = lock.chain(name)
    if chain:
        wanted = [e for e, roots in lock.endpoints if chain[0] in roots]
        return f"{' -> '.join(chain)}\nrequired by {', '.join(wanted) or 'the app'}"
    if name in never_bundled():
        return f"{name} is never bundled; the GPU images contain it"
    images = {image_of(e, program.python_version, environ) for e in program.code_endpoints}
    having = sorted(image.name for image in images if image.find(name) is not None)
    if having:
        return f"{name} is not in the artifact: {', '.join(having)} contain it"
    return f"{name} is not in the artifact: no requirement needs it"


def table(program: Program, parts: Sequence[DistributionSize]) -> list[str]:
    """Return the lines of a table: the packages, then the endpoints."""
    lines = [f"{'package':<32}{'installed':>12}{'compressed':>12}  needed by"]
    resources = [endpoint.resource for endpoint in program.code_endpoints]
    for part in parts:
        alone = part.endpoints[0] if len(part.endpoints) == 1 < len(resources) else ""
        who = f"{alone} only" if alone else "all" if len(part.endpoints) == len(resources) else ""
        who = who or ", ".join(part.endpoints)
        lines.append(
            f"{part.name + ' ' + part.version:<32}{show_size(part.installed):>12}"
            f"{show_size(part.compressed):>12}  {who}"
        )
    own = sum(file.size for file in program.files)
    lines.append(f"{'the project':<32}{show_size(own):>12}")
    total = [sum(p.installed for p in parts) + own, sum(p.compressed for p in parts)]
    lines.append(f"{'all':<32}{show_size(total[0]):>12}{show_size(total[1]):>12}")
    lines.append("")
    for resource in resources:
        needed = [part for part in parts if resource in part.endpoints]
        installed, compressed = (
            sum(p.installed for p in needed),
            sum(p.compressed for p in needed),
        )
        lines.append(
            f"endpoint {resource}: {len(needed)} packages, {show_size(installed)} installed, "
            f"{show_size(compressed)} compressed"
        )
    return lines

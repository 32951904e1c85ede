"""`flashc deploy`: build the app and deploy it, to the cloud or, with `--preview`, to this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from flashc.project.workspace import open_workspace

from .common import building_options, project_argument
from .deploying import environment_option, prune_option, wait_option, yes_option
from .preview import PREVIEW_FLAGS, format_option, preview_options, run
from .progress import show_progress


@click.command("deploy")
@project_argument
@environment_option
@prune_option
@yes_option
@wait_option
@click.option(
    "--plan",
    "saved",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Do only what this plan says; `flashc plan -o` has written it.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    help="Where to write the artifact: a folder, or a name that ends in .tar.gz.  [default: .flash]",
)
@click.option("--no-smoke", is_flag=True, help="Make no smoke calls when the workers run.")
@click.option("--preview", is_flag=True, help="Deploy to this machine; see `flashc preview`.")
@preview_options
@building_options
@format_option
def command(
    project: Path,
    *,
    environment: str | None,
    prune: tuple[str, ...],
    yes: bool,
    seconds: float,
    saved: Path | None,
    no_smoke: bool,
    preview: bool,
    output_format: str,
    **given: Any,
) -> None:
    """Build the app in PROJECT and deploy it."""
    if preview:
        run(project, output_format=output_format, plan=False, **given)
    from flashc.api.deploy import deploy_project
    from flashc.api.deploying import DeployOptions

    from .deploying import Terminal, finish, interruptible
    from .saved_plan import read_plan

    flags = {name: value for name, value in given.items() if name not in PREVIEW_FLAGS}
    workspace = open_workspace(project, flags)
    options = DeployOptions(
        environment=environment,
        prune=frozenset(prune),
        seconds=seconds,
        saved=None if saved is None else read_plan(saved),
        smoke=not no_smoke,
    )
    is_text = output_format == "text"
    with interruptible(), show_progress(is_text, "compiling") as progress:
        audience = Terminal(quiet=not is_text, yes=yes)
        result = deploy_project(workspace, options, audience, progress=progress)
    finish(result, workspace, output_format)

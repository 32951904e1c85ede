"""`flashc preview`: run the app on this machine; list, stop, read and clean up previews."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from msgspec import structs

from flashc.project.workspace import open_workspace
from flashc_core.diagnostics import ExitCode

from .common import building_options, exit_for, otlp_option, print_findings, project_argument
from .faults import faults_option, read_faults_option
from .output import open_output
from .progress import show_progress

if TYPE_CHECKING:
    from flashc_backends.preview.registry import Entry

_F = TypeVar("_F", bound=Callable[..., Any])
_PAUSE = 0.05  # seconds
_STOP_SECONDS = 30.0
_OPTIONS = (
    click.option(
        "--engine",
        type=click.Choice(["auto", "docker", "process"]),
        default="auto",
        show_default=True,
        help="What runs the workers; auto is docker if its daemon answers.",
    ),
    click.option("--image", help="The image for all workers, with the engine docker."),
    click.option(
        "--pull/--no-pull",
        default=True,
        help="Pull images that are not on this machine.  [default: pull]",
    ),
    click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=0,
        help="The platform's port.  [default: a free one]",
    ),
    otlp_option,
    click.option(
        "--ready-timeout",
        "ready_seconds",
        type=click.FloatRange(min=1),
        default=300.0,
        show_default=True,
        help="How many seconds workers may need to become ready.",
    ),
    faults_option,
    click.option("--detach", is_flag=True, help="Return when the app is ready; it keeps running."),
)
_CHOICES = ("engine", "image", "pull", "port", "otlp", "ready_seconds")
plan_flag = click.option("--plan", is_flag=True, help="Only print what would be started, as JSON.")
PREVIEW_FLAGS = (*_CHOICES, "faults", "detach")
"""The names of the options of `preview_options`."""
PREVIEW_FORMATS = ("text", "json")
format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(PREVIEW_FORMATS),
    default="text",
    show_default=True,
    help="text is for people; json prints an object per line on standard output.",
)


def preview_options(function: _F) -> _F:
    """Add the options of a preview."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


class _StartByDefault(click.Group):
    """A group whose first argument may be a project instead of a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; put `start` before the first one if it is not a command."""
        is_help = args[:1] in (["-h"], ["--help"])
        if not is_help and (not args or args[0] not in self.commands):
            args = ["start", *args]
        return super().parse_args(ctx, args)


@click.group("preview", cls=_StartByDefault, subcommand_metavar="[PROJECT]|COMMAND")
def command() -> None:
    """Run a project's app on this machine, until Ctrl+C.

    `flashc preview [PROJECT]` is short for `flashc preview start [PROJECT]`.
    """


@command.command("start")
@project_argument
@plan_flag
@preview_options
@building_options
@format_option
def start(**given: Any) -> None:
    """Build the app in PROJECT, and run its endpoints on this machine.

    The endpoints answer as in the cloud.  Each worker is a container, or a process if no Docker
    daemon answers.
    """
    run(**given)


def run(
    project: Path,
    *,
    plan: bool,
    detach: bool,
    faults: Path | None,
    output_format: str,
    **given: Any,
) -> NoReturn:
    """Run a preview until it is stopped, then exit.

    With `plan`, only print its plan and exit.  With `detach`, exit when the preview is ready; it
    continues to run.
    """
    from flashc.api.preview import run_preview
    from flashc.api.preview_plan import build_preview, plan_preview
    from flashc_backends.preview.detached import ID_VARIABLE
    from flashc_backends.preview.preview import Settings

    from .preview_screen import JsonScreen, TextScreen, missing_event, missing_text, phases_of

    read_faults_option(faults)  # before anything takes time
    if detach and not plan:
        _detach(project, output_format)
    chosen = {name: given.pop(name) for name in _CHOICES}
    workspace = open_workspace(project, given)
    is_text = output_format == "text"
    with show_progress(is_text, "compiling") as progress:
        made = (plan_preview if plan else build_preview)(workspace, progress=progress)
        print_findings(made.diagnostics, workspace, "text")
        if made.has_errors or made.plan is None:
            exit_for(made.diagnostics)
        asked = read_faults_option(faults, [endpoint.name for endpoint in made.plan.endpoints])
        if plan:
            planned = structs.replace(made.plan, port=chosen["port"] or None)
            click.echo(planned.to_json(), nl=False)
            exit_for(made.diagnostics)
        settings = Settings(
            **chosen,
            faults=asked,
            environ=dict(workspace.environment),
            id=os.environ.get(ID_VARIABLE),
        )
        with open_output(missing_text if is_text else missing_event) as echo:
            screen = TextScreen(phases_of(progress), echo) if is_text else JsonScreen(echo)
            ended = run_preview(workspace, made, settings, screen)
    print_findings(ended.diagnostics, workspace, "text")
    if not ended.has_errors and is_text:
        click.echo("stopped; nothing of the preview is left", err=True)
    exit_for(ended.diagnostics)


def _detach(project: Path, output_format: str) -> NoReturn:
    """Start the same command in the background, wait until it is ready, and exit."""
    from flashc_backends.preview.detached import start_detached
    from flashc_backends.preview.preview import new_id

    from .preview_screen import JsonScreen, TextScreen

    preview = new_id(project.absolute().name)
    words = [word for word in sys.argv[1:] if word != "--detach"]
    try:
        started = start_detached(preview, words)
    except OSError as error:
        raise click.ClickException(f"the preview's log can't be written: {error}") from error
    if started.record is None:
        click.echo(started.printed, nl=False, err=True)
        raise click.exceptions.Exit(started.code)
    text = TextScreen(lambda _text: None, stopped_by=f"`flashc preview stop {preview}`")
    screen = JsonScreen() if output_format == "json" else text
    screen.show_ready(started.record)
    raise click.exceptions.Exit(ExitCode.SUCCESS)


# Other previews -----------------------------------------------------------------------------------


@command.command("list")
@format_option
def list_(output_format: str) -> None:
    """List the previews of this user."""
    from flashc_backends.preview.registry import as_document, read_entries

    for entry in read_entries():
        record = entry.record
        if output_format == "json":
            click.echo(json.dumps(as_document(record)))
            continue
        state = record.state if record.is_running else "was killed"
        where = record.url or "-"
        click.echo(f"{record.id}  {state}  {record.engine or '-'}  {where}  {record.project}")


@command.command("stop")
@click.argument("preview", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="Stop all previews.")
def stop(preview: tuple[str, ...], all_: bool) -> None:
    """Stop previews.

    PREVIEW is the id of a preview.  Without an id, the only preview that runs is stopped.
    """
    for entry in _choose(preview, all_):
        if entry.stop(_STOP_SECONDS):
            click.echo(f"{entry.record.id} stopped")
        entry.remove()


@command.command("logs")
@click.argument("preview", required=False)
@click.option(
    "--follow",
    "-f",
    is_flag=True,
    help="Print new lines too, until Ctrl+C or the end of the preview.",
)
def logs(preview: str | None, follow: bool) -> None:
    """Print what a preview in the background has printed.

    PREVIEW is the id of the preview.  Without an id, it is the only preview that runs.
    """
    (entry,) = _choose(() if preview is None else (preview,), False)
    if not entry.log.is_file():
        raise click.UsageError(f"{entry.record.id} has no log: it runs in a terminal")
    with entry.log.open("rb") as stream:
        while True:
            data = stream.read()
            click.echo(data, nl=False)
            if not data and (not follow or not entry.record.is_running):
                return
            time.sleep(_PAUSE if follow else 0)


@command.command("clean")
@click.option("--all", "all_", is_flag=True, help="Also remove the workers' packages and images.")
def clean(all_: bool) -> None:
    """Remove what killed previews have left.

    Volumes stay: they belong to the app.
    """
    from flashc.api.preview import clean_previews

    for line in clean_previews(all_):
        click.echo(line)


def _choose(ids: tuple[str, ...], all_: bool) -> list[Entry]:
    """Return the previews with these ids; all if `all_` is True; without ids, the only preview that runs.

    Raises:
        UsageError: there is no such preview; or no id is given and not exactly one preview runs.
    """
    from flashc_backends.preview.registry import read_entries

    found = list(read_entries())
    if all_:
        return found
    if not ids:
        running = [entry for entry in found if entry.record.is_running]
        if not running:
            raise click.UsageError("no preview runs")
        if len(running) > 1:
            names = ", ".join(entry.record.id for entry in running)
            raise click.UsageError(f"give the id of a preview: {names}")
        return running
    by_id = {entry.record.id: entry for entry in found}
    for name in ids:
        if name not in by_id:
            raise click.UsageError(
                f"there is no preview {name!r}; `flashc preview list` lists them"
            )
    return [by_id[name] for name in ids]

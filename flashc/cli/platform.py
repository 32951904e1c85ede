"""`flashc platform`: run the local platform alone, and print the variables for other programs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile

from .common import exit_for, otlp_option, print_diagnostics
from .faults import faults_option, read_faults_option

if TYPE_CHECKING:
    from flashc_backends.platform.clients import Running

state_option = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of apps, endpoints and jobs.  [default: the user's folder for states]",
)


@click.group("platform", invoke_without_command=True)
@click.option(
    "--engine",
    type=click.Choice(["auto", "docker", "process"]),
    default="auto",
    show_default=True,
    help="What runs the workers; auto is docker if its daemon answers.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The port.  [default: a free one]"
)
@state_option
@click.option("--durable", is_flag=True, help="Lose no job in a power failure, and be slower.")
@click.option(
    "--retired",
    multiple=True,
    type=click.Choice(["rest-v1", "graphql"]),
    help="An API that answers with status 410, as announced for the cloud; repeatable.",
)
@faults_option
@otlp_option
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Run a platform for unmodified `flash` and `runpod` clients.

    The platform runs until Ctrl+C.  Deployed apps stay, and run again when the platform is started again.
    """
    context.obj = given["state"]
    if context.invoked_subcommand is not None:
        return
    from flashc.api.platform import PlatformSettings, run_platform

    given["retired"] = frozenset(given["retired"])
    given["faults"] = read_faults_option(given["faults"])
    result = run_platform(
        PlatformSettings(**given),
        ready=_show,
        report=lambda text: click.echo(f"... {text}", err=True),
    )
    print_diagnostics(result.diagnostics, Path.cwd(), lambda _path: None, "text")
    exit_for(result.diagnostics)


@command.command("env")
@state_option
@click.pass_obj
def env(before: Path | None, state: Path | None) -> None:
    """Print the variables for other programs, for a shell to evaluate.

    Type: eval "$(flashc platform env)"
    """
    from flashc_backends.platform.clients import client_variables

    for name, value in client_variables(require_platform(state or before)).items():
        click.echo(f"export {name}={shlex.quote(value)}")


def require_platform(state: Path | None) -> Running:
    """Find the running platform and return it; report FC521 and exit if there is none."""
    from flashc.api.platform import find_platform

    running = find_platform(state)
    return running if running is not None else exit_without_platform()


def exit_without_platform() -> NoReturn:
    """Report that no platform is running, and exit."""
    sink = Sink()
    sink.report(
        rules.NO_PLATFORM,
        WholeFile("."),
        "no local platform is running",
        help=("start one with `flashc platform` in another terminal",),
    )
    print_diagnostics(sink, Path.cwd(), lambda _path: None, "text")
    exit_for(sink)


def _show(running: Running) -> None:
    """Print how to reach the platform."""
    base = f"http://127.0.0.1:{running.port}"
    click.echo(
        f"the platform runs at {base}; its workers: {running.engine}\n\n"
        'in other terminals:   eval "$(flashc platform env)"\n'
        "for one command:      flashc run -- flash deploy\n"
        f"its key:              {running.key}\n"
        f"its page, works once: {running.page}\n"
        f"a request:            curl -H 'Authorization: Bearer {running.key}' "
        f"{base}/v2/ENDPOINT_ID/health\n\n"
        "Ctrl+C ends it."
    )

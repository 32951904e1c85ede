"""`flashc call`: call an endpoint of the project, and print what it answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from flashc.project.workspace import Workspace, open_workspace

from .common import exit_for, place_option, print_findings
from .operating import app_option, check_not_empty
from .platform import exit_without_platform, state_option


@click.command("call")
@click.argument("target", metavar="ENDPOINT[.METHOD|/PATH]")
@click.option(
    "--data",
    "-d",
    metavar="JSON|@FILE|-",
    help="The arguments by name, or the body of a request: JSON, the name of a file, or standard input.",
)
@click.option(
    "--method",
    "verb",
    type=click.Choice(["GET", "POST", "PUT", "DELETE", "PATCH"], case_sensitive=False),
    help="The method of a request.  [default: the route's]",
)
@click.option("--async", "is_async", is_flag=True, help="Print the id of the job, and do not wait.")
@click.option("--stream", is_flag=True, help="Print the results of a generator as they come.")
@click.option(
    "--local",
    is_flag=True,
    help="Use the preview of the project, else the platform that `flashc platform` runs.",
)
@click.option(
    "--env",
    "-e",
    "environment",
    metavar="NAME",
    callback=check_not_empty,
    help="The environment.  [default: FLASH_ENV, else production]",
)
@app_option
@state_option
@place_option
def command(
    target: str,
    data: str | None,
    verb: str | None,
    is_async: bool,
    stream: bool,
    local: bool,
    environment: str | None,
    app: str | None,
    state: Path | None,
    project: Path,
) -> None:
    """Call an endpoint, and print what it answers as JSON.

    flashc checks the arguments against the project before it sends them.  Examples: `flashc call greeter
    --data '{"name": "Ada"}'`, `flashc call model.describe`, `flashc call api/items/7?colour=red`.
    """
    from flashc.api.call import Wanted, prepare_call
    from flashc.api.scripts import NoPlatform, local_variables

    if is_async and stream:
        raise click.UsageError("`--async` does not wait for results, and `--stream` prints them")
    workspace = open_workspace(project, {"app": app})
    try:
        variables = local_variables(workspace.root, state) if local else {}
    except NoPlatform:
        exit_without_platform()
    wanted = Wanted(
        target=target,
        data=_read_data(data),
        verb=(verb or "").upper(),
        way="async" if is_async else "stream" if stream else "wait",
        environment=environment,
        variables=variables,
    )
    prepared = prepare_call(workspace, wanted)
    print_findings(prepared.diagnostics, workspace, "text")
    if prepared.outputs is None:
        exit_for(prepared.diagnostics)
    _print_outputs(prepared.outputs, workspace, compact=stream)


def _read_data(given: str | None) -> Any:
    """Return the JSON data of the option `--data`."""
    if given is None:
        return None
    try:
        if given == "-":
            return json.loads(sys.stdin.buffer.read())
        return json.loads(Path(given[1:]).read_bytes() if given.startswith("@") else given)
    except OSError as error:
        raise click.UsageError(f"{given[1:]} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--data is not JSON: {error}") from error


def _print_outputs(outputs: Iterator[Any], workspace: Workspace, *, compact: bool) -> None:
    """Print what an endpoint answers, and exit; a failure is reported."""
    from flashc.api.call import report_failure
    from flashc_backends.runtime.errors import RemoteError

    sink = workspace.sink()
    try:
        for output in outputs:
            if isinstance(output, bytes):
                sys.stdout.buffer.write(output)
            else:
                click.echo(json.dumps(output, ensure_ascii=False, indent=None if compact else 2))
    except RemoteError as error:
        report_failure(error, sink)
    print_findings(tuple(sink), workspace, "text")
    exit_for(tuple(sink))

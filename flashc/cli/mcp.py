"""`flashc mcp`: run the server that coding agents use."""

from __future__ import annotations

from pathlib import Path

import click

from .common import project_argument


@click.command("mcp")
@click.option(
    "--allow-call",
    is_flag=True,
    default=None,
    help="Let the agent call endpoints, with your API key.  [default: your option `allow-call`]",
)
@project_argument
def command(project: Path, allow_call: bool | None) -> None:
    """Serve a coding agent over the Model Context Protocol.

    The server uses standard input and output.  Its tools check, explain, measure, plan and watch the
    apps in PROJECT and below; they run none of the apps' code, and change nothing.  If you allow it, a
    further tool calls endpoints where they are deployed; a project can't allow it.
    """
    try:
        from flashc.mcp.server import make_server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise click.ClickException(
            "the server needs the package `mcp`: install `flashc[mcp]`"
        ) from error
    from flashc.project.user_options import user_options
    from flashc_core.diagnostics import Sink

    if allow_call is None:
        allow_call = bool(user_options(Sink()).get("allow_call"))  # tools report what is wrong
    make_server(project, allow_call=allow_call).run("stdio")

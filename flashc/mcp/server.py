"""Make the server of the Model Context Protocol, with the maintained SDK for Python."""

from __future__ import annotations

from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

from flashc import __version__

from .tools import Tools

_INSTRUCTIONS = (
    "flashc is the compiler for Runpod Flash apps.  After each change of an app, call `check`; "
    "`explain` returns the page of a rule that it names.  No tool changes a file or a deployment."
)
_CALLING = "  `call` runs the code of a deployed app: the user has allowed it."


def make_server(root: Path, *, allow_call: bool = False) -> MCPServer[None]:
    """Return a server for the projects in a folder and below.

    All its tools only read, except `call`, which it has if `allow_call`.  Tools run in threads, so that a
    long one does not delay others.
    """
    server: MCPServer[None] = MCPServer(
        "flashc",
        instructions=_INSTRUCTIONS + (_CALLING if allow_call else ""),
        version=__version__,
        log_level="WARNING",
    )
    tools = Tools(root)
    about_files = (tools.check, tools.explain, tools.graph)
    for tool in (*about_files, tools.size, tools.plan, tools.status, tools.logs):
        annotations = ToolAnnotations(read_only_hint=True, open_world_hint=tool not in about_files)
        server.add_tool(tool, annotations=annotations)
    if allow_call:
        server.add_tool(
            tools.call, annotations=ToolAnnotations(read_only_hint=False, open_world_hint=True)
        )
    return server

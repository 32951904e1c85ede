"""`flashc lsp`: run the language server, which an editor starts."""

from __future__ import annotations

import logging
import sys

import click


@click.command("lsp")
def command() -> None:
    """Serve an editor over the Language Server Protocol.

    The server uses standard input and output.  It sends diagnostics as you type, and offers quick
    fixes, hover, go to definition and the outline.
    """
    from flashc.lsp.server import make_server

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    make_server().start_io()

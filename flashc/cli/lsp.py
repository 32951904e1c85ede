"""`flashc lsp`: the language server, for editors to start."""

from __future__ import annotations

import logging
import sys

import click


@click.command("lsp")
def command() -> None:
    """Serve an editor by the Language Server Protocol on standard input and output.

    Diagnostics as you type, quick fixes, hover, go to definition, and the outline.
    """
    from flashc.lsp.server import make_server

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    make_server().start_io()

"""A module's file -> its text."""

from __future__ import annotations

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.encoding import Undecodable, decode
from flashc_core.source import Span, WholeFile

from .discover import Tree


def read_text(tree: Tree, path: str, sink: Sink) -> str | None:
    """A module's text; None, and a diagnostic, where it can't be read."""
    try:
        return decode(tree.read(path))[0]
    except Undecodable as error:
        sink.report(
            rules.UNDECODABLE_SOURCE,
            Span(path, error.line, 1, error.line, 1),
            f"`{path}` can't be decoded: {error}",
            help=("save the file as UTF-8, or declare its encoding in the first line",),
        )
    except OSError as error:
        sink.report(
            rules.UNREADABLE_FILE,
            WholeFile(path),
            f"`{path}` can't be read: {error.strerror or type(error).__name__}",
            help=("make it readable, or keep it out with a `.flashignore`",),
        )
    return None

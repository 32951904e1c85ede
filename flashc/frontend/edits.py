"""Make text edits that keep the number of lines of a file."""

from __future__ import annotations

from flashc_core.source import Edit, Span


def edit_keeping_lines(span: Span, text: str) -> Edit:
    """Return an edit that replaces what `span` covers, with as many line ends as the replaced text.

    `text` has no line end, and the line ends that are added stand where the program allows them: `span` is
    inside parentheses, or on one line.
    """
    return Edit(span, text + "\n" * (span.end_line - span.line))

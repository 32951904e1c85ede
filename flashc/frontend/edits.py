"""Make text edits that do not change the number of lines of a file."""

from __future__ import annotations

from flashc_core.source import Edit, Span


def edit_keeping_lines(span: Span, text: str) -> Edit:
    """Return an edit that replaces the text at `span` without changing the number of lines.

    `text` has no line end; as many line ends as the replaced text has are added after it.  The
    program must allow them there: `span` is inside parentheses, or on one line.
    """
    return Edit(span, text + "\n" * (span.end_line - span.line))

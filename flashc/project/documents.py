"""Report files of a project that are not documents of their format, with the same words for all readers."""

from __future__ import annotations

import posixpath

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.documents import UnreadableDocument
from flashc_core.source import Location, Span, WholeFile

_HELP = {
    "pyproject.toml": "correct the file; flashc reads its `[tool.flashc]` table and requirements in it",
    "Pipfile.lock": "write it again with `pipenv lock`",
    "poetry.lock": "write it again with `poetry lock`",
    "uv.lock": "write it again with `uv lock`",
    "pylock.toml": "write it again with the tool that made it, such as `uv export --format pylock.toml`",
}
_OTHER_HELP = "correct the file; flashc reads requirements and package indexes in it"


def report_unreadable(
    path: str, error: OSError | UnicodeDecodeError | UnreadableDocument, sink: Sink
) -> None:
    """Report a file that can't be read or parsed, at the position of the mistake if it is known.

    Two readers of the same file report the same finding, which a sink keeps once.
    """
    where: Location = WholeFile(path)
    match error:
        case UnreadableDocument():
            problem = str(error)
            if error.line:
                where = Span(path, error.line, error.column, error.line, error.column + 1)
        case UnicodeDecodeError():
            problem = "it is not UTF-8"
        case _:
            problem = error.strerror or type(error).__name__
    sink.report(
        rules.INVALID_CONFIGURATION,
        where,
        f"`{path}` can't be used: {problem}",
        help=(_HELP.get(posixpath.basename(path), _OTHER_HELP),),
    )

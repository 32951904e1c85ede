"""Compare what a page shows with what a program prints.

`NEVER_THE_SAME` lists everything that the tutorial may show with another value than the program prints.  In all pages,
`[..]` in a line stands for any text, and a line `[..]` for lines that the page leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Callable

ANYTHING = "[..]"
NEVER_THE_SAME = (
    # what, its pattern, and the word for it
    ("the id of an app, an environment, an endpoint or a build",
     r"\b(app|env|ep|build)[0-9a-f]{12}\b", r"\1ID"),
    ("the id of a preview", r"\bgreetings-[0-9a-f]{6}\b", "greetings-ID"),
    ("the digests in the name of a secret",
     r"\bflash_[0-9a-f]{12}_(\w+)_[0-9a-f]{16}\b", r"flash_ID_\1_ID"),
    ("the API key of a platform", r"(its key: +|Bearer )[\w-]{32}", r"\1KEY"),
    ("the token of a page", r"\?token=[\w-]{32}", "?token=TOKEN"),
    ("the port of a platform", r"\b(127\.0\.0\.1|localhost):\d+", r"\1:PORT"),
    ("a time", r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "TIME"),
    ("a duration", r"\bin \d+\.\d\ds\b( \(\d+:\d\d:\d\d\))?", "in SECONDS"),
    ("the Python of this machine", r"\bPython 3\.\d+\b", "Python 3.N"),
    ("what isolates processes, if bubblewrap is installed",
     r"\b(the engine|its workers:) (bubblewrap|process)\b", r"\1 ENGINE"),
)  # fmt: skip
_PROGRESS = re.compile(r"[a-z][\w ]* \.\.\.")


def normal_form(line: str) -> str:
    """Return a line with a word in place of everything that is never the same."""
    for _, pattern, word in NEVER_THE_SAME:
        line = re.sub(pattern, word, line)
    return line


def without_progress(printed: str) -> str:
    """Return a text without the lines that a program prints while it works; a terminal removes them at the end."""
    lines = printed.splitlines(keepends=True)
    return "".join(line for line in lines if not _PROGRESS.fullmatch(line.rstrip("\n")))


def as_shown(printed: str, shown: str, normal: Callable[[str], str] = str) -> str:
    """Return a printed text in the words of a page: each line as the page shows it, if it shows the line at all.

    Two lines that have one normal form are the same line.
    """
    lines, position = shown.splitlines(), 0
    forms = [(_pattern(normal(line)), line) for line in lines if line != ANYTHING]
    found: list[str] = []
    for each in printed.splitlines():
        form = normal(each)
        fitting = [number for number, (pattern, _) in enumerate(forms) if pattern.fullmatch(form)]
        later = [number for number in fitting if number >= position]
        chosen = next(iter([*later, *fitting]), None)
        position = chosen + 1 if chosen is not None else position
        found.append(forms[chosen][1] if chosen is not None else each)
    end = "\n" if printed.endswith("\n") else ""
    return "\n".join(_without_gaps(found, lines)) + end


def _pattern(form: str) -> re.Pattern[str]:
    """Return the pattern of a line, in which `[..]` is any text."""
    return re.compile(".*".join(map(re.escape, form.split(ANYTHING))))


def _without_gaps(found: list[str], shown: list[str]) -> list[str]:
    """Replace the lines for which a line `[..]` of the page stands, up to the line that the page shows next."""
    result, position = list(found), 0
    for line, after in zip(shown, [*shown[1:], None], strict=False):
        if line != ANYTHING:
            position = result.index(line, position) + 1 if line in result[position:] else position
            continue
        end = result.index(after, position) if after in result[position:] else len(result)
        if end > position:
            result[position:end] = [ANYTHING]
            position += 1
    return result

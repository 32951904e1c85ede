"""Find expressions that LibCST's parser needs very long for: long chains such as `a.b().c[0] + d + ...`.

Its grammar is left-recursive there, and its time grows with the square of the length; for code that is
not valid, it is twice as long.  Its memory grows so for words that nest: `not not ...`, `lambda: lambda: ...`
and `a if b else c if d else ...`.
"""

from __future__ import annotations

import re

from flashc_core.string_literals import STRING

_SHORT = 50  # links of a chain that cost nothing worth counting
_MOST_EFFORT = 500_000  # the sum of the positions of links beyond; LibCST needs about two seconds
_LINKS = ".([+-*/%@&|^~"
_WORDS = ("not", "lambda", "else")
_PART = re.compile(
    rf"(?P<skipped>\#[^\n]*|{STRING}|\d\.|\.\d|\\\r?\n)|(?P<open>[(\[{{])|(?P<close>[)\]}}])"
    r"|(?P<link>[.+\-*/%@&|^~])|(?P<end>[,;:=])|(?P<line>\n)|(?P<word>\b(?:not|lambda|else)\b)",
    re.DOTALL,
)


def line_of_long_chain(text: str) -> int | None:
    """Return the line in which chains become too long; None if they do not, as those of less than 1,000 links.

    A link is an attribute, a call, a subscript, an operator or a word that nests.  Keywords such as `and` do
    not end a chain, so that this may be the line of a long expression of several chains.
    """
    if sum(map(text.count, (*_LINKS, *_WORDS))) <= _SHORT:
        return None
    outside: list[
        tuple[int, int, bool]
    ] = []  # the same three of the brackets around the present ones
    links = words = effort = 0
    in_parameters = False  # those of a `lambda`, whose commas do not end what is nested
    for part in _PART.finditer(text):
        match part.lastgroup:
            case "link":
                links += 1
                effort += max(links - _SHORT, 0)
            case "word":
                words += 1
                effort += max(words - _SHORT, 0)
                in_parameters = in_parameters or part[0] == "lambda"
            case "open":
                outside.append((links + 1, words, in_parameters))
                links, words, in_parameters = 0, 0, False
            case "close":
                links, words, in_parameters = outside.pop() if outside else (0, 0, False)
                effort += max(links - _SHORT, 0)
            case "end":
                links = 0
                if part[0] == ":":
                    in_parameters = False
                elif part[0] != "=" and not in_parameters:
                    words = 0
            case "line" if not outside:
                links, words, in_parameters = 0, 0, False
            case _:
                pass
        if effort > _MOST_EFFORT:
            return text.count("\n", 0, part.start()) + 1
    return None

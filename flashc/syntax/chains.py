"""Find expressions that LibCST's parser needs very long for: long chains such as `a.b().c[0] + d + ...`.

Its grammar is left-recursive there, and its time grows with the square of the length; for code that is
not valid, it is twice as long.
"""

from __future__ import annotations

import re

_SHORT = 50  # links of a chain that cost nothing worth counting
_MOST_EFFORT = 500_000  # the sum of the positions of links beyond; LibCST needs about two seconds
_LINKS = ".([+-*/%@&|^~"
_STRING = (
    r"""'''(?:[^\\]|\\.)*?'''|\"{3}(?:[^\\]|\\.)*?\"{3}|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*\""""
)
_PART = re.compile(
    rf"(?P<skipped>\#[^\n]*|{_STRING}|\d\.|\.\d|\\\r?\n)|(?P<open>[(\[{{])|(?P<close>[)\]}}])"
    r"|(?P<link>[.+\-*/%@&|^~])|(?P<end>[,;:=])|(?P<line>\n)",
    re.DOTALL,
)


def line_of_long_chain(text: str) -> int | None:
    """Return the line in which chains become too long; None if they do not, as those of less than 1,000 links.

    A link is an attribute, a call, a subscript or an operator.  Keywords such as `and` do not end a chain,
    so that this may be the line of a long expression of several chains.
    """
    if sum(map(text.count, _LINKS)) <= _SHORT:
        return None
    outside: list[int] = []  # the links of the chains around the present brackets
    links = effort = 0
    for part in _PART.finditer(text):
        match part.lastgroup:
            case "link":
                links += 1
            case "open":
                outside.append(links + 1)
                links = 0
            case "close":
                links = outside.pop() if outside else 0
            case "end":
                links = 0
            case "line" if not outside:
                links = 0
            case _:
                continue
        effort += max(links - _SHORT, 0)
        if effort > _MOST_EFFORT:
            return text.count("\n", 0, part.start()) + 1
    return None

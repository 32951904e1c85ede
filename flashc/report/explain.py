"""Find the documentation page of a rule (one kind of finding) and format it as plain text."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator
from functools import partial
from importlib.resources import files
from itertools import takewhile

from flashc_core.diagnostics import Rule, Status
from flashc_core.rules import BY_CODE, BY_NAME, RULES, find, find_removed

_WIDTH = 80  # columns of a page shown as text
_SIMILAR = 0.6  # the least similarity of a suggestion
_BLOCK = re.compile(r"^```[\s\S]*?^```$|(?:^(?!```).+\n?)+", re.MULTILINE)


class UnknownRule(LookupError):
    """No rule has this code or name; the message suggests the most similar one, or `flashc explain --list` if none is similar."""


def find_rule(text: str) -> Rule:
    """Return the rule with this code or name, in upper or lower case; it may be a removed one.

    Raises:
        UnknownRule: no rule has this code or name.
    """
    for look_up in (find, find_removed):
        rule = look_up(text.upper()) or look_up(text.lower())
        if rule is not None:
            return rule
    known = max(
        (*BY_CODE, *BY_NAME), key=partial(_similarity, text)
    )  # of equally similar names, the first one
    is_similar = _similarity(text, known)[0] >= _SIMILAR
    hint = f"did you mean `{known}`?" if is_similar else "`flashc explain --list` shows all"
    raise UnknownRule(f"no rule is called `{text}`; {hint}")


def _similarity(text: str, known: str) -> tuple[float, int]:
    """Return the similarity of two names, from 0 to 1, and the length of their common beginning."""
    pair = (text.lower(), known.lower())
    start = takewhile(lambda both: both[0] == both[1], zip(*pair, strict=False))
    return difflib.SequenceMatcher(None, *pair).ratio(), len(list(start))


def page(rule: Rule) -> str:
    """Return the page of a rule as Markdown; for a removed rule, a sentence that says so."""
    if rule.status is Status.REMOVED:
        return (
            f"# {rule.code}: {rule.name}\n\n"
            f"flashc no longer has this rule. It was removed: {rule.summary}.\n"
        )
    return files("flashc.report").joinpath("rules", f"{rule.code}.md").read_text(encoding="utf-8")


def page_text(rule: Rule, width: int = _WIDTH) -> str:
    """Return the page of a rule as plain text, wrapped at `width` columns.

    Headings are underlined and code is indented; code is never wrapped.
    """
    return "\n\n".join(_blocks(page(rule), width)) + "\n"


def _blocks(markdown: str, width: int) -> Iterator[str]:
    """Yield the headings, paragraphs, lists and code blocks of a page as text."""
    for block in _BLOCK.findall(markdown):
        lines = block.rstrip("\n").split("\n")
        if lines[0].startswith("```"):
            yield "\n".join(f"    {line}".rstrip() for line in lines[1:-1])
        elif lines[0].startswith("#"):
            marks, _, title = lines[0].partition(" ")
            yield f"{title}\n{('=' if marks == '#' else '-') * len(title)}"
        elif lines[0].startswith("- "):
            yield "\n".join(_wrapped(line, width, "  ") for line in lines)
        else:
            yield _wrapped(" ".join(lines), width)


_EMPHASIS_OR_CODE = re.compile(r"(`[^`]*`)|\*([^*]+)\*")


def _wrapped(text: str, width: int, indent: str = "") -> str:
    """Return a paragraph wrapped at `width` columns, without emphasis."""
    plain = _EMPHASIS_OR_CODE.sub(lambda found: found[1] or found[2], text)
    return textwrap.fill(
        plain, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def listing() -> str:
    """Return all rules, one per line: code, severity, name, summary."""
    return "".join(
        f"{rule.code}  {rule.severity.value:7}  {rule.name:32}  {rule.summary}\n" for rule in RULES
    )

"""A rule's code or name -> its page."""

from __future__ import annotations

import difflib
from importlib.resources import files

from flashc_core.diagnostics import Rule
from flashc_core.rules import BY_CODE, BY_NAME, RULES


class UnknownRule(LookupError):
    """No rule has this code or name; the message suggests the nearest."""


def find_rule(text: str) -> Rule:
    """The rule with this code (in any case) or name.

    Raises:
        UnknownRule: there is none.
    """
    rule = BY_CODE.get(text.upper()) or BY_NAME.get(text.lower())
    if rule is not None:
        return rule
    close = difflib.get_close_matches(text.lower(), [*BY_NAME, *map(str.lower, BY_CODE)], n=1)
    hint = f"; did you mean `{close[0]}`?" if close else "; `flashc explain --list` shows all"
    raise UnknownRule(f"no rule is called `{text}`{hint}")


def page(rule: Rule) -> str:
    """The rule's page, as Markdown."""
    return files("flashc.report").joinpath("rules", f"{rule.code}.md").read_text(encoding="utf-8")


def listing() -> str:
    """All rules, a line each."""
    return "".join(
        f"{rule.code}  {rule.severity.value:7}  {rule.name:32}  {rule.summary}\n" for rule in RULES
    )

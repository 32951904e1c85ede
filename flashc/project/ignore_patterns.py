"""Compile patterns of ignore files, so that every pattern is valid and every search ends soon."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from typing import Any

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from flashc_core.credential_files import credential_patterns

_LONGEST = 4096  # characters; no path on Linux is longer
_ANY, _ANY_FOLDERS = r"\[\^/\]\*", r"\(\?:/\.\+\)\?"  # the expressions for `*` and `/**`
_CHARACTER = r"(?:\[\^/\](?!\*)|\\.|(?!\[\^/\])\[\^?\]?[^\]]*\]|[^][/(\\])"
_NEGATION = re.compile(r"(?<!\\)\[\^(\]?)(?!/\])")  # the beginning of `[!a]`
_STAR_BEFORE_STAR = re.compile(rf"{_ANY}({_CHARACTER}*)(?={_ANY})")
_FOLDERS_BEFORE_FOLDERS = re.compile(rf"{_ANY_FOLDERS}((?:(?!{_ANY_FOLDERS}).)+)(?={_ANY_FOLDERS})")


def compile_patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    """Return the patterns in the lines of an ignore file; one that is not valid matches nothing, as in git."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of `re`, about `[[`
        return GitIgnoreSpec.from_lines(lines, _Pattern, backend="simple")


def compile_built_in(lines: Iterable[str]) -> GitIgnoreSpec:
    """Return the built-in patterns; those about credentials match capitals and small letters alike."""
    return GitIgnoreSpec.from_lines(lines, _BuiltInPattern, backend="simple")


def expressions_of_valid(lines: Iterable[str]) -> list[str]:
    """Return the expressions of patterns that are known to be valid, without compiling each of them."""
    found = (_Pattern.translated(line)[0] for line in lines)
    return [each for each in found if isinstance(each, str)]


class _Pattern(GitIgnoreSpecPattern):
    """A pattern whose search takes a time that grows only with the product of pattern and path."""

    __slots__ = ()

    @classmethod
    def pattern_to_regex(cls, pattern: Any) -> tuple[Any, bool | None]:
        """Return the regular expression of a pattern, and whether it excludes; None if it matches nothing."""
        if len(pattern) > _LONGEST:
            return None, None
        try:
            expression, excludes = cls.translated(pattern)
            if isinstance(expression, str):
                re.compile(expression)
        except (ValueError, re.error):  # such as `\` at its end, or the range `[z-a]`
            return None, None
        return expression, excludes

    @classmethod
    def translated(cls, pattern: str) -> tuple[Any, bool | None]:
        """Return the same without compiling the expression.

        Raises:
            ValueError: the pattern is not valid.
        """
        expression, excludes = super().pattern_to_regex(pattern)
        if isinstance(expression, str):
            expression = _NEGATION.sub(r"[^\1/", expression)  # no wildcard of git matches "/"
            expression = without_repeated_search(expression)
        return expression, excludes


class _BuiltInPattern(_Pattern):
    """A built-in pattern: `.ENV` is what `.env` is, but `Tests` is no folder of tests."""

    __slots__ = ()

    @classmethod
    def translated(cls, pattern: str) -> tuple[Any, bool | None]:
        """Return the regular expression of a pattern, and whether it excludes."""
        expression, excludes = super().translated(pattern)
        if pattern in credential_patterns():
            expression = f"(?i:{expression})"
        return expression, excludes


def without_repeated_search(expression: str) -> str:
    """Return an expression that matches the same paths, and that tries each `*` and `**` once.

    If something follows a `*`, up to the next one, then its first position in the text is as good as
    all later ones.  So it is found once (an atomic group), and only the last `*` goes back.  Otherwise
    twenty of them take longer than anybody waits.
    """
    expression = _STAR_BEFORE_STAR.sub(r"(?>[^/]*?\1)", expression)
    return _FOLDERS_BEFORE_FOLDERS.sub(r"(?>(?:/.+?)??\1(?=/))", expression)

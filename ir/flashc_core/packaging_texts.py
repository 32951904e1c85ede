"""Parse texts of PEP 440 and PEP 508 that others have written.

The parsers of `packaging` convert the numbers in a text when they are needed, and Python converts no
number of more than 4,300 digits: the ValueError would come later, from a comparison or an evaluation.
They also call themselves for each parenthesis of a marker (before 26.4 without a limit).  These functions
refuse such a text at once, with the same error as any other text that is not valid.  Texts that were
parsed before can be parsed by `packaging` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:  # `packaging` takes long to import
    from packaging.markers import Marker
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

TOO_LONG = "it has a number that is too long"
_HUGE_NUMBER = re.compile(r"\d{1000}")
_Parsed = TypeVar("_Parsed")


def has_huge_number(text: str) -> bool:
    """Return whether a text has a number that no version has, and that Python may not convert."""
    return _HUGE_NUMBER.search(text) is not None


def parse_requirement(text: str) -> Requirement:
    """Return the requirement of PEP 508 that a text means.

    Raises:
        packaging.requirements.InvalidRequirement: the text is no requirement.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    return _parse(Requirement, InvalidRequirement, text)


def parse_marker(text: str) -> Marker:
    """Return the marker of PEP 508 that a text means.

    Raises:
        packaging.markers.InvalidMarker: the text is no marker.
    """
    from packaging.markers import InvalidMarker, Marker

    return _parse(Marker, InvalidMarker, text)


def parse_specifier(text: str) -> SpecifierSet:
    """Return the specifier of PEP 440 that a text means, such as `>=3.10,<4`.

    Raises:
        packaging.specifiers.InvalidSpecifier: the text is no specifier.
    """
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    return _parse(SpecifierSet, InvalidSpecifier, text)


def _parse(parser: Callable[[str], _Parsed], invalid: type[ValueError], text: str) -> _Parsed:
    """Return what a parser makes of a text; raise `invalid` for one that would fail otherwise."""
    if has_huge_number(text):
        raise invalid(TOO_LONG)
    try:
        return parser(text)
    except RecursionError:
        raise invalid("it is nested too deeply") from None

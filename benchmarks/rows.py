"""Define the lines of the table that the measurements make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.  `mark` is the goal in words; `holds` says whether it is reached."""

    what: str
    ours: str
    theirs: str
    ratio: str
    mark: str
    holds: bool

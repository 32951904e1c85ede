"""Read facts about the Runpod platform from the JSON files in `data/`.

Each fact has its source, and the date on which the source was read.  A file is read when one of its
facts is needed for the first time, so that commands that need no facts take no time for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

FOLDER = Path(__file__).parent / "data"
_T = TypeVar("_T")


class Fact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact about the platform; `date` is an ISO date, `note` adds an explanation."""

    source: str
    date: str
    note: str = ""


class Names(Fact, frozen=True, kw_only=True):
    """A list of names."""

    names: tuple[str, ...]


def read_facts(name: str, type_: type[_T]) -> _T:
    """Return the facts of the file `data/NAME.json`.

    Raises:
        msgspec.ValidationError: the file, which is a part of flashc, does not fit the type.
    """
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=type_)

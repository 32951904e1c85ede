"""Read facts about the Runpod platform from the JSON files in `data/`.

Each fact names its source and the date on which it was read there.  A file is read when a fact is asked
for the first time, so that a command that needs none does not pay for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

FOLDER = Path(__file__).parent / "data"
_T = TypeVar("_T")


class Fact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that is true of the platform; `date` is an ISO date, `note` adds an explanation."""

    source: str
    date: str
    note: str = ""


class Names(Fact, frozen=True, kw_only=True):
    """A list of names."""

    names: tuple[str, ...]


def read_facts(name: str, type_: type[_T]) -> _T:
    """Return the facts of the file `data/NAME.json`.

    Raises:
        msgspec.ValidationError: the file does not fit the type; the file is a part of flashc.
    """
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=type_)

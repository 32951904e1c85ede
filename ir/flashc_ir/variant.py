"""Define the base class of the IR's tagged unions."""

from __future__ import annotations

from msgspec import Struct


class Variant(Struct, frozen=True, tag_field="kind", tag=True):
    """One of several forms of a part; `kind` tells which, in JSON too."""

    @property
    def kind(self) -> str:
        """Return the tag of the form."""
        return str(self.__struct_config__.tag)

"""What parts of the IR that come in several forms have in common."""

from __future__ import annotations

from msgspec import Struct


class Variant(Struct, frozen=True, tag_field="kind", tag=True):
    """One of several forms of a part; `kind` says which, in JSON too."""

    @property
    def kind(self) -> str:
        return str(self.__struct_config__.tag)

"""Define the base class of the IR's tagged unions."""

from __future__ import annotations

from msgspec import Struct


class Variant(Struct, frozen=True, tag_field="kind", tag=True):
    """The base class of the forms of a tagged union; `kind` is the tag, in JSON too."""

    @property
    def kind(self) -> str:
        """The tag of the form."""
        return str(self.__struct_config__.tag)

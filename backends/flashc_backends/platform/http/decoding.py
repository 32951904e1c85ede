"""Read JSON of requests, and refuse what is none."""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from .asgi import Refused

_T_co = TypeVar("_T_co", covariant=True)
_T = TypeVar("_T")


class Decoder(Protocol[_T_co]):
    """Decodes JSON text into one type."""

    def decode(self, buf: bytes, /) -> _T_co:
        """Return the value of JSON text."""
        ...


def decode(body: bytes, decoder: Decoder[_T], what: str) -> _T:
    """Return the value of JSON text; `what` names it for the client.

    Raises:
        Refused: it is not JSON, has another form, or is nested too deeply.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"the {what} can't be read: {error}") from None
    except RecursionError:
        raise Refused(400, f"the {what} is nested too deeply") from None

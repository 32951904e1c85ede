"""Decode the JSON bodies of requests, and refuse bodies that are wrong or nested too deeply."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Protocol, TypeVar

import msgspec

from .asgi import Refused

_MOST_NESTED = 500
"""How deeply arrays and objects may be nested: about half of the limit of each supported Python."""
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHERS = bytes(set(range(256)) - _STEPS.keys())

_T_co = TypeVar("_T_co", covariant=True)
_T = TypeVar("_T")


class Decoder(Protocol[_T_co]):
    """Decodes JSON text into one type."""

    def decode(self, buf: bytes, /) -> _T_co:
        """Return the value of JSON text."""
        ...


def decode(body: bytes, decoder: Decoder[_T], what: str) -> _T:
    """Return the value of JSON text; `what` names the text in messages for the client.

    Raises:
        Refused: the text is not JSON, has another form than the decoder expects, or is nested too deeply.
    """
    if _is_nested_too_deeply(body):
        raise Refused(400, f"the {what} is nested too deeply")
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"the {what} can't be read: {error}") from None


def _is_nested_too_deeply(body: bytes) -> bool:
    """Return whether JSON text is nested deeper than the limit.

    The limit of the decoder is that of this Python.  Workers, whose Python may have a lower limit, read the value too.
    """
    if body.count(b"[") + body.count(b"{") <= _MOST_NESTED:  # this answers for nearly all requests
        return False
    brackets = _STRING.sub(b"", body).translate(None, _OTHERS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > _MOST_NESTED

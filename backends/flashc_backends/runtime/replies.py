"""Read the answers to HTTP requests: their bodies, which have a limit, as JSON or as text."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx

# More than the platform passes on: 20 MB for the result of a job, 30 MB for the answer of a route.
LARGEST_BODY = 64 * 1024 * 1024


@dataclass(kw_only=True)
class Reply:
    """A reply: the status, and the body as parsed JSON, or as text if it is not JSON.

    `content` are the bytes of the body, `media` is its type, such as "image/png".  `location` is
    where a redirect leads.
    """

    status: int
    body: Any
    content: bytes | None = field(default=None, compare=False)
    media: str = field(default="", compare=False)
    is_json: bool = field(default=True, compare=False)
    location: str = field(default="", compare=False)


class Unreadable(Exception):
    """The body of an answer is too large, or not in the encoding that its header names."""


class Body:
    """Collects the body of an answer, and decompresses it."""

    def __init__(self, encoding: str) -> None:
        self._parts: list[bytes] = []
        self._left = LARGEST_BODY
        self._received = 0
        self._unpacking = None
        if encoding.strip().lower() in ("gzip", "x-gzip", "deflate"):
            self._unpacking = zlib.decompressobj(wbits=47)  # the header tells gzip from zlib
        elif encoding.strip().lower() not in ("", "identity"):
            raise Unreadable(f"the body has the encoding {encoding[:50]!r}")

    def add(self, chunk: bytes) -> None:
        """Add a part of the body, as it was sent.

        Raises:
            Unreadable: the body is too large, or not compressed as the header says.
        """
        self._received += len(chunk)
        if self._unpacking is not None:
            try:
                chunk = self._unpacking.decompress(chunk, self._left + 1)
            except zlib.error as error:
                raise Unreadable(f"the body can't be decompressed: {error}") from None
        self._left -= len(chunk)
        if self._left < 0 or self._received > LARGEST_BODY:
            raise Unreadable(f"the body is larger than {LARGEST_BODY} bytes")
        self._parts.append(chunk)

    def whole(self) -> bytes:
        """Return the body.

        Raises:
            Unreadable: its end is missing.
        """
        if self._received and self._unpacking is not None and not self._unpacking.eof:
            raise Unreadable("the compressed body ends too early")
        return b"".join(self._parts)


def reply_of(response: httpx.Response, content: bytes) -> Reply:
    """Return httpx's response, whose body is `content`, as a `Reply`."""
    media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    location = response.headers.get("location", "") if 300 <= response.status_code < 400 else ""
    reply = Reply(
        status=response.status_code,
        body=None,
        content=content,
        media=media,
        is_json=True,
        location=location,
    )
    try:
        reply.body = json.loads(content)
    except (ValueError, RecursionError):
        reply.is_json = False
        reply.body = _text(content, response.charset_encoding)
    return reply


def _text(content: bytes, charset: str | None) -> str:
    """Return bytes as text, in the character set that a header names if Python knows it."""
    try:
        return content.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")

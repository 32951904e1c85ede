"""Define the place of an argument in a request."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Where an argument travels: "path", "query", "header", "cookie", "body", "form" or "file".

    "provided" is what FastAPI makes itself, "nowhere" what no request can have.  `alias` is its name
    there.  `embed` says that it is a field of the body and not the whole body; elsewhere, that its
    own fields are parameters.  `by_flash` marks what FastAPI alone would take from elsewhere.
    """

    where: str
    alias: str
    embed: bool = False
    by_flash: bool = False

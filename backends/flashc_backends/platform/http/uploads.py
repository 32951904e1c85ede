"""Receive and send the archives of artifacts.

These requests need no API key: a client needs only the object key of the artifact, which can't be guessed.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from flashc_backends.platform.artifacts import ArtifactError, Artifacts
from flashc_core.files import replacing

from .asgi import Refused, Request

_LIMIT = 1500 * 1024**2
_CHUNK = 1024**2


async def serve_artifact(request: Request, artifacts: Artifacts, key: str) -> None:
    """Store the archive in a PUT request, or send the archive that a GET request names.

    Raises:
        Refused: there is no such object, or the archive is too large or can't be stored.
        Gone: the client left; nothing is stored.
    """
    try:
        path = artifacts.archive(key)
    except ArtifactError:
        raise Refused(404, "there is no such object") from None
    if request.method == "PUT":
        if not artifacts.awaits_upload(key):
            raise Refused(404, "there is no such object")
        await _store(request, path)
    elif request.method in ("GET", "HEAD"):
        await _send(request, path)
    else:
        raise Refused(405, "use the method PUT or GET")


async def _store(request: Request, path: Path) -> None:
    """Write the archive in a request's body to `path`; refuse it if it is too large."""
    if (request.length() or 0) > _LIMIT:
        raise Refused(413, f"an artifact must have at most {_LIMIT} bytes")
    size = 0
    try:
        with replacing(path) as temporary, temporary.open("wb") as stream:
            async for chunk in request.body_parts():
                size += len(chunk)
                if size > _LIMIT:
                    raise Refused(413, f"an artifact must have at most {_LIMIT} bytes")
                await asyncio.to_thread(stream.write, chunk)
    except OSError as error:
        raise Refused(507, f"the artifact can't be stored: {error.strerror}") from error
    await request.reply(200, b"{}")


async def _send(request: Request, path: Path) -> None:
    """Answer with the file at `path`, or refuse the request if there is none."""
    try:
        stream = path.open("rb")
    except OSError:
        raise Refused(404, "there is no such object") from None
    with stream:
        length = os.fstat(stream.fileno()).st_size
        await request.send_head(
            200,
            [(b"content-type", b"application/gzip"), (b"content-length", b"%d" % length)],
        )
        if request.method == "GET":
            while chunk := await asyncio.to_thread(stream.read, _CHUNK):
                await request.send_part(chunk)
        await request.send_part(b"", more=False)

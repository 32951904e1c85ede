"""Follow the processes from which workers are forked, and decide which workers may be."""

from __future__ import annotations

import asyncio
import json
import os
import socket

from .base import WorkerSpec

_READY_SECONDS = 30.0
# Variables that the interpreter, the system's libraries and the preloaded packages read when they start.
_READ_EARLY = ("PYTHON", "LD_", "MALLOC_", "LC_", "OPENSSL_", "AIOHTTP_", "PYDANTIC_")
_READ_EARLY_TOO = frozenset({"LANG", "LANGUAGE", "TZ"})


class Zygote:
    """A process that has loaded the packages of the worker image; `name` is its id at the supervisor."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._reader = -1
        self._ready: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        self._received = b""

    def open(self) -> list[int]:
        """Return the descriptors for the supervisor: output, errors, and both ends of the channel."""
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self._reader = reader
        asyncio.get_running_loop().add_reader(reader, self._read)
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return [writer, os.open(os.devnull, os.O_WRONLY), its.detach(), ours.detach()]

    def _read(self) -> None:
        data = os.read(self._reader, 1 << 16)
        self._received += data
        if not self._ready.done() and b"\n" in self._received:
            self._ready.set_result(frozenset(json.loads(self._received)["preloaded"]))
        if not data:
            self.close()

    def close(self) -> None:
        """Listen no longer."""
        if self._reader >= 0:
            asyncio.get_running_loop().remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1
        if not self._ready.done():
            self._ready.set_result(frozenset())

    async def preloaded(self) -> frozenset[str]:
        """Return the top-level modules that are loaded, once they are; none if the process has ended."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), _READY_SECONDS)
        except TimeoutError:
            return frozenset()


def may_fork(spec: WorkerSpec, preloaded: frozenset[str]) -> bool:
    """Return whether a forked worker is as good as one that is started.

    Nothing that it has loaded already may be in the artifact, where Python would find it first, and none of its
    variables may be one that is read earlier.
    """
    early = any(name.startswith(_READ_EARLY) or name in _READ_EARLY_TOO for name in spec.environ)
    if early or not preloaded:
        return False
    return not any(name.partition(".")[0] in preloaded for name in os.listdir(spec.artifact))

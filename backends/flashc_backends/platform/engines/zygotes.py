"""Connect to the zygotes, which are processes from which workers are forked, and decide which workers may be forked."""

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
    """A process that has loaded the packages of the worker image; `name` is its id in messages to the supervisor."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._reader = -1
        self._ready: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        self._received = b""

    def open(self) -> list[int]:
        """Make the pipes of the zygote; return the descriptors to send to the supervisor.

        They are those for standard output and standard error, and both ends of the channel.
        """
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        self._reader = reader
        asyncio.get_running_loop().add_reader(reader, self._read)
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return [writer, os.open(os.devnull, os.O_WRONLY), its.detach(), ours.detach()]

    def _read(self) -> None:
        """Read what the zygote reports: the names of the modules that it has loaded, or its end."""
        data = os.read(self._reader, 1 << 16)
        self._received += data
        if not self._ready.done() and b"\n" in self._received:
            self._ready.set_result(frozenset(json.loads(self._received)["preloaded"]))
        if not data:
            self.close()

    def close(self) -> None:
        """Close the pipe from the zygote."""
        if self._reader >= 0:
            asyncio.get_running_loop().remove_reader(self._reader)
            os.close(self._reader)
            self._reader = -1
        if not self._ready.done():
            self._ready.set_result(frozenset())

    async def wait_until_loaded(self) -> frozenset[str]:
        """Wait until the zygote has loaded its modules; return their top-level names, none if the zygote has ended."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._ready), _READY_SECONDS)
        except TimeoutError:
            return frozenset()


def may_fork(spec: WorkerSpec, preloaded: frozenset[str]) -> bool:
    """Return whether a worker that is forked behaves like a worker that is started.

    It does not if the artifact contains a module that the zygote has loaded already, because Python would have taken the
    module from the artifact.  It also does not if a variable of the worker is one that programs read when they start.
    """
    early = any(name.startswith(_READ_EARLY) or name in _READ_EARLY_TOO for name in spec.environ)
    if early or not preloaded:
        return False
    return not any(name.partition(".")[0] in preloaded for name in os.listdir(spec.artifact))

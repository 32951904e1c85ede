"""Stand between a client and a platform, and let chosen requests fail as networks and servers do."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

BEFORE = ("500", "410", "429", "429-limit", "silence", "drop")
"""Faults after which the platform has done nothing."""
AFTER = ("500-acted", "silence-acted", "drop-acted", "truncated", "late")
"""Faults after which the platform has done what was asked; `late`: when the client has given up."""
ECHOES = ("echo-errors", "echo-problem", "echo-text")
"""Answers that repeat what the request has, also its key and its secrets."""
_ANSWERS = {
    "500": (500, ""),
    "500-acted": (500, ""),
    "410": (410, ""),
    "429": (429, "retry-after: 0\r\n"),
    "429-limit": (429, 'RateLimit-Policy: "default";q=10;w=1\r\nRateLimit: "default";r=0;t=0\r\n'),
}
_REFUSAL = b'{"errors": [{"message": "Cannot query field \\"secrets\\" on type \\"User\\"."}]}'
_ABSENT = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_REFUSAL), _REFUSAL)
)
_CONNECTION = re.compile(rb"(?i)\r\nconnection: [^\r]*")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_ID = re.compile(r"(?<=artifacts/|erverless/)[^/]+")
_PLANTED = re.compile(r"planted-[a-z]+-\w+")
_NAME = re.compile(r"(?:query|mutation)\s+(\w+)")


@dataclass(frozen=True, order=True)
class Place:
    """A request, by its name and how many of that name came before."""

    name: str
    index: int = 0

    def __str__(self) -> str:
        return f"{self.name} {self.index + 1}"

    @property
    def only_reads(self) -> bool:
        return self.name.startswith(("get", "GET", "my"))


@dataclass(frozen=True)
class Fault:
    """A request that fails: the request `at`, and all after it if the fault `stays`."""

    kind: str
    at: Place
    stays: bool = False

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}{' and after it' if self.stays else ''}"


Hook = Callable[[Place], Awaitable[None]]


class FaultyProxy:
    """Passes requests on; `places` are the requests since `begin`, `heads` their heads.

    `absent` are the operations of GraphQL that the platform does not have.

    `before` and `after` are called for each request, when it arrives and when the platform has
    answered it.
    """

    def __init__(self, upstream: int) -> None:
        self.port = 0
        self.places: list[Place] = []
        self.heads: list[bytes] = []
        self.fault: Fault | None = None
        self.absent: frozenset[str] = frozenset()
        self.happened = False
        self.before: Hook | None = None
        self.after: Hook | None = None
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._late: set[asyncio.Task[bytes]] = set()

    def begin(self, fault: Fault | None = None) -> None:
        """Count requests from zero."""
        self.places, self.heads, self.fault = [], [], fault
        self.happened = False
        self.before = self.after = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def settle(self) -> None:
        """Wait for requests whose clients have given up."""
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            await self._answer(head, body, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        name = _name(head, body)
        place = Place(name, sum(earlier.name == name for earlier in self.places))
        self.places.append(place)
        self.heads.append(head)
        kind = self._kind(place)
        if self.before is not None:
            await self.before(place)
        if kind in ECHOES or name in self.absent:
            writer.write(_echo(kind, head, body) if kind else _ABSENT)
            await writer.drain()
            return
        if kind in BEFORE:
            await self._fail(kind, b"", reader, writer)
            return
        if kind == "late":
            await reader.read()
            task = asyncio.ensure_future(self._forward(head, body))
            self._late.add(task)
            return
        answer = await self._forward(head, body)
        if self.after is not None:
            await self.after(place)
        if kind:
            await self._fail(kind, answer, reader, writer)
            return
        writer.write(answer)
        await writer.drain()

    def _kind(self, place: Place) -> str:
        """Return the fault that happens to a request, "" for none."""
        fault = self.fault
        if fault is None or not (fault.at == place or (fault.stays and self.happened)):
            return ""
        self.happened = True
        return fault.kind

    async def _fail(
        self, kind: str, answer: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if kind.startswith("silence"):
            await reader.read()  # until the client leaves
        elif kind.startswith("drop"):
            writer.transport.abort()
        elif kind == "truncated":
            start, _, rest = answer.partition(b"\r\n\r\n")
            writer.write(start + b"\r\n\r\n" + rest[: len(rest) // 2] if rest else start[:20])
            await writer.drain()
        else:
            status, more = _ANSWERS[kind]
            writer.write(
                f"HTTP/1.1 {status} Fault\r\nconnection: close\r\ncontent-length: 0\r\n{more}\r\n".encode()
            )
            await writer.drain()

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        """Return the whole answer of the platform."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            writer.write(_CONNECTION.sub(b"\r\nconnection: close", head) + body)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()


def _echo(kind: str, head: bytes, body: bytes) -> bytes:
    """An answer that has every planted value of the request."""
    found = sorted(set(_PLANTED.findall((head + body).decode(errors="replace"))))
    text = f"{' '.join(found)} is not what was expected\n of {' '.join(found)}"
    match kind:
        case "echo-errors":
            status, form = 200, "application/json"
            content = json.dumps({"errors": [{"message": text}]})
        case "echo-problem":
            status, form = 422, "application/problem+json"
            content = json.dumps({"title": "wrong", "detail": text, "errors": [text]})
        case _:
            status, form, content = 500, "text/plain", text
    start = f"HTTP/1.1 {status} Echo\r\ncontent-type: {form}\r\nconnection: close\r\n"
    return f"{start}content-length: {len(content)}\r\n\r\n{content}".encode()


def _name(head: bytes, body: bytes) -> str:
    """The name of an operation, or the method and the path of a request."""
    method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    if not path.endswith("/graphql"):
        return f"{method} {_ID.sub('*', path.split('?')[0])}"
    found = _NAME.search(json.loads(body)["query"])
    return found[1] if found else "unknown"

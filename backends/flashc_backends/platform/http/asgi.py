"""Read requests and send answers of ASGI, without a framework: a framework costs several times as much per job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

from flashc_backends.platform.polls import Poll

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

CONNECTION = "flashc.connection"
"""The extension of ASGI's scope with the request's `Connection`."""
_JSON = (b"content-type", b"application/json")
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class Refused(Exception):
    """A request that is not served: the status of the answer, and what is wrong."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gone(Exception):
    """The client closed the connection while it sent its request."""


class Connection(Protocol):
    """What the server does for a request besides ASGI."""

    def reset(self) -> None:
        """End the connection so that the client gets an error, not an end."""
        ...

    def body(self) -> bytes | None:
        """Return the body of the request, if all of it is there and none was read."""
        ...

    def answer(self, head: bytes, body: bytes) -> bool:
        """Send a whole answer; return whether that was possible at once.

        ASGI's messages for the same cost the platform a second call of the system, and the client a second wake-up.
        `head` has no empty line at its end.
        """
        ...

    def when_lost(self, leave: Callable[[], None]) -> None:
        """Call `leave` when the client closes the connection before it has the whole answer."""
        ...

    def forget(self) -> None:
        """Forget what `when_lost` was told."""
        ...


class Request:
    """A request and the way to answer it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.receive = receive
        self.send = send
        self.is_gone = False
        self.is_answered = False
        self._query: dict[str, str] | None = None
        self._connection: Connection = scope["extensions"][CONNECTION]
        self._leavings: list[Callable[[], None]] = []
        self._connection_answers = True
        self._whole: bytes | None = None

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of several with one name the last counts."""
        if self._query is None:
            text = self.scope["query_string"].decode("latin-1")
            self._query = dict(parse_qsl(text, keep_blank_values=True)) if text else {}
        return self._query

    def header(self, name: bytes) -> str:
        """Return a header's value, "" without it."""
        return self.headers.get(name, b"").decode("latin-1")

    def length(self) -> int | None:
        """Return the length of the body, if the client says it.

        Raises:
            Refused: it is not a number.
        """
        given = self.headers.get(b"content-length")
        if given is None:
            return None
        if not given.isdigit():
            raise Refused(400, "content-length is not a number")
        return int(given)

    async def body(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            Refused: it is longer than `limit` bytes.
            Gone: the client went away.
        """
        if (self.length() or 0) > limit:
            raise Refused(413, f"the body is larger than {limit} bytes")
        there = self.there()
        if there is not None:
            if len(there) > limit:
                raise Refused(413, f"the body is larger than {limit} bytes")
            return there
        chunks: list[bytes] = []
        size = 0
        has_more = True
        while has_more:  # without `stream`: a generator costs more than the rest
            chunk, has_more = await self._receive_part()
            size += len(chunk)
            if size > limit:
                raise Refused(413, f"the body is larger than {limit} bytes")
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def there(self) -> bytes | None:
        """Return the body, if all of it is there."""
        if self._whole is None:
            self._whole = self._connection.body()
        return self._whole

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body as they come.

        Raises:
            Gone: the client went away.
        """
        has_more = True
        while has_more:
            chunk, has_more = await self._receive_part()
            yield chunk

    async def _receive_part(self) -> tuple[bytes, bool]:
        """Return the next part of the body, and whether there are more."""
        message = await self.receive()
        if message["type"] == "http.disconnect":
            self.is_gone = True
            raise Gone
        return message.get("body", b""), message.get("more_body", False)

    def watch(self, poll: Poll) -> None:
        """End the poll when the client goes away.  The body has to be read before."""
        self.when_gone(lambda: poll.wake(False))

    def when_gone(self, leave: Callable[[], None]) -> None:
        """Call `leave` when the client goes away.  The body has to be read before."""
        if self.is_gone:
            leave()
            return
        if not self._leavings:
            self._connection.when_lost(self._leave)
        self._leavings.append(leave)

    def close(self) -> None:
        """Stop watching the client."""
        if self._leavings:
            self._connection.forget()

    def _leave(self) -> None:
        self.is_gone = True
        for leave in self._leavings:
            leave()

    async def reset(self) -> None:
        """Reset the client's connection, and return when it is closed; nothing can be sent any more."""
        self.is_gone = True
        self._connection.reset()
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def reset_instead(self) -> None:
        """Reset the client's connection as soon as an answer is sent."""
        self._connection_answers = False

        async def send(_message: MutableMapping[str, Any]) -> None:
            await self.reset()
            raise Gone

        self.send = send

    # Answers -------------------------------------------------------------------------------------

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of an answer."""
        self.is_answered = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def part(self, body: bytes, *, more: bool = True) -> None:
        """Send a part of an answer's body."""
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def reply(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        """Send JSON text."""
        if headers is None:
            await self.whole(status, [_JSON, (b"content-length", b"%d" % len(body))], body)
            return
        await self.start(status, [_JSON, (b"content-length", b"%d" % len(body)), *headers])
        await self.part(body, more=False)

    async def reply_json(self, status: int, value: Any, headers: Headers | None = None) -> None:
        """Send a value as JSON."""
        await self.reply(status, msgspec.json.encode(value), headers)

    async def reply_nothing(self) -> None:
        """Send 204."""
        await self.whole(204, [], b"")

    async def whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send an answer whose body is there; its headers are ones that need no check, with its length."""
        if self._connection_answers and status in _STATUS_LINES:
            head = _STATUS_LINES[status] + b"".join([b"%s: %s\r\n" % pair for pair in headers])
            self.is_answered = self._connection.answer(head, body)
        if not self.is_answered:
            await self.start(status, headers)
            await self.part(body, more=False)

    async def start_events(self) -> None:
        """Begin to send server-sent events; the body of the request has to be read before."""
        self.when_gone(lambda: None)  # `is_gone` says it
        await self.start(
            200, [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        )

    async def event(self, number: int, data: bytes, kind: str = "message") -> None:
        """Send an event; `data` is one line."""
        await self.part(b"id: %d\nevent: %s\ndata: %s\n\n" % (number, kind.encode(), data))

    async def event_pause(self) -> None:
        """Send what keeps the connection open."""
        await self.part(b": nothing new\n\n")

    async def refuse(self, error: Refused) -> None:
        """Say what is wrong with the request, if nothing was sent yet."""
        if not self.is_answered and not self.is_gone:
            with suppress(ConnectionError, Gone):
                await self.reply_json(error.status, {"error": str(error)})

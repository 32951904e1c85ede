"""Read ASGI requests, send answers or reset connections, and notice when clients leave.

No web framework is used: with one, each request would take several times as long.
"""

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
"""The key in `scope["extensions"]` of the request's `Connection`."""
_JSON = (b"content-type", b"application/json")
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


class Refused(Exception):
    """The request is refused: `status` is that of the answer, and the text says what is wrong."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gone(Exception):
    """The connection to the client is closed: the client left before it had its answer, or the platform reset it."""


class Connection(Protocol):
    """What the HTTP server can do for a request beyond the messages of ASGI."""

    def reset(self) -> None:
        """Reset the connection: the client gets an error, as if the network had failed."""
        ...

    def body(self) -> bytes | None:
        """Return the body of the request if all of it has arrived and nothing of it was read yet, else None."""
        ...

    def answer(self, head: bytes, body: bytes) -> bool:
        """Send a whole answer in one write; return False, and send nothing, if that is not possible now.

        With the two messages of ASGI, the platform writes twice and the client wakes up twice.  `head` is the status
        line and the headers, without the empty line after them.
        """
        ...

    def when_lost(self, leave: Callable[[], None]) -> None:
        """Call `leave` when the client closes the connection before it has the whole answer."""
        ...

    def stop_watching(self) -> None:
        """Drop the function that `when_lost` got; it is not called any more."""
        ...


class Request:
    """A request: reads it, answers it, and notices when the client leaves."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.receive = receive
        self.send = send
        self.is_gone = False
        self.is_answered = False
        self.more_headers: Headers = []  # for the answer
        self._query: dict[str, str] | None = None
        self._connection: Connection = scope["extensions"][CONNECTION]
        self._leavings: list[Callable[[], None]] = []
        self._connection_answers = True
        self._whole: bytes | None = None

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; if a name occurs several times, the last value counts."""
        if self._query is None:
            text = self.scope["query_string"].decode("latin-1")
            self._query = dict(parse_qsl(text, keep_blank_values=True)) if text else {}
        return self._query

    def header(self, name: bytes) -> str:
        """Return the value of a header; "" if the request does not have the header."""
        value = self.headers.get(name, b"")
        try:
            return value.decode()  # names of endpoints may be any text
        except UnicodeDecodeError:
            return value.decode("latin-1")

    def length(self) -> int | None:
        """Return the length in the header `content-length`; None if the request does not have this header.

        Raises:
            Refused: the header's value is not a number.
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
            Refused: the body is longer than `limit` bytes, or the header `content-length` is not a number.
            Gone: the client left.
        """
        if (self.length() or 0) > limit:
            raise Refused(413, f"the body is larger than {limit} bytes")
        arrived = self.arrived_body()
        if arrived is not None:
            if len(arrived) > limit:
                raise Refused(413, f"the body is larger than {limit} bytes")
            return arrived
        chunks: list[bytes] = []
        size = 0
        has_more = True
        while (
            has_more
        ):  # not by `body_parts`, because a generator takes longer than the rest of this method
            chunk, has_more = await self._receive_part()
            size += len(chunk)
            if size > limit:
                raise Refused(413, f"the body is larger than {limit} bytes")
            chunks.append(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def arrived_body(self) -> bytes | None:
        """Return the body if all of it has arrived and no part of it was read before, else None."""
        if self._whole is None:
            self._whole = self._connection.body()
        return self._whole

    async def body_parts(self) -> AsyncIterator[bytes]:
        """Yield the parts of the body as they arrive.

        Raises:
            Gone: the client left.
        """
        has_more = True
        while has_more:
            chunk, has_more = await self._receive_part()
            yield chunk

    async def _receive_part(self) -> tuple[bytes, bool]:
        """Return the next part of the body, and whether more parts follow.

        Raises:
            Gone: the client left.
        """
        message = await self.receive()
        if message["type"] == "http.disconnect":
            self.is_gone = True
            raise Gone
        return message.get("body", b""), message.get("more_body", False)

    def watch(self, poll: Poll) -> None:
        """End the poll when the client leaves.  The caller has to read the body before."""
        self.when_gone(lambda: poll.wake(False))

    def when_gone(self, leave: Callable[[], None]) -> None:
        """Call `leave` when the client leaves.  The caller has to read the body before.

        After `stop_watching`, a new `leave` may never be called.
        """
        if self.is_gone:
            leave()
            return
        if not self._leavings:
            self._connection.when_lost(self._leave)
        self._leavings.append(leave)

    def stop_watching(self) -> None:
        """Stop watching the client."""
        if self._leavings:
            self._connection.stop_watching()

    def _leave(self) -> None:
        """Note that the client has left, and call the functions that wait for that."""
        self.is_gone = True
        for leave in self._leavings:
            leave()

    async def reset(self) -> None:
        """Reset the client's connection, and return when the connection is closed."""
        self.is_gone = True
        self._connection.reset()
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def reset_instead(self) -> None:
        """Let every later attempt to send an answer reset the connection and raise `Gone`; nothing is sent."""
        self._connection_answers = False

        async def reset_and_raise(_message: MutableMapping[str, Any]) -> None:
            """Reset the connection in place of sending a message."""
            await self.reset()
            raise Gone

        self.send = reset_and_raise

    # Answers -------------------------------------------------------------------------------------

    async def send_head(self, status: int, headers: Headers) -> None:
        """Send the status and the headers of an answer."""
        self.is_answered = True
        every = [*headers, *self.more_headers]
        await self.send({"type": "http.response.start", "status": status, "headers": every})

    async def send_part(self, body: bytes, *, more: bool = True) -> None:
        """Send a part of an answer's body; `more` says that another part follows."""
        await self.send({"type": "http.response.body", "body": body, "more_body": more})

    async def reply(self, status: int, body: bytes, headers: Headers | None = None) -> None:
        """Send an answer whose body is JSON text."""
        if headers is None:
            await self.send_whole(status, [_JSON, (b"content-length", b"%d" % len(body))], body)
            return
        await self.send_head(status, [_JSON, (b"content-length", b"%d" % len(body)), *headers])
        await self.send_part(body, more=False)

    async def reply_json(self, status: int, value: Any, headers: Headers | None = None) -> None:
        """Send an answer whose body is a value, encoded as JSON."""
        await self.reply(status, msgspec.json.encode(value), headers)

    async def reply_nothing(self) -> None:
        """Send an answer with status 204 and no body."""
        await self.send_whole(204, [], b"")

    async def send_whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer.

        The caller has checked the headers: they have the length of the body, and no value contains a line break.
        """
        if self._connection_answers and status in _STATUS_LINES:
            pairs = [*headers, *self.more_headers] if self.more_headers else headers
            head = _STATUS_LINES[status] + b"".join([b"%s: %s\r\n" % pair for pair in pairs])
            self.is_answered = self._connection.answer(head, body)
        if not self.is_answered:
            await self.send_head(status, headers)
            await self.send_part(body, more=False)

    async def start_events(self) -> None:
        """Begin to send server-sent events.  The caller has to read the body before."""
        self.when_gone(lambda: None)  # so that `is_gone` becomes True when the client leaves
        await self.send_head(
            200, [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        )

    async def send_event(self, number: int, data: bytes, kind: str = "message") -> None:
        """Send an event; `data` is one line."""
        await self.send_part(b"id: %d\nevent: %s\ndata: %s\n\n" % (number, kind.encode(), data))

    async def send_comment(self) -> None:
        """Send a comment between server-sent events, which keeps the connection open."""
        await self.send_part(b": nothing new\n\n")

    async def refuse(self, error: Refused) -> None:
        """Answer that the request is refused and why, if no answer was begun and the client has not left."""
        if not self.is_answered and not self.is_gone:
            with suppress(ConnectionError, Gone):
                await self.reply_json(error.status, {"error": str(error)})

"""A server on this machine that answers each request with the bytes that a test gives it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from typing import Any

Answer = Iterable[bytes | None]
SILENCE = None  # as a part of an answer: nothing more is sent until the client gives up


def http(body: bytes = b"", status: str = "200 OK", **headers: str) -> list[bytes]:
    """Return a whole answer; `content_type="text/html"` is the header `Content-Type`."""
    named = {"content-length": str(len(body)), "connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return [f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body]


def json_answer(data: Any, status: str = "200 OK", **headers: str) -> list[bytes]:
    """Return an answer whose body is JSON."""
    body = json.dumps(data).encode()
    return http(body, status, **{"content_type": "application/json", **headers})


class RawServer:
    """The server: `answer` gives the parts of the answer to each request; `requests` are their bytes."""

    def __init__(self, answer: Answer | Callable[[], Answer]) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Serve connections until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_one, args=(connection,), daemon=True).start()

    def _serve_one(self, connection: socket.socket) -> None:
        """Read one request, answer it, and close the connection."""
        with connection, suppress(OSError):
            self.requests.append(_read_request(connection))
            for part in self.answer() if callable(self.answer) else self.answer:
                if part is not None:
                    connection.sendall(part)
                else:
                    _wait_for_end(connection)
            connection.shutdown(socket.SHUT_WR)
            _wait_for_end(connection)

    def close(self) -> None:
        """Accept no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _wait_for_end(connection: socket.socket) -> None:
    """Wait until the client has closed the connection."""
    while connection.recv(65536):
        pass


def _read_request(connection: socket.socket) -> bytes:
    """Return the bytes of a request, whose body has a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(65536)
        if not received:
            return data
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        received = connection.recv(65536)
        if not received:
            break
        body += received
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(answer: Answer | Callable[[], Answer] = ()) -> Generator[RawServer]:
    """Run a server for the duration of a `with` statement."""
    server = RawServer(answer)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join(10)

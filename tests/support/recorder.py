"""Stand between a client and a platform, and keep the requests that change something."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx

_NAME = re.compile(r"(?:query|mutation)\s+(\w+)")
_DROPPED = frozenset(("transfer-encoding", "content-encoding", "content-length", "connection"))


@dataclass(frozen=True)
class Sent:
    """A request: the name of a GraphQL operation, or method and path; and its variables or body."""

    name: str
    given: Any


class Recorder:
    """A proxy; `sent` are the requests in order, `url` is its address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent: list[Sent] = []

    def take(self) -> list[Sent]:
        """Return the requests since the last call."""
        found, self.sent = self.sent, []
        return found


@contextmanager
def recorder(upstream: str) -> Generator[Recorder]:
    """Run a proxy in front of a platform."""
    client = httpx.Client(base_url=upstream, timeout=60, trust_env=False)

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            made.sent.append(_sent(self.command, self.path, body))
            headers = [(k, v) for k, v in self.headers.items() if k.lower() not in _DROPPED]
            reply = client.request(self.command, self.path, content=body, headers=headers)
            self.send_response(reply.status_code)
            for name, value in reply.headers.items():
                if name.lower() not in _DROPPED:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Recorder(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        client.close()


def _sent(method: str, path: str, body: bytes) -> Sent:
    """Return a request as its name and what it gives."""
    if path.startswith("/graphql"):
        document = json.loads(body)
        name = _NAME.search(document["query"])
        assert name is not None
        return Sent(name[1], document.get("variables"))
    path = re.sub(r"/(artifacts|serverless)/[^/?]+", r"/\1/ID", path.partition("?")[0])
    is_json = method in ("POST", "PATCH") and body
    return Sent(f"{method} {path}", json.loads(body) if is_json else None)

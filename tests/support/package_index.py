"""A package index on loopback (PEP 691, PEP 658) whose wheels are only as large as they claim to be."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are none: the default writes to the stream that a test looks at."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            raise error


@contextmanager
def package_index(sizes: Mapping[str, int]) -> Generator[tuple[str, list[str]], None, None]:
    """Serve version 1.0 of each name; yields the index's address, and the wheels that were asked for."""
    wanted: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = [part for part in self.path.split("/") if part]
            if parts[0] == "simple" and parts[1] in sizes:
                kind, body = "application/vnd.pypi.simple.v1+json", project(parts[1])
            elif parts[0] == "files" and parts[1].endswith(".metadata"):
                kind, body = "text/plain", metadata(parts[1].partition("-")[0])
            else:
                wanted.append(self.path)
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    def metadata(name: str) -> bytes:
        return f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode()

    def project(name: str) -> bytes:
        wheel = f"{name}-1.0-py3-none-any.whl"
        file = {
            "filename": wheel,
            "url": f"{address}/files/{wheel}",
            "hashes": {"sha256": hashlib.sha256(name.encode()).hexdigest()},
            "size": sizes[name],
            "core-metadata": {"sha256": hashlib.sha256(metadata(name)).hexdigest()},
        }
        document = {"meta": {"api-version": "1.1"}, "name": name, "versions": ["1.0"]}
        return json.dumps({**document, "files": [file]}).encode()

    server = _Server(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"{address}/simple", wanted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

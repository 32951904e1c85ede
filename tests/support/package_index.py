"""Serve a package index on loopback (PEP 691, PEP 658), with small wheels that are made in memory."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import threading
import zipfile
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Package:
    """A pure distribution whose module has the distribution's name.

    `module_text` is the module's text; by default, it has the version.  `more` are the paths and
    texts of other files.  `size` is the wheel's size in bytes as the index claims it; where it is given, there is no wheel behind it.
    """

    name: str
    version: str = "1.0"
    requires: tuple[str, ...] = ()
    size: int | None = None
    module_text: str | None = None
    more: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, line: str) -> Package:
        """Read `name version`, `name version needs requirement ...` or `name version size BYTES`."""
        name, version, *rest = line.split()
        match rest:
            case []:
                return cls(name, version)
            case ["needs", *requirements]:
                return cls(name, version, tuple(requirements))
            case ["size", size]:
                return cls(name, version, size=int(size))
            case _:
                raise ValueError(f"`{line}` is not a line of an index")

    @property
    def module(self) -> str:
        return self.name.replace("-", "_")

    @property
    def wheel(self) -> str:
        """The wheel's file name."""
        return f"{self.module}-{self.version}-py3-none-any.whl"

    @property
    def metadata(self) -> bytes:
        """The METADATA file."""
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        return "".join(f"{line}\n" for line in lines).encode()

    def content(self) -> bytes:
        """The wheel, the same bytes each time."""
        info = f"{self.module}-{self.version}.dist-info"
        files = {
            f"{self.module}/__init__.py": (
                self.module_text or f"VERSION = {self.version!r}\n"
            ).encode(),
            **{path: text.encode() for path, text in self.more},
            f"{info}/METADATA": self.metadata,
            f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, content in {**files, f"{info}/RECORD": record.encode()}.items():
                archive.writestr(zipfile.ZipInfo(name), content)
        return buffer.getvalue()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that hang up: the default writes to the stream that a test looks at."""
        error = sys.exception()
        if error is not None and not isinstance(error, ConnectionError):
            raise error


@contextmanager
def package_index(
    sizes: Mapping[str, int], packages: Iterable[Package] = ()
) -> Generator[tuple[str, list[str]], None, None]:
    """Serve `packages`, and version 1.0 of each name in `sizes`, which has no wheel.

    Yields the index's address and a list to which the path of every failed request is added.
    """
    served = [*packages, *(Package(name, size=size) for name, size in sizes.items())]
    wanted: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = respond(self.path)
            if answer is None:
                wanted.append(self.path)
                self.send_error(404)
                return
            kind, body = answer
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    def respond(path: str) -> tuple[str, bytes] | None:
        """(content type, body) of what is at a path."""
        folder, name = [part for part in path.split("/") if part][:2]
        if folder == "simple":
            versions = [package for package in served if package.name == name]
            listed = ("application/vnd.pypi.simple.v1+json", project(name, versions))
            return listed if versions else None
        for package in served:
            if name == f"{package.wheel}.metadata":
                return "text/plain", package.metadata
            if name == package.wheel and package.size is None:
                return "application/octet-stream", package.content()
        return None

    def project(name: str, versions: list[Package]) -> bytes:
        files = [
            {
                "filename": package.wheel,
                "url": f"{address}/files/{package.wheel}",
                "hashes": {"sha256": hashlib.sha256(package.content()).hexdigest()},
                "size": len(package.content()) if package.size is None else package.size,
                "core-metadata": {"sha256": hashlib.sha256(package.metadata).hexdigest()},
            }
            for package in versions
        ]
        names = [package.version for package in versions]
        document = {"meta": {"api-version": "1.1"}, "name": name, "versions": names}
        return json.dumps({**document, "files": files}).encode()

    server = _Server(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{address}/simple", wanted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

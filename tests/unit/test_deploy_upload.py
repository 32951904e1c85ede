"""The upload of an artifact: streamed, reported, repeated, and never sent to where it must not go."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from flashc_backends.cloud.addresses import Addresses, problem_of_upload
from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.keys import KeyFileError, find_key
from flashc_backends.cloud.runpod import RunpodCloud
from flashc_backends.cloud.transport import Transport
from tests.support.deployments import FAST

KEY = "planted-key-61b9"
SIGNATURE = "planted-signature-4cc0"
SIZE = 3 * 1024**2 + 17


class _Server(ThreadingHTTPServer):
    """A platform that prepares uploads, and an object store; `faults` are those of the next uploads.

    `uploads` are the heads and the sizes of the uploads that have arrived, whole or in part.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.base}/bucket/object?signature={SIGNATURE}"
        self.prepared = 0
        self.faults: list[str] = []
        self.uploads: list[tuple[dict[str, str], int]] = []
        self.paths: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["content-length"])))["query"]
        assert "PrepareArtifactUpload" in query
        assert self.headers["authorization"] == f"Bearer {KEY}"
        self.server.prepared += 1
        number = self.server.prepared
        place = {"uploadUrl": self.server.url, "objectKey": f"object {number}"}
        if SIGNATURE in self.server.url:
            place["uploadUrl"] += f"&n={number}"
        self._answer(200, json.dumps({"data": {"prepareFlashArtifactUpload": place}}))

    def do_PUT(self) -> None:
        fault = self.server.faults.pop(0) if self.server.faults else ""
        length = int(self.headers["content-length"])
        wanted = length // 2 if fault == "cut" else length
        size = len(self.rfile.read(wanted))
        self.server.uploads.append((dict(self.headers.items()), size))
        self.server.paths.append(self.path)
        if fault in ("cut", "drop"):
            self.close_connection = True
            return
        if fault == "redirect":
            self.send_response(307)
            self.send_header("location", f"{self.server.base}/elsewhere")
            self.end_headers()
            return
        self._answer(int(fault) if fault else 200, f"signed with {self.path}")

    def _answer(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json" if text[0] == "{" else "text/plain")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Heard:
    """Notes what is reported of an upload."""

    def __init__(self) -> None:
        self.amounts: list[int] = []

    def advance(self, amount: int = 0) -> None:
        self.amounts.append(amount)


@contextmanager
def _served() -> Iterator[_Server]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[_Server]:
    with _served() as server:
        yield server


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    path = tmp_path / "artifact.tar.gz"
    path.write_bytes(b"x" * SIZE)
    return path


def _upload(server: _Server, artifact: Path, heard: _Heard | None = None) -> str:
    places = Addresses(api=server.base)
    cloud = RunpodCloud(places, Transport(KEY, user_agent="flashc/test", pace=FAST))
    try:
        return cloud.upload("app", artifact, heard or _Heard())
    finally:
        cloud.close()


def test_an_artifact_is_uploaded_in_parts_that_are_reported(
    server: _Server, artifact: Path
) -> None:
    heard = _Heard()
    assert _upload(server, artifact, heard) == "object 1"
    assert sum(heard.amounts) == SIZE
    assert len(heard.amounts) == 4
    assert max(heard.amounts) == 1024**2
    [(head, size)] = server.uploads
    assert size == SIZE
    assert head["content-type"] == "application/gzip"
    assert head["content-length"] == str(SIZE)
    assert head["user-agent"] == "flashc/test"


def test_the_key_is_never_sent_to_the_place_of_the_upload(server: _Server, artifact: Path) -> None:
    _upload(server, artifact)
    [(head, _)] = server.uploads
    assert "authorization" not in {name.lower() for name in head}
    assert KEY not in str(head)


@pytest.mark.parametrize("fault", ["cut", "drop", "500", "503", "429"])
def test_a_failed_upload_is_repeated_as_a_whole_to_another_place(
    server: _Server, artifact: Path, fault: str
) -> None:
    heard = _Heard()
    server.faults = [fault, fault]
    assert _upload(server, artifact, heard) == "object 3"
    assert len(set(server.paths)) == 3
    assert [size for _, size in server.uploads][-1] == SIZE
    assert len(server.uploads) == 3
    assert sum(heard.amounts) == SIZE  # what was sent in vain is taken back


@pytest.mark.parametrize(
    ("fault", "trouble"),
    [
        ("redirect", Trouble.REFUSED),
        ("403", Trouble.REFUSED),  # the key is not to blame: it was not sent
        ("413", Trouble.REFUSED),
        ("404", Trouble.MISSING),
    ],
)
def test_a_refused_upload_is_an_error_that_does_not_show_the_signature(
    server: _Server, artifact: Path, fault: str, trouble: Trouble
) -> None:
    server.faults = [fault]
    with pytest.raises(CloudError) as caught:
        _upload(server, artifact)
    assert caught.value.trouble is trouble
    assert SIGNATURE not in str(caught.value)
    assert len(server.uploads) == 1


def test_a_place_that_always_fails_is_an_error(server: _Server, artifact: Path) -> None:
    server.faults = ["500"] * 50
    with pytest.raises(CloudError) as caught:
        _upload(server, artifact)
    assert caught.value.trouble is Trouble.BROKEN
    assert len(server.uploads) == FAST.attempts
    assert SIGNATURE not in str(caught.value)


def test_an_artifact_is_not_read_into_memory_at_once(server: _Server, tmp_path: Path) -> None:
    path = tmp_path / "large.tar.gz"
    with path.open("wb") as file:
        file.truncate(64 * 1024**2)
    heard = _Heard()
    _upload(server, path, heard)
    assert len(heard.amounts) == 64


WRONG_PLACES = (
    "http://store.example/object",
    "http://127.0.0.1.example/object",
    "ftp://store.example/object",
    "file:///etc/passwd",
    "//store.example/object",
    "https://",
    "https://[::1/object",
    "https://store.example:port/object",
    "javascript:alert(1)",
    "",
)


@pytest.mark.parametrize("url", WRONG_PLACES)
def test_a_place_that_is_not_safe_is_refused(server: _Server, artifact: Path, url: str) -> None:
    server.url = url
    with pytest.raises(CloudError) as caught:
        _upload(server, artifact)
    assert caught.value.trouble is Trouble.BROKEN
    assert "store.example" not in str(caught.value)


def test_only_a_local_platform_may_want_uploads_to_this_machine_without_encryption() -> None:
    local = Addresses(api="http://localhost:8000")
    assert problem_of_upload("http://127.0.0.1:8000/artifacts/x", local) is None
    assert problem_of_upload("http://127.0.0.1:8000/artifacts/x", Addresses()) is not None
    assert problem_of_upload("https://store.example/x", Addresses()) is None


@pytest.mark.parametrize("key", ["schlüssel", "a b", "a\tb", "a\nb", "键", "a\x7fb"])
def test_a_key_that_no_request_can_carry_is_refused_without_showing_it(
    key: str, tmp_path: Path
) -> None:
    with pytest.raises(KeyFileError) as caught:
        find_key({"RUNPOD_API_KEY": key}, tmp_path / "config.toml")
    assert key not in str(caught.value)

"""Routes answer as in plain FastAPI, but for Flash's own rules: the same requests to both, under uvicorn."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flashc_core.archives import unpack
from tests.support.fastapi_routes import PLAIN, REQUESTS, ROUTES, Sent
from tests.support.projects import built, write

SECONDS = 60.0


@contextlib.contextmanager
def served(folder: Path, app: str) -> Iterator[httpx.Client]:
    """A client of an app under uvicorn."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-server-header"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        close = {
            "connection": "close"
        }  # uvicorn may end a connection whose request it has not read
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, timeout=SECONDS, headers=close) as client:
            wait_for(client, process, folder / "log")
            yield client
    finally:
        process.kill()
        process.wait()


def wait_for(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until an app answers."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            client.get("/plain")
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("compiled")
    artifact = built(write(folder / "project", {"worker.py": ROUTES}), folder / "a.tar.gz")
    unpack(artifact, folder / "app")
    with served(folder / "app", "handler_web:app") as client:
        yield client


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("plain")
    files = {"runpod_flash.py": PLAIN, "worker.py": f"{ROUTES}\napp = api.app\n"}
    with served(write(folder, files), "worker:app") as client:
        yield client


def answer(client: httpx.Client, sent: Sent) -> Any:
    """What a client sees of the answer to a request."""
    method, path, content, _ = sent
    reply = client.request(method, path, **content)
    own = str(client.base_url)
    headers = {k: v.replace(own, "") for k, v in reply.headers.items() if k != "date"}
    return reply.status_code, headers, reply.content


def test_requests_are_answered_as_by_fastapi_but_for_the_rules_of_flash(
    compiled: httpx.Client, plain: httpx.Client
) -> None:
    differs = [sent for sent in REQUESTS if answer(compiled, sent) != answer(plain, sent)]
    assert differs == [sent for sent in REQUESTS if sent[3] is not None]
    assert len(REQUESTS) >= 120


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "body"),
    [
        ("POST", "/fields", {"json": {"text": "a", "tags": ["x"]}}, 200, ["a", 1, ["x"]]),
        ("POST", "/fields", {"json": {"count": 1}}, 422, ["body", "text"]),
        ("POST", "/field", {"json": {"item": {"a": 1}}}, 200, {"a": 1}),
        ("POST", "/point", {"json": {"point": {"x": 1}, "scale": 2}}, 200, [1, 2]),
        ("PUT", "/size", {"json": {"size": {"width": 1}}}, 200, {"width": 1}),
        ("POST", "/bounds", {"json": {"n": 3}}, 200, [3, 1]),
        ("POST", "/bounds", {"json": {"n": 2}}, 422, ["body", "n"]),
        ("POST", "/bytes", {"files": {"data": b"123"}, "data": {"note": "n"}}, 200, [3, "n"]),
        ("POST", "/variadic", {"json": {"text": "a", "rest": [1]}}, 200, ["a", [], {}]),
        ("DELETE", "/items/3", {"json": {"force": True}}, 200, [3, True]),
        ("GET", "/ping", {}, 200, {"status": "healthy"}),
    ],
)
def test_the_rules_of_flash(
    compiled: httpx.Client,
    method: str,
    path: str,
    content: dict[str, Any],
    status: int,
    body: Any,
) -> None:
    reply = compiled.request(method, path, **content)
    found = reply.json()
    assert reply.status_code == status, found
    assert (found["detail"][0]["loc"] if status == 422 else found) == body


def test_the_documentation_names_every_argument_and_answer_as_fastapi_does(
    compiled: httpx.Client, plain: httpx.Client
) -> None:
    ours, theirs = (client.get("/openapi.json").json()["paths"] for client in (compiled, plain))
    flash = {path.partition("?")[0] for _, path, _, rule in REQUESTS if rule is not None}
    assert {p for p in ours if ours[p] != theirs.get(p)} <= {
        *flash,
        "/items/{ident}",
        "/items/{item}",
    }
    assert ours["/person"]["get"]["responses"] == theirs["/person"]["get"]["responses"]

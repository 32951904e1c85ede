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
from tests.support.more_fastapi_routes import MORE_REQUESTS, MORE_ROUTES
from tests.support.projects import built, compile_files, unpacked, write

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


@contextlib.contextmanager
def served_by_flash(folder: Path, routes: str) -> Iterator[httpx.Client]:
    """A client of the artifact that flashc builds."""
    artifact = built(write(folder / "project", {"worker.py": routes}), folder / "a.tar.gz")
    unpack(artifact, folder / "app")
    with served(folder / "app", "handler_web:app") as client:
        yield client


@contextlib.contextmanager
def served_by_fastapi(folder: Path, routes: str) -> Iterator[httpx.Client]:
    """A client of the same module, in which an endpoint is a FastAPI app."""
    files = {"runpod_flash.py": PLAIN, "worker.py": f"{routes}\napp = api.app\n"}
    with served(write(folder, files), "worker:app") as client:
        yield client


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served_by_flash(tmp_path_factory.mktemp("compiled"), ROUTES) as client:
        yield client


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with served_by_fastapi(tmp_path_factory.mktemp("plain"), ROUTES) as client:
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


def test_so_are_routes_of_more_sorts(tmp_path: Path) -> None:
    with (
        served_by_flash(tmp_path / "flash", MORE_ROUTES) as ours,
        served_by_fastapi(tmp_path / "plain", MORE_ROUTES) as theirs,
    ):
        differs = [sent for sent in MORE_REQUESTS if answer(ours, sent) != answer(theirs, sent)]
        assert differs == [sent for sent in MORE_REQUESTS if sent[3] is not None]
        documented, expected = (
            client.get("/openapi.json").json()["paths"] for client in (ours, theirs)
        )
        assert {p for p in documented if documented[p] != expected.get(p)} == {
            "/ping",
            "/optional-body",
        }


WITHOUT_SCHEMA = """
from collections.abc import Iterator
from typing import TypedDict
import numpy
from pydantic import BaseModel
from runpod_flash import Endpoint

api = Endpoint(name="web", cpu="cpu3c-1-2", workers=(1, 2), dependencies=["numpy"])

class Unknown:
    pass

class Item(BaseModel):
    x: int

class Size(TypedDict):
    width: int

@api.get("/plain")
async def plain(): return 1
@api.post("/mean")
async def mean(values: numpy.ndarray, n: int = 1) -> numpy.float64: return values.mean() * n
@api.post("/zeros")
def zeros(n: int) -> tuple[int, numpy.ndarray]: return n, numpy.zeros(n)
@api.post("/unknown")
async def unknown(x: Unknown, n: int) -> Unknown: return [x, n]
@api.put("/size")
async def size(size: Size) -> Size: return size
@api.get("/either")
async def either() -> Item | Unknown: return {"x": 1}
"""


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "answer"),
    [
        ("POST", "/mean", {"values": [1, 2, 3], "n": 2}, 200, 4.0),
        ("POST", "/mean", {"values": "x"}, 422, "Value error, the value is 'x', not an array"),
        ("POST", "/mean", {}, 422, "Field required"),
        ("POST", "/zeros", {"n": 2}, 200, [2, [0.0, 0.0]]),
        ("POST", "/unknown", {"x": {"a": 1}, "n": 2}, 200, [{"a": 1}, 2]),
        ("PUT", "/size", {"size": {"width": 1}}, 200, {"width": 1}),
        ("GET", "/either", None, 200, {"x": 1}),
    ],
)
def test_a_type_without_a_schema_travels_by_the_codec(
    without_schema: httpx.Client, method: str, path: str, sent: Any, status: int, answer: Any
) -> None:
    reply = without_schema.request(method, path, json=sent)
    found = reply.json()
    assert reply.status_code == status, found
    assert (found["detail"][0]["msg"] if status == 422 else found) == answer


@pytest.fixture(scope="module")
def without_schema(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("schema")
    app = unpacked(compile_files(folder / "project", {"worker.py": WITHOUT_SCHEMA}), folder / "app")
    with served(app, "handler_web:app") as client:
        yield client


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


def test_the_health_check_answers(compiled: httpx.Client) -> None:
    assert compiled.get("/ping").json()["status"] == "healthy"


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

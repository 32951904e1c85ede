"""What a worker answers, endpoint by endpoint, under the real SDK and uvicorn."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.interpreters import oldest_worker_python
from tests.support.projects import built, write
from tests.support.running_app import RunningApp, running_app

PYTHON = oldest_worker_python().minor
QUEUE = """
import asyncio
from runpod_flash import Endpoint

@Endpoint(name="plain")
def plain(a: int, /, b: int = 2, *rest: int, c: int = 3, **more) -> list:
    return [a, b, list(rest), c, more]

@Endpoint(name="nothing")
async def nothing(): return "ok"

@Endpoint(name="stream")
def stream(n: int):
    for i in range(n):
        yield {"i": i}

@Endpoint(name="astream")
async def astream(n: int):
    for i in range(n):
        await asyncio.sleep(0)
        yield i

@Endpoint(name="blocking", max_concurrency=4)
def blocking(seconds: float):
    import time
    time.sleep(seconds)
    return seconds

@Endpoint(name="my model!")
class Model:
    made = 0
    def __init__(self): Model.made += 1
    def predict(self, x: int) -> list: return [x, Model.made]
    async def slow(self, x: int = 5): return x
    @staticmethod
    def static(x: int): return -x
    def broken(self): raise LookupError("no such thing")

class Base:
    def inherited(self, x: int): return x + 1

@Endpoint(name="one-method")
class One(Base):
    pass
"""
WEB = """
from __future__ import annotations
from fastapi import HTTPException, Request
from pydantic import BaseModel
from runpod_flash import Endpoint

class Item(BaseModel):
    name: str
    price: float = 1.5

api = Endpoint(name="web", cpu="cpu3c-1-2")

@api.get("/{anything}")
async def catch_all(anything: str, n: int = 1): return {"caught": anything, "n": n}

@api.post("/fields")
async def fields(text: str, count: int = 1, tags: list[str] = []): return [text, count, tags]

@api.post("/model")
async def model(item: Item): return {"total": item.price * 2, "name": item.name}

@api.put("/files/{name}")
@api.post("/files/{name}")
def upload(name: str, data: bytes, note: str = ""): return [name, len(data), note]

@api.delete("/refused")
async def refused(request: Request): raise HTTPException(418, f"short and {request.method}")

@api.post("/fails")
async def fails(x: int): raise ValueError("secret detail")
"""
CALLER = """
from runpod_flash import Endpoint

front = Endpoint(name="front", cpu="cpu3c-1-2")

@front.post("/call")
async def call(what: str, id: str = ""):
    import queue_worker as q
    import web_worker as w
    found = []
    if what == "streams":
        found = [list(q.stream(3)), [x async for x in q.astream(2)]]
    elif what == "class":
        model = q.Model()
        found = [await model.predict(1), await model.slow(), await model.static(4)]
        try:
            await model.broken()
        except LookupError as error:
            found.append([type(error).__name__, str(error), error.endpoint, error.remote_type])
    elif what == "routes":
        found = [await w.fields("a", tags=["x"]), await w.model(w.Item(name="tea")),
                 await w.upload("f 1", b"12345", note="hi"), await w.catch_all("z", n=3)]
        try:
            await w.fails(x=1)
        except ValueError as error:
            found.append([str(error), "web_worker.py" in error.remote_traceback])
        try:
            await w.refused(None)
        except Exception as error:
            found.append([type(error).__name__, error.status, "short and DELETE" in str(error)])
    elif what == "client":
        existing = Endpoint(id=id)
        job = await existing.run({"__empty": True})
        await job.wait(timeout=20)
        done = await existing.runsync({"__empty": True})
        found = [job.output, job.done, done.output]
    elif what == "arguments":
        for args, kwargs in (((), {}), ((1,), {"z": 2}), ((object(),), {}), (({1: 2},), {})):
            try:
                found.append(await q.plain(*args, **kwargs))
            except TypeError as error:
                found.append(str(error))
    return found
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("workers")
    files = {"queue_worker.py": QUEUE, "web_worker.py": WEB, "caller.py": CALLER}
    root = write(folder / "project", files)
    artifact = built(root, folder / "a.tar.gz", python_version=PYTHON)
    with running_app(artifact, folder, cache_folder) as started:
        yield started


def failure(answer: Any) -> dict[str, Any]:
    assert answer["status"] == "FAILED", answer
    record: dict[str, Any] = json.loads(answer["error"])
    return record


@pytest.mark.parametrize(
    ("resource", "given", "output"),
    [
        ("plain", {"a": 1}, [1, 2, [], 3, {}]),
        ("plain", {"a": 1, "b": 5, "c": 6, "z": 7}, [1, 5, [], 6, {"z": 7}]),
        ("plain", {"a": 1, "b": 2, "rest": [8, 9]}, [1, 2, [8, 9], 3, {}]),
        ("nothing", {"__empty": True}, "ok"),
        ("nothing", {}, "ok"),
        ("one-method", {"x": 1}, 2),
        ("one-method", {"x": 1, "method": "inherited"}, 2),
        ("blocking", {"seconds": 0.01}, 0.01),
    ],
)
def test_a_job_is_a_call(resource: str, given: Any, output: Any, app: RunningApp) -> None:
    assert app.job(resource, given)["output"] == output


@pytest.mark.parametrize(
    ("resource", "given", "words"),
    [
        ("plain", {}, ["lacks 'a'"]),
        ("nothing", {"x": 1, "y": 2}, ["unexpected 'x', 'y'"]),
        ("one-method", {"y": 1}, ["lacks 'x'", "unexpected 'y'"]),
    ],
)
def test_an_input_that_does_not_fit_fails_with_a_message_that_names_it(
    resource: str, given: Any, words: list[str], app: RunningApp
) -> None:
    message = failure(app.job(resource, given))["error_message"]
    assert all(word in message for word in words), message


MODEL = "my model!"


def test_a_class_is_built_once_and_its_methods_are_called_by_name(app: RunningApp) -> None:
    resource = MODEL
    for _ in range(2):
        assert app.job(resource, {"method": "predict", "x": 3})["output"] == [3, 1]
    assert app.job(resource, {"method": "slow"})["output"] == 5
    assert app.job(resource, {"method": "static", "x": 2})["output"] == -2
    record = failure(app.job(resource, {"method": "broken"}))
    assert (record["error_message"], "LookupError" in record["error_type"]) == (
        "no such thing",
        True,
    )
    for given in ({"x": 1}, {"method": "made"}, {"method": "__init__"}):
        assert "'predict', 'slow', 'static'" in failure(app.job(resource, given))["error_message"]


def test_generators_stream_under_the_sdk(app: RunningApp) -> None:
    for resource, chunks in (("stream", [{"i": 0}, {"i": 1}]), ("astream", [0, 1])):
        with app.client() as client:
            job = client.post(f"{app.url(resource)}/run", json={"input": {"n": 2}}).json()["id"]
            streamed: list[Any] = []
            deadline = time.monotonic() + 20
            while len(streamed) < 2 and time.monotonic() < deadline:
                answer = client.get(f"{app.url(resource)}/stream/{job}").json()
                streamed += [part["output"] for part in answer["stream"]]
        assert streamed == chunks


def test_the_web_app_answers_as_declared(app: RunningApp) -> None:
    url = app.url("web")
    with app.client() as client:
        assert client.get(f"{url}/ping").json()["status"] == "healthy"
        assert client.get(f"{url}/x", params={"n": 2}).json() == {"caught": "x", "n": 2}
        assert client.post(f"{url}/execute", json={}).status_code in (404, 405)
        fields = client.post(f"{url}/fields", json={"text": "a", "tags": ["b"]})
        assert fields.json() == ["a", 1, ["b"]]
        assert client.post(f"{url}/fields", json={"count": 1}).status_code == 422
        wrong = client.post(f"{url}/fields", json={"text": "a", "count": "x"})
        assert wrong.status_code == 422
        model = client.post(f"{url}/model", json={"name": "n"})
        assert model.json() == {"total": 3.0, "name": "n"}
        for method in ("PUT", "POST"):
            answer = client.request(
                method, f"{url}/files/f", files={"data": b"abc"}, data={"note": "n"}
            )
            assert answer.json() == ["f", 3, "n"]
        refused = client.delete(f"{url}/refused")
        assert (refused.status_code, refused.json()["detail"]) == (418, "short and DELETE")
        failed = client.post(f"{url}/fails", json={"x": 1})
        assert (failed.status_code, "secret" in failed.text) == (500, False)


def test_endpoints_call_each_other_in_every_way(app: RunningApp) -> None:
    def call(what: str) -> Any:
        body = {"what": what, "id": app.ids["nothing"]}
        return app.route("front", "POST", "/call", body)

    assert call("streams") == [[{"i": 0}, {"i": 1}, {"i": 2}], [0, 1]]
    assert call("class") == [
        [1, 1],
        5,
        -4,
        ["LookupError", "no such thing", MODEL, "LookupError"],
    ]
    routes = call("routes")
    assert routes[:4] == [
        ["a", 1, ["x"]],
        {"total": 3.0, "name": "tea"},
        ["f 1", 5, "hi"],
        {"caught": "z", "n": 3},
    ]
    assert routes[4:] == [["secret detail", True], ["HTTPException", "418", True]]
    assert call("client") == ["ok", True, "ok"]
    assert app.resources["front"]["makes_remote_calls"]
    assert call("arguments") == [
        "plain() missing a required argument: 'a'",
        [1, 2, [], 3, {"z": 2}],
        "argument 'a' of plain() is a builtins.object, which JSON can't carry; "
        "send numbers, strings, lists and dicts",
        "argument 'a' of plain() has the key 1; the keys of JSON objects are strings",
    ]


FRONT = """
from runpod_flash import Endpoint
front = Endpoint(name="front", cpu="cpu3c-1-2")
@front.get("/go")
async def go():
    from work import work
    return await work(1)
"""


class StateManager:
    """The platform's GraphQL, counted, until it is broken."""

    def __init__(self) -> None:
        self.platform = ""
        self.asked = 0
        self.is_broken = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked += 1
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code, answer = 503, b"{}"
                if not outer.is_broken:
                    key = {"Authorization": self.headers["Authorization"]}
                    headers = {**key, "Content-Type": "application/json"}
                    reply = httpx.post(f"{outer.platform}/graphql", content=body, headers=headers)
                    code, answer = reply.status_code, reply.content
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *arguments: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def state() -> Iterator[StateManager]:
    manager = StateManager()
    yield manager
    manager.server.shutdown()
    manager.server.server_close()


@pytest.mark.parametrize("is_broken", [False, True], ids=["works", "never worked"])
def test_the_table_of_endpoints_is_kept_while_the_state_manager_is_down(
    tmp_path: Path, cache_folder: Path, state: StateManager, is_broken: bool
) -> None:
    """Where it never worked, the sentinel stands in."""
    work = "from runpod_flash import Endpoint\n@Endpoint(name='work')\nasync def work(x: int): return x\n"
    root = write(tmp_path / "project", {"work.py": work, "front.py": FRONT})
    artifact = built(root, tmp_path / "a.tar.gz", python_version=PYTHON)
    env = {"RUNPOD_API_BASE_URL": state.url}
    with running_app(artifact, tmp_path, cache_folder, env=env) as app:
        state.platform, state.is_broken = app.base, is_broken
        assert app.route("front", "GET", "/go") == 1
        asked = state.asked
        assert asked
        state.is_broken = True
        assert app.route("front", "GET", "/go") == 1
        assert state.asked == asked

"""The generated package of a client: both type checkers accept it, and it sends what callers give."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from flashc_backends.contracts.client import drafts_of
from flashc_backends.write import write_tree
from tests.support.codec_kinds import worker
from tests.support.contract_app import APP
from tests.support.fastapi_routes import ROUTES
from tests.support.more_fastapi_routes import MORE_ROUTES
from tests.support.projects import EXAMPLES, compile_files, compile_folder

HOSTILE = '''
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar
from fastapi import Path
from flashc import Endpoint
from pydantic import BaseModel, Field

T = TypeVar("T")

class Größe(Enum):
    A = "'); import os; ('"

class t(BaseModel, Generic[T]):
    """A "thing\\\\" of `T`."""
    int: T
    list: "list[t[T]] | None" = Field(None, alias="a'b\\\\n")

class Any_(BaseModel):
    pass

@Endpoint(name="class", cpu="cpu3c-1-2")
class Client:
    def list(self, self_: t[int], UNSET: Größe, more: list[str], **kwargs: int) -> list[int]:
        """Call \\"\\"\\" it."""
    def models(self, method: str, __empty: int = 1) -> dict[str, float]: ...
    def str(self, given: str) -> str: ...

api = Endpoint(name="close", cpu="cpu3c-1-2", workers=(1, 2))

@api.get("/{lambda_}/{item-id}")
async def lambda_(lambda_: int, item: Annotated[int, Path(alias="item-id")]) -> Any_: ...
@api.post("/{lambda_}")
async def list(lambda_: int, body: dict[str, Any]) -> t[str]: ...
'''
SOURCES = {
    "kinds": worker(),
    "routes": ROUTES,
    "more": MORE_ROUTES,
    "hostile": HOSTILE,
    "shop": APP,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of several apps."""
    root = tmp_path_factory.mktemp("clients")
    programs = [
        compile_files(tmp_path_factory.mktemp("p") / name, {"w.py": source}).valid
        for name, source in SOURCES.items()
    ]
    programs += [compile_folder(EXAMPLES / name).valid for name in ("skeleton", "pipeline")]
    write_tree(root, tuple(draft for program in programs for draft in drafts_of(program)))
    (root / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    return root


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_mypy_accepts_the_packages(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())
    assert len(names) == 7
    cache = str(folder / ".mypy")
    assert "no issues found in 28 source files" in run(
        folder, "mypy", "--strict", "--cache-dir", cache, *names
    )


def test_pyright_accepts_the_packages(folder: Path) -> None:
    found = run(folder, "pyright", "--pythonpath", sys.executable)
    assert "0 errors, 0 warnings" in found


def test_the_packages_import(folder: Path) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    program = "import sys\nfor n in sys.argv[1:]:\n    m = __import__(n)\n    m.Client().close()\n"
    subprocess.run([sys.executable, "-W", "error", "-c", program, *names], cwd=folder, check=True)


@pytest.fixture
def shop(folder: Path) -> Iterator[ModuleType]:
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("shop_client")
    finally:
        sys.path.remove(str(folder))


def answering(*answers: Any) -> tuple[httpx.Client, list[httpx.Request]]:
    """A connection that answers with these JSON values, and what it was sent."""
    sent: list[httpx.Request] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        request.read()
        sent.append(request)
        found = left.pop(0)
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    return httpx.Client(transport=httpx.MockTransport(answer)), sent


def test_an_unfinished_job_is_asked_for_until_it_ends(shop: ModuleType) -> None:
    waiting = {"id": "j", "status": "IN_PROGRESS"}
    http, sent = answering(waiting, waiting, {**waiting, "status": "COMPLETED", "output": {"a": 1}})
    client = shop.Client(api_key="k", endpoints={"plain": "abc"}, http=http)
    assert client.plain.plain(names=["a"]) == {"a": 1}
    assert [(r.method, str(r.url)) for r in sent] == [
        ("POST", "https://api.runpod.ai/v2/abc/runsync"),
        ("GET", "https://api.runpod.ai/v2/abc/status/j"),
        ("GET", "https://api.runpod.ai/v2/abc/status/j"),
    ]
    assert {r.headers["authorization"] for r in sent} == {"Bearer k"}
    assert json.loads(sent[0].content) == {"input": {"names": ["a"]}}


def test_a_job_that_is_late_has_no_result(shop: ModuleType) -> None:
    http, _ = answering({"id": "j", "status": "IN_QUEUE"})
    with pytest.raises(shop.JobFailed, match="the job j is IN_QUEUE"):
        shop.Client(http=http, timeout=0.0).plain.plain()


def test_arguments_that_are_not_given_are_not_sent(shop: ModuleType) -> None:
    done = {"id": "j", "status": "COMPLETED"}
    http, sent = answering(done, done, {}, done)
    client = shop.Client(http=http, api_key="k")
    client.plain.plain()
    client.plain.plain(names=None)
    client.web.put_item(number=7, item={"name": "a"})
    client.offers.make(item={"name": "a"}, until="2024-01-02")
    assert [json.loads(r.content) for r in sent] == [
        {"input": {"__empty": True}},
        {"input": {"names": None}},
        {"name": "a"},
        {"input": {"method": "make", "item": {"name": "a"}, "until": "2024-01-02"}},
    ]
    assert str(sent[2].url) == "https://web.api.runpod.ai/items/7"
    assert "x-who" not in sent[2].headers


def test_a_refusal_has_its_status_and_text(shop: ModuleType) -> None:
    http, _ = answering(httpx.Response(401, text="no key"))
    with pytest.raises(shop.ApiError, match="the status 401: no key") as refused:
        shop.Client(http=http).plain.plain()
    assert (refused.value.status, refused.value.body) == (401, "no key")

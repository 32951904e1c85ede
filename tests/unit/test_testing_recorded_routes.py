"""Answers of routes are recorded too, and an answer that does not fit its function any more is a finding (FC660)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.projects import write
from tests.support.pytest_runs import configuration, run_pytest

# Routes ---------------------------------------------------------------------------------------------

WEB = """
from typing import Annotated
from fastapi import Cookie, Form, Header, HTTPException, Response, UploadFile
from pydantic import BaseModel
from flashc import Endpoint

asked = []

class Item(BaseModel):
    name: str
    size: int = 1

api = Endpoint(name="web", cpu="cpu3c-1-2", workers=(1, 2))

@api.put("/items/{number}")
async def put(number: int, item: Item, dry: bool = False, x_who: Annotated[str, Header()] = "nobody") -> Item:
    asked.append("put")
    if number == 0:
        raise HTTPException(404, "there is no item 0")
    return Item(name=f"{item.name} {number} {dry} {x_who}", size=item.size)

@api.get("/items")
async def listed(sizes: str = "", session: Annotated[str, Cookie()] = "") -> list[str]:
    return [sizes, session]

@api.post("/picture")
async def picture(file: UploadFile, note: Annotated[str, Form()] = ""):
    return Response(bytes([255, 0]) + await file.read(), media_type="image/png")

@Endpoint(name="asks", cpu="cpu3c-1-2")
async def ask(number: int) -> str:
    return (await put(number, Item(name="tea"))).name
"""
TESTS = """
import httpx

def test_routes(flash_local):
    def item(number, name="tea", **more):
        return flash_local.request("web", "PUT", f"/items/{number}", json={"name": name}, **more)
    assert item(3, params={"dry": "true"}, headers={"x-who": "me"}).json() == {"name": "tea 3 True me", "size": 1}
    assert item(3, params={"dry": "true"}).json()["name"] == "tea 3 True nobody"
    missing = item(0)
    assert (missing.status_code, missing.json()) == (404, {"detail": "there is no item 0"})
    assert item("x").status_code == 422
    cookies = {"cookie": "session=s"}
    listed = flash_local.request("web", "GET", "/items", params={"sizes": "a b"}, headers=cookies)
    assert listed.json() == ["a b", "s"]
    for _ in range(2):  # each request has a boundary of its own
        sent = {"files": {"file": ("a.png", bytes([254]))}, "data": {"note": "n"}}
        picture = flash_local.request("web", "POST", "/picture", **sent)
        assert (picture.content, picture.headers["content-type"]) == (bytes([255, 0, 254]), "image/png")
    assert flash_local.call("asks", number=7) == "tea 7 False nobody"
"""


def web(folder: Path, *, worker: str = WEB, tests: str = TESTS) -> Path:
    files = {
        "pyproject.toml": configuration("app") + 'flash_replay = ["web"]\n',
        "worker.py": worker,
        "test_it.py": tests,
    }
    return write(folder, files)


def test_requests_to_routes_are_recorded_and_replayed(tmp_path: Path) -> None:
    project = web(tmp_path)
    done = run_pytest(project, "--flash-record=local")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (project / "flash-recordings.json").read_text()
    answers = json.loads(text)["answers"]
    assert [each["function"] for each in answers].count("PUT /items/{number}") == 5
    assert len(answers) == 7
    assert "uthorization" not in text
    assert all(len(each["contract"]) == 12 for each in answers)
    # The code is not asked any more: it would fail.
    broken = WEB.replace("    asked.append", "    raise RuntimeError\n    asked.append")
    done = run_pytest(web(tmp_path, worker=broken))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "stale" not in done.stdout


def test_an_answer_of_a_route_with_a_credential_is_not_recorded(tmp_path: Path) -> None:
    key = "rpa_" + "A1b2" * 6
    tests = (
        "import pytest\n"
        "@pytest.mark.parametrize('sent', [\n"
        f"    {{'json': {{'name': '{key}'}}}},\n"
        "    {'json': {'name': 'a'}, 'params': {'api_key': 'f83jd02kdm38fjcn27x9'}},\n"
        f"    {{'json': {{'name': 'a'}}, 'headers': {{'x-who': 'Bearer {key}'}}}},\n"
        "])\n"
        "def test_it(flash_local, sent):\n"
        "    flash_local.request('web', 'PUT', '/items/1', **sent)\n"
    )
    project = web(tmp_path, tests=tests)
    done = run_pytest(project, "--flash-record=local")
    assert "3 passed, 3 errors" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count("a credential would be in the file") >= 3
    assert not (project / "flash-recordings.json").exists()


def test_an_unknown_request_says_what_is_recorded(tmp_path: Path) -> None:
    tests = (
        "def test_it(flash_local):\n"
        "    answer = flash_local.request('web', 'GET', '/items', params={'sizes': 'SIZE'})\n"
        "    assert answer.json() == ['SIZE', '']\n"
    )
    project = web(tmp_path, tests=tests.replace("SIZE", "1"))
    assert run_pytest(project, "--flash-record=local").returncode == 0
    done = run_pytest(web(tmp_path, tests=tests.replace("SIZE", "2")))
    assert done.returncode == 1
    assert "has no answer of web, GET /items for" in done.stdout
    assert "its recorded arguments are" in done.stdout


# Stale answers --------------------------------------------------------------------------------------

RATED = """
import dataclasses
from flashc import Endpoint

@dataclasses.dataclass
class Review:
    text: str
    stars: int

@Endpoint(name="model", cpu="cpu3c-1-2")
class Model:
    def rate(self, text: str) -> Review:
        return Review(text, 3)
    def count(self, texts: list[str]) -> int:
        return len(texts)
"""
RATES = """
def test_rates(flash_local):
    assert flash_local.call("model.rate", {}"a")["stars"] == 3
def test_counts(flash_local):
    assert flash_local.call("model.count", texts=["a"]) == 1
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("text: str) ->", "review: str) ->", "the arguments do not fit"),
        ("stars: int", "stars: int\n    language: str", "'language' is a required property"),
        ("def rate", "def judge", "there is no function `rate` any more"),
        ("text: str) -> Review", "text: str) -> str", "the result does not fit"),
    ],
)
def test_a_stale_answer_fails_the_test_that_uses_it(
    old: str, new: str, told: str, tmp_path: Path
) -> None:
    tests = RATES.replace("{}", "text=")
    files = {
        "pyproject.toml": configuration("app") + 'flash_replay = ["model"]\n',
        "worker.py": RATED,
        "test_it.py": tests,
    }
    project = write(tmp_path, files)
    done = run_pytest(project, "--flash-record=local")
    assert done.returncode == 0, done.stdout + done.stderr
    write(project, {"worker.py": RATED.replace(old, new)})
    done = run_pytest(project)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert "test_rates" in done.stdout
    finding = done.stdout.partition("findings of flashc")[2]
    assert "FC660" in finding
    assert finding.count("is stale:") == 1
    assert told in finding
    # The other test passes, and the finding stays; a run that records removes the answer.
    done = run_pytest(project, "-k", "counts")
    assert done.returncode == 0
    assert "FC660" in done.stdout
    run_pytest(project, "-k", "counts", "--flash-record=local")
    assert "FC660" not in run_pytest(project, "-k", "counts").stdout


def test_an_answer_that_still_fits_is_not_stale(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": configuration("app") + 'flash_replay = ["model"]\n',
        "worker.py": RATED,
        "test_it.py": RATES.replace("{}", "text="),
    }
    project = write(tmp_path, files)
    assert run_pytest(project, "--flash-record=local").returncode == 0
    wider = RATED.replace("text: str) ->", "text: str, fast: bool = False) ->")
    write(project, {"worker.py": wider})
    done = run_pytest(project)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FC660" not in done.stdout

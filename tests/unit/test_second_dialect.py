"""A dialect of another SDK goes through the same passes and backends to an artifact that runs."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from flashc.frontend.flash import FLASH
from flashc_ir.endpoints import LoadBalanced, QueueFunction
from tests.support.module_texts import texts_of
from tests.support.projects import ROOT, Compiled, compile_files, unpacked
from tests.support.toy_dialect import Toy
from tests.support.worlds import Workers, World

SCORES = """import toy

app = toy.App("scores")

@app.queue(gpu="ADA_24")
async def score(text: str) -> int:
    return len(text)
"""
FRONT = """from toy import App

app = App("front")

@app.queue(
    gpu="AMPERE_16",
    name="shout",
)
async def loud(text: str) -> str:
    from scores import score
    return text.upper() + "!" * await score(text)

@app.get("/hello")
async def hello(name: str = "you") -> dict:
    return {"hello": name}
"""
FLASH_CALLER = """from runpod_flash import Endpoint
from scores import score

@Endpoint(name="caller", workers=2)
async def ask(text: str) -> int:
    return 1 + await score(text)
"""
FILES = {"scores.py": SCORES, "front.py": FRONT, "caller.py": FLASH_CALLER}


async def get(app: Any, path: str) -> Any:
    """The JSON that an ASGI app answers."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        return (await client.get(path)).json()


@pytest.fixture
def compiled(tmp_path: Path) -> Compiled:
    return compile_files(tmp_path / "app", FILES, dialects=(FLASH, Toy()))


def test_the_program_is_that_of_any_dialect(compiled: Compiled) -> None:
    assert compiled.codes == []
    endpoints = {endpoint.name: endpoint for endpoint in compiled.valid.deployed}
    assert set(endpoints) == {"score", "shout", "front", "caller"}
    shout, front = endpoints["shout"], endpoints["front"]
    assert isinstance(shout, QueueFunction)
    assert isinstance(front, LoadBalanced)
    assert [route.key for route in front.routes] == ["GET /hello"]
    edges = {(edge.caller, str(edge.callee)) for edge in compiled.valid.edges}
    assert {caller for caller, _ in edges} == {"shout", "caller"}


def test_the_artifact_names_no_sdk_and_keeps_every_line(compiled: Compiled, tmp_path: Path) -> None:
    folder = unpacked(compiled, tmp_path / "unpacked")
    scores, front = (folder / "scores.py").read_text(), (folder / "front.py").read_text()
    assert scores.splitlines()[0] == "import _flashc.sdk as toy"
    assert scores.splitlines()[2] == 'app = toy.Endpoint("scores")'
    assert scores.splitlines()[4] == '@type(app)("score")'
    assert front.splitlines()[0] == "from _flashc.sdk import Endpoint as App"
    assert len(front.splitlines()) == len(FRONT.splitlines())
    assert "toy" not in front


def test_the_handlers_run_and_call_each_other(compiled: Compiled, tmp_path: Path) -> None:
    folder = unpacked(compiled, tmp_path / "unpacked")
    platform = Workers(folder, ["score", "shout", "caller"])
    assert asyncio.run(platform.workers["shout"].run({"text": "hey"})) == "HEY!!!"
    assert asyncio.run(platform.workers["caller"].run({"text": "hey"})) == 4
    assert platform.crossings == [("shout", "score"), ("caller", "score")]
    with World(folder).entered():
        app = importlib.import_module("handler_front").app
        assert asyncio.run(get(app, "/hello")) == {"hello": "you"}


def test_its_mistakes_are_reported_like_any(tmp_path: Path) -> None:
    nested = "\ndef later():\n    @app.queue()\n    def never(x: int): return x\n"
    text = SCORES.replace("gpu=", "gpus=") + nested
    found = compile_files(tmp_path, {"scores.py": text}, dialects=(Toy(),))
    assert found.codes == ["FC101", "FC120"]
    assert found.found("FC101").message == "`toy` has no parameter `gpus`"


def test_the_checks_of_declarations_hold_in_every_dialect(tmp_path: Path) -> None:
    def codes(body: str) -> list[str]:
        text = f"import os, platform, toy\napp = toy.App('a')\n{body}"
        return compile_files(tmp_path, {"a.py": text}, dialects=(Toy(),)).codes

    queue = "one = app.queue()\n@one\ndef f(x: int): return x\n"
    assert codes(queue) == []
    assert codes(queue + "@one\ndef g(x: int): return x\n") == ["FC202"]
    assert codes("@app.queue(name=platform.node())\ndef f(x: int): return x\n") == ["FC104"]
    assert codes("@app.queue('f')\ndef f(x: int): return x\n") == ["FC103"]
    assert codes("app = toy.App()\n@app.get('/x')\ndef f(): return {}\n") == ["FC107"]
    indented = queue.replace("\n", "\n    ")
    assert codes(f"if platform.node():\n    {indented}\n") == ["FC103"]


def test_an_sdk_is_one_where_its_dialect_is_given(tmp_path: Path) -> None:
    without = compile_files(tmp_path / "a", {"scores.py": SCORES})
    assert without.found("FC006").help == (FLASH.how_to_declare,)
    other = compile_files(tmp_path / "b", {"caller.py": FLASH_CALLER}, dialects=(Toy(),))
    assert other.found("FC006").help == (Toy.how_to_declare,)


def test_no_sdk_is_named_outside_of_its_dialect() -> None:
    rooms = [ROOT / "flashc" / name for name in ("passes", "incremental", "evaluator", "project")]
    rooms += [ROOT / "flashc" / "syntax", ROOT / "ir" / "flashc_core"]
    names = FLASH.packages - {"_flashc", "flashc"} | {"Endpoint", "NetworkVolume", "PodTemplate"}
    for path in (path for room in rooms for path in room.rglob("*.py")):
        assert not names & {word for text in texts_of(path) for word in text.split(".")}, path
    modules = list((ROOT / "flashc" / "frontend").glob("*.py"))
    assert not {path.name for path in modules if names & texts_of(path)}

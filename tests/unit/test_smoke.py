"""Smoke calls: what may be declared, which declarations are mistakes, and what a deployment does with the answers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flashc.api.check import check_project
from flashc.project.toml_positions import find_key
from flashc.project.workspace import open_workspace
from flashc_backends.base import Silent
from flashc_backends.cloud.model import Endpoint, Kind, Settings
from flashc_backends.deploy.smoke import make_calls
from flashc_core.source import Lines, Span
from flashc_ir.smoke import SmokeCall, SmokeJob, SmokeRequest
from tests.support.memory_cloud import MemoryCloud
from tests.support.operated import Operated, codes, operate
from tests.support.platform_stage import Wire
from tests.support.projects import write

APP = """\
from flashc import Endpoint, GpuType

@Endpoint(name="adder", cpu="cpu3c-1-2")
async def add(a: int, b: int = 1): return a + b

@Endpoint(name="anything", cpu="cpu3c-1-2")
async def anything(**given): return given

@Endpoint(name="model", gpu=GpuType.NVIDIA_L4)
class Model:
    def predict(self, text: str): return text
    def explain(self, text: str): return text

vllm = Endpoint(name="vllm", image="vllm/vllm", gpu=GpuType.NVIDIA_L4)
api = Endpoint(name="api", cpu="cpu3c-1-2")

@api.get("/items/{name}")
async def item(name: str): return name

@api.post("/files/{path:path}")
async def file(path: str, x: int): return x
"""


def _check(folder: Path, text: str) -> list[tuple[str, int, str]]:
    """Return the findings of the project with a pyproject.toml: code, line and message."""
    write(folder, {"app.py": APP, "pyproject.toml": text})
    found = check_project(open_workspace(folder)).diagnostics
    return [(d.rule.code, d.line, d.message) for d in found if d.rule.code in ("FC008", "FC630")]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("Endpoint(name='idle')\n", ["FC630"]),
        ("@Endpoint(name=input())\nasync def f(): return 1\n", []),
    ],
    ids=["an endpoint that runs nothing", "an endpoint whose name is not known"],
)
def test_a_call_may_be_for_an_endpoint_with_an_error(
    tmp_path: Path, more: str, expected: list[str]
) -> None:
    write(tmp_path, {"more.py": f"from flashc import Endpoint\n\n{more}"})
    found = _check(tmp_path, "[[tool.flashc.smoke.gone]]\ninput = {}\n")
    assert [code for code, _, _ in found] == expected


def test_calls_that_fit_the_program(tmp_path: Path) -> None:
    text = """
[[tool.flashc.smoke.adder]]
input = { a = 1 }
output = 2

[[tool.flashc.smoke.adder]]
input = { a = 1, b = 2 }
timeout = 0.5

[tool.flashc.smoke]
anything.input = { x = 1 }
model.input = { method = "predict", text = "a" }
vllm.input = { prompt = "what an image takes is not known" }
api = [
    { path = "/items/a%20b?deep=1", status = 200 },
    { path = "/files/a/b", body = { x = 1 } },
    { path = "/no/such/route", status = 404 },
    { path = "/ping" },
]
"""
    assert _check(tmp_path, text) == []
    smoke = open_workspace(tmp_path).options.smoke
    assert [(c.resource, c.output, c.seconds) for c in smoke[:2]] == [
        ("adder", 2, 120.0),
        ("adder", None, 0.5),
    ]
    assert smoke[0].call == SmokeJob(input={"a": 1})
    assert smoke[0].location == Span("pyproject.toml", 2, 1, 2, 28)
    assert smoke[6].call == SmokeRequest(method="POST", path="/files/a/b", body={"x": 1})


WRONG_TABLES = {
    "smoke = 1": "`smoke` is a table with one table for each endpoint",
    "smoke.adder = 1": "`smoke.adder` is a table, or an array of tables",
    "smoke.adder = [1]": "`smoke.adder` is a table, or an array of tables",
    "smoke.adder = {}": "`smoke.adder` needs either `input` or `path`",
    'smoke.api = { path = "/", input = {} }': "`smoke.api` needs either `input` or `path`",
    "smoke.adder.input = [1]": "`input` is a table with the arguments of the function",
    "smoke.adder = { input = {}, status = 200 }": "a smoke call with `input` has no key `status`",
    "smoke.adder = { input = {}, timeout = 0 }": "`timeout` is a number of seconds",
    'smoke.adder = { input = {}, timeout = "1 s" }': "`timeout` is a number of seconds",
    "smoke.adder = { input = { a = 1979-05-27 } }": "`input`: JSON has no such value",
    "smoke.adder = { input = { a = 1 }, output = [nan] }": "`output`: JSON has no such value",
    'smoke.api.path = "items"': "`path` is a text that begins with `/`",
    "smoke.api.path = 1": "`path` is a text that begins with `/`",
    'smoke.api = { path = "/", method = "post" }': "`method` is GET, POST, PUT, DELETE or PATCH",
    'smoke.api = { path = "/", status = 99 }': "`status` is a number from 100 to 599",
    'smoke.api = { path = "/", seconds = 1 }': "a smoke call with `path` has no key `seconds`",
}
MISMATCHES = {
    "smoke.ader.input = { a = 1 }": "the project deploys no such endpoint",
    "smoke.adder.input = { b = 1 }": "the input of `add` lacks `a`",
    "smoke.adder.input = { a = 1, c = 1 }": "the input of `add` has the unexpected `c`",
    "smoke.adder.input = { __arguments = { b = 1 } }": "the input of `add` lacks `a`",
    "smoke.adder.input = { __arguments = { a = 1 }, b = 1 }": "has the unexpected `__arguments`",
    'smoke.adder.path = "/"': "`adder` is queue-based, and has no routes",
    'smoke.vllm.path = "/"': "`vllm` is queue-based, and has no routes",
    "smoke.api.input = {}": "`api` is load-balanced, and takes no `input`",
    'smoke.api.path = "/items"': "`api` has no route `GET /items`",
    'smoke.api.path = "/items/a/b"': "`api` has no route `GET /items/a/b`",
    'smoke.api = { path = "/items/a", method = "PUT" }': "`api` has no route `PUT /items/a`",
    'smoke.model.input = { text = "a" }': "`Model` has several methods",
    'smoke.model.input = { method = "prdict", text = "a" }': "`Model` has no method `prdict`",
    'smoke.model.input = { method = "predict" }': "the input of `predict` lacks `text`",
    'smoke.model.input = { method = "predict", __arguments = { x = 1 } }': "the input of `predict` lacks `text`",
}


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        *((line, "FC008", words) for line, words in WRONG_TABLES.items()),
        *((line, "FC630", words) for line, words in MISMATCHES.items()),
    ],
)
def test_a_wrong_call_is_reported_at_its_line(
    line: str, code: str, words: str, tmp_path: Path
) -> None:
    ((found, number, message),) = _check(tmp_path, f"[tool.flashc]\n\n{line}\n")
    assert (found, number) == (code, 3)
    assert words in message


@pytest.mark.parametrize(
    "line",
    [
        "smoke.adder.input = { __arguments = { a = 1 } }",
        "smoke.anything.input = { __arguments = { method = 1 } }",
        'smoke.model.input = { method = "predict", __arguments = { text = "a" } }',
    ],
)
def test_arguments_that_are_apart_from_the_control_keys_fit(line: str, tmp_path: Path) -> None:
    assert _check(tmp_path, f"[tool.flashc]\n{line}\n") == []


def test_a_right_call_beside_a_wrong_one_is_kept(tmp_path: Path) -> None:
    text = "[tool.flashc.smoke]\nadder = [{ input = { a = 1 } }, { input = 1 }]\nvllm.input = {}\n"
    assert [code for code, *_ in _check(tmp_path, text)] == ["FC008"]
    assert [c.resource for c in open_workspace(tmp_path).options.smoke] == ["adder", "vllm"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("a", "b"), (1, "[a.b]")),
        (("a", "b", "c d"), (2, '"c d"')),
        (("a", "b", "e", "f"), (3, "e.f")),
        (("a", "b", "e", "other"), (1, "[a.b]")),
        (("a", "b", "e"), (3, "e.f")),
        (("a",), (1, "[a.b]")),
        (("list", 0, "x"), (5, "x")),
        (("list", 1), (6, "[[list]]")),
        (("list", 1, "x"), (7, "x")),
        (("list", 1, "inner", "y"), (9, "y")),
        (("list", 2, "x"), None),
        (("none",), None),
    ],
)
def test_keys_of_toml_are_found(
    keys: tuple[str | int, ...], expected: tuple[int, str] | None
) -> None:
    text = '[a.b]\n"c d" = 1\ne.f = "[list]"\n[[list]]  # one\nx = 1\n[[list]]\n  x = 2\n[list.inner]\ny = 1\n'
    lines = Lines(text)
    span = find_key("p.toml", lines, keys)
    assert expected == (None if span is None else (span.line, lines.slice(span)))


# Deployments ----------------------------------------------------------------------------------------

WORKER = """\
from flashc import Endpoint

@Endpoint(name="w", cpu="cpu3c-1-2", workers=(1, 1))
async def run(x: int):
    return {}
"""
TABLE = "[tool.flashc]\n\n[tool.flashc.smoke.w]\ninput = {{ x = 1 }}\n{}\n"


class _Workers:
    """The behaviour of workers: they give the result `given` for every job."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.jobs = 0

    async def __call__(self, wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is not None:
                self.jobs += 1
                if "slow" in self.given:
                    await asyncio.sleep(3600)
                await wire.done(job["id"], self.given)


def _write(on: Operated, returned: str = "x", table: str = "") -> None:
    write(
        on.operator.project,
        {"worker.py": WORKER.format(returned), "pyproject.toml": TABLE.format(table)},
    )


def test_the_answers_of_the_new_release_are_compared(tmp_path: Path) -> None:
    workers = _Workers({"output": {"n": 1}})

    async def scene(on: Operated) -> None:
        _write(on, table="output = { n = 1 }")
        assert "Smoke calls: 1 passed.\n" in await on.good("deploy")
        assert workers.jobs == 1
        assert "nothing to do" in await on.good("deploy")
        assert workers.jobs == 1  # nothing changed
        before = (await on.json("status"))["build"]

        _write(on, "x + 1", table="output = { n = true }")  # `true == 1` in Python, not in JSON
        done = await on.flashc("deploy")
        assert (done.code, codes(done)) == (1, ["FC631"])
        assert 'a smoke call of `w` failed: the answer is {"n": 1}, not {"n": true}' in done.stderr
        assert " --> pyproject.toml:3:1\n" in done.stderr
        assert "what ran before in app/production is restored" in done.stderr
        assert (await on.json("status"))["build"] == before

        assert workers.jobs == 2
        assert "Smoke calls" not in await on.good("deploy", "--no-smoke")
        assert workers.jobs == 2
        await on.good("rollback")  # the calls are those of another state of the project
        assert workers.jobs == 2

    operate(tmp_path, scene, behaviour=workers, deployed=False)


FAILURES: list[tuple[dict[str, Any], str, str]] = [
    ({"error": "no GPU"}, "", "the job is FAILED: no GPU"),
    (
        {"error": '{"error_type": "<class \'KeyError\'>", "error_message": "\'x\'"}'},
        "",
        "the job is FAILED: KeyError: 'x'",
    ),
    ({"slow": True}, "timeout = 1", "the job is not done after 1 seconds"),
]


@pytest.mark.parametrize(("given", "table", "words"), FAILURES)
def test_a_first_release_that_fails_leaves_no_endpoint(
    given: dict[str, Any], table: str, words: str, tmp_path: Path
) -> None:
    async def scene(on: Operated) -> None:
        _write(on, table=table)
        done = await on.flashc("deploy")
        assert (done.code, codes(done)) == (1, ["FC631"])
        assert words in done.stderr
        assert on.names()["endpoints"] == []

    operate(tmp_path, scene, behaviour=_Workers(given), deployed=False)


def test_the_progress_counts_each_call_once() -> None:
    amounts: list[int] = []

    class Counting(Silent):
        def advance(self, amount: int = 0) -> None:
            amounts.append(amount)

    settings = Settings(kind=Kind.QUEUE, image="image", disk_gb=1)
    endpoints = {"w": Endpoint(id="e", name="w", settings=settings)}
    calls = [
        SmokeCall(
            resource=resource,
            call=SmokeJob(input={"x": 1}),
            seconds=1.0,
            location=Span("pyproject.toml", 1, 1, 1, 1),
        )
        for resource in ("w", "w", "not deployed")
    ]
    results = make_calls(MemoryCloud(), calls, endpoints, progress=Counting())
    assert [result.is_made for result in results] == [True, True, False]
    assert amounts == [1, 1, 1]


def test_workers_that_may_be_old_are_not_called(tmp_path: Path) -> None:
    workers = _Workers({"output": 1})

    async def scene(on: Operated) -> None:
        _write(on)
        told = await on.good("deploy", "--wait", "0")
        assert "Smoke calls that were not made, because old workers may answer them: 1." in told
        assert workers.jobs == 0

    operate(tmp_path, scene, behaviour=workers, deployed=False)

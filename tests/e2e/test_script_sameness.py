"""A script gets the same answers under flashc's SDK as under Flash's own, but for a table of differences."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.projects import ROOT
from tests.support.shop import Shop

CHAPTER = ROOT / "spec" / "18-scripts.md"
_ROW = re.compile(r"^\| `(.+?)` \| (.+?) \| (.+?) \|$", re.MULTILINE)
SAME = (
    "await double(21)",
    "await double(x=21)",
    "await run_inference({'a': [1, None, 'ä']}, 5)",
    "await run_inference(scale=6, data={})",
    "await run_inference({})",
    "await numbers(3)",
    "await squares(3)",
    "await context_of_worker()",
    "await Model().describe()",
    "await Model().describe('It is')",
    "await Model().add(1, b=2)",
    "await asyncio.gather(double(1), double(2), Model().add(1, 2))",
    "await asyncio.create_task(double(3))",
    "await item(7)",
    "await add_item('tea', ['hot'])",
    "await (lambda: double(5))()",
    "[await double(n) for n in range(3)]",
    "(await Endpoint(id=ids['double']).runsync({'x': 4})).output",
    "(await (await Endpoint(id=ids['double']).run({'x': 4})).wait()).output",
    "(await (await Endpoint(id=ids['model']).run({'method': 'add', 'a': 1, 'b': 2})).wait()).output",
    "await (await (await Endpoint(id=ids['double']).run({'x': 4})).wait()).status()",
    "(await (await Endpoint(id=ids['double']).run({'x': 'no'})).wait()).output",
    "bool((await (await Endpoint(id=ids['double']).run({'x': 'no'})).wait()).error)",
    "(await Endpoint(id=ids['sleeper']).run({'seconds': 0.0})).done",
    "bool((await Endpoint(id=ids['double']).run({'x': 4})).id)",
)
RUNNING = """
import ast, asyncio, inspect, json, sys, warnings
from datetime import date
from runpod_flash import Endpoint
from worker import *
from more import *
warnings.simplefilter("ignore")
ids, calls = json.loads(sys.argv[1])

def shown(value):
    if inspect.iscoroutine(value):
        value.close()
        return "a coroutine"
    if isinstance(value, dict) and "scale" in value and len(value) == 3 and not value["data"]:
        return value["scale"]  # of `run_inference`
    return value

def failed(error):
    kind = next(each for each in type(error).__mro__ if "Remote" not in each.__name__)
    return [kind.__name__, str(error)]

def plain(code):
    try:
        return shown(eval(code, globals()))
    except Exception as error:
        return failed(error)

async def awaited(code):
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        found = eval(compile(code, "call", "eval", flags=flags), globals())
        return shown(await found if inspect.iscoroutine(found) else found)
    except Exception as error:
        return failed(error)

async def main(codes):
    return {code: await awaited(code) for code in codes}

sync = [code for code in calls if "await" not in code and "async" not in code]
found = {code: plain(code) for code in sync}
found |= asyncio.run(main([code for code in calls if code not in sync]))
print(json.dumps(found, default=str))
"""


def differences() -> dict[str, tuple[str, str]]:
    """The calls of the table, and what both SDKs answer."""
    section = (
        CHAPTER.read_text().partition("### Scripts under Flash's own SDK")[2].partition("\n##")[0]
    )
    return {
        call: (ours.strip("`"), theirs.strip("`")) for call, ours, theirs in _ROW.findall(section)
    }


@pytest.fixture(scope="module")
def answers(shop: Shop) -> dict[bool, dict[str, Any]]:
    """What each call answers under flashc's SDK and under the other, with one process for each."""
    script = shop.write("apart_calls.py", RUNNING)
    words = json.dumps([shop.ids, [*SAME, *differences()]])
    return {theirs: shop.answer(script, words, theirs=theirs) for theirs in (False, True)}


@pytest.mark.parametrize("call", SAME)
def test_a_call_has_the_same_answer(call: str, answers: dict[bool, dict[str, Any]]) -> None:
    assert answers[False][call] == answers[True][call]


@pytest.mark.parametrize("call", differences())
def test_a_call_that_differs_answers_what_the_table_says(
    call: str, answers: dict[bool, dict[str, Any]]
) -> None:
    for theirs, expected in zip((False, True), differences()[call], strict=True):
        found = answers[theirs][call]
        if isinstance(found, list) and found and isinstance(found[0], str):
            kind, message = found
            found = f"{kind}: {message}" if ": " in expected else kind
        assert str(found) == expected

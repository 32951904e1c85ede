"""`flashc run`, `flashc call` and `flashc context`: scripts and calls from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.client_machine import SECONDS
from tests.support.projects import write
from tests.support.sessions import command, environ, preview
from tests.support.shop import Shop

TELLING = """
import asyncio
import sys
from runpod_flash import Endpoint, GpuGroup
from runpod_flash.endpoint import EndpointJob
from worker import double

async def main():
    print("doubled", await double(int(sys.argv[1])), sys.argv[2:])
    print("to stderr", file=sys.stderr)
    sys.exit(7)

asyncio.run(main())
"""
OLDER = """
import asyncio
from runpod_flash import LiveServerless, LiveLoadBalancer, remote

@remote(LiveServerless(name="double"), dependencies=["idna"])
def double(x: int) -> int: ...

@remote(LiveLoadBalancer(name="api"), method="GET", path="/items/{number}")
async def item(number: int) -> dict: ...

async def main():
    print(await double(4), (await item(5))["number"])

asyncio.run(main())
"""


def flashc(
    shop: Shop, *words: str, cwd: Path | None = None, given: str = "", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command of flashc, which finds the platform by its state."""
    return subprocess.run(
        shop.machine.flashc(*words),
        cwd=cwd or shop.project,
        env={**shop.machine.environ, **environ},
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


# flashc run ---------------------------------------------------------------------------------------


def test_an_unmodified_script_runs_and_its_output_and_exit_code_are_its_own(shop: Shop) -> None:
    shop.write("tell.py", TELLING)
    done = flashc(shop, "run", "--local", "tell.py", "21", "--env", "mine")
    assert (done.returncode, done.stdout) == (7, "doubled 42 ['--env', 'mine']\n"), done.stderr
    assert done.stderr == "to stderr\n"


def test_a_script_runs_from_anywhere_against_a_named_environment(shop: Shop) -> None:
    script = shop.write("tell.py", TELLING)
    variables = {**shop.variables}
    done = flashc(shop, "run", str(script), "4", cwd=shop.folder, **variables)
    assert (done.returncode, done.stdout) == (7, "doubled 8 []\n"), done.stderr
    done = flashc(shop, "run", "-e", "nowhere", str(script), "4", cwd=shop.folder, **variables)
    assert done.returncode == 1
    assert "no endpoint 'double' in the environment 'nowhere'" in done.stderr


def test_a_command_runs_with_the_stand_in_for_the_sdk(shop: Shop) -> None:
    shop.write("tell.py", TELLING)
    done = flashc(shop, "run", "--", sys.executable, "tell.py", "3")
    assert (done.returncode, done.stdout) == (7, "doubled 6 []\n"), done.stderr


def test_the_installed_sdk_is_used_where_there_is_one(shop: Shop) -> None:
    ask = "import runpod_flash as sdk; print(sdk.__file__, sdk.Endpoint.__module__)"
    words = ("env", "FLASH_APP=shop", str(shop.theirs), "-c", ask)
    done = flashc(shop, "run", "--", *words)
    assert done.returncode == 0, done.stderr
    assert "site-packages/runpod_flash/__init__.py runpod_flash.endpoint" in done.stdout


def test_the_older_dialect_works_too(shop: Shop) -> None:
    shop.write("apart_older.py", OLDER)
    done = flashc(shop, "run", "--local", "apart_older.py")
    assert done.stdout == "8 5\n", done.stderr


def test_a_script_that_does_not_exist_is_a_wrong_usage(shop: Shop) -> None:
    done = flashc(shop, "run", "--local", "nothing.py")
    assert done.returncode == 2
    assert "there is no script `nothing.py`" in done.stderr


def test_without_a_platform_nothing_runs(shop: Shop, tmp_path: Path) -> None:
    shop.write("tell.py", TELLING)
    done = flashc(shop, "run", "--local", "--state", str(tmp_path), "tell.py")
    assert (done.returncode, "FC521" in done.stderr) == (3, True)


# flashc call --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "given", "answer"),
    [
        (("double", "--data", '{"x": 4}'), "", 8),
        (("inference", "--data", "-"), '{"data": {}, "scale": 3}', 3),
        (("model.describe",), "", "I am small"),
        (("model.add", "-d", '{"a": 1, "b": 2}'), "", 3),
        (("numbers", "-d", '{"to": 3}'), "", [0, 1, 2]),
        (("boxes", "-d", '{"box": {"width": 1, "made": "2026-01-02"}}'), "", 2),
        (("api/items/7?colour=blue",), "", "blue"),
        (("api/items", "-d", '{"name": "tea"}'), "", "tea"),
    ],
)
def test_a_call_prints_what_the_endpoint_answers(
    words: tuple[str, ...], given: str, answer: object, shop: Shop
) -> None:
    done = flashc(shop, "call", "--local", *words, given=given)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    picked = (
        next((k for k in ("scale", "colour", "name", "width") if k in found), None)
        if isinstance(found, dict)
        else None
    )
    assert (found[picked] if picked else found) == answer


def test_a_call_streams_or_only_submits(shop: Shop) -> None:
    done = flashc(shop, "call", "--local", "squares", "-d", '{"to": 3}', "--stream")
    assert done.stdout.splitlines() == ["0", "1", "4"], done.stderr
    done = flashc(shop, "call", "--local", "double", "-d", '{"x": 1}', "--async")
    assert set(json.loads(done.stdout)) == {"id", "status"}


def test_a_call_that_fails_shows_the_exception_of_the_worker(shop: Shop) -> None:
    done = flashc(shop, "call", "--local", "order", "-d", '{"what": "tea"}')
    assert (done.returncode, done.stdout) == (1, "")
    assert "error[FC651]: more.OutOfStock: no tea" in done.stderr
    assert 'raise OutOfStock(f"no {what}")' in done.stderr
    done = flashc(shop, "call", "--local", "double", "-d", '{"x": 1}', "--env", "nowhere")
    assert "error[FC651]: the app 'shop' has no endpoint 'double'" in done.stderr


@pytest.mark.parametrize("data", ["{", "@nothing.json", "nan"])
def test_data_that_is_not_json_is_a_wrong_usage(data: str, shop: Shop) -> None:
    done = flashc(shop, "call", "--local", "double", "--data", data)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


# flashc context -----------------------------------------------------------------------------------


def test_the_context_is_shown_with_its_reasons(shop: Shop) -> None:
    key = {"RUNPOD_API_KEY": "rpa_0123456789abcdef"}
    done = flashc(
        shop, "context", "--format", "json", str(shop.project / "worker.py"), cwd=Path("/"), **key
    )
    found = json.loads(done.stdout)
    assert (done.returncode, found["app"], found["environment"]) == (0, "shop", "production")
    assert found["key"] == "***cdef"
    assert str(shop.project) in found["app_source"]
    done = flashc(shop, "context", FLASH_APP="other", FLASH_ENV="staging")
    assert "app           other (the variable FLASH_APP)" in done.stdout
    assert "environment   staging (the variable FLASH_ENV)" in done.stdout


def test_no_context_says_what_was_looked_for(tmp_path: Path, shop: Shop) -> None:
    done = flashc(shop, "context", cwd=tmp_path)
    assert done.returncode == 1
    assert f"no project was found upward from {tmp_path}" in done.stdout
    assert os.environ["PATH"] not in done.stdout


# Previews -----------------------------------------------------------------------------------------

PREVIEWED = """
from collections.abc import Iterator
from fastapi import HTTPException
from flashc import Endpoint

@Endpoint(name="numbers", cpu="cpu3c-1-2")
def numbers(to: int) -> Iterator[int]:
    yield from range(to)

web = Endpoint(name="web", cpu="cpu3c-1-2", workers=(1, 1))

@web.get("/items/{number}")
async def item(number: int, colour: str = "red") -> dict:
    return {"number": number, "colour": colour}

@web.post("/orders")
async def order(what: str) -> str:
    raise LookupError(f"no {what}")
"""
ASKING = """
import asyncio
from work import item, numbers

async def main():
    return [await item(4), await numbers(2)]

print(list(numbers(3)), asyncio.run(main()))
"""


def test_scripts_and_calls_use_the_preview_of_their_project(tmp_path: Path) -> None:
    project = write(tmp_path / "shop", {"work.py": PREVIEWED, "apart_ask.py": ASKING})
    (project / ".flashignore").write_text("apart_*\n")
    state = tmp_path / "state"

    def done(*words: str, cwd: Path = project) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words),
            cwd=cwd,
            env={**environ(state), "RUNPOD_API_KEY": "wrong"},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    with preview(project, "process", state) as running:
        assert running.ready["addresses"]
        script = str(project / "apart_ask.py")
        shown = "[0, 1, 2] [{'number': 4, 'colour': 'red'}, [0, 1]]\n"
        for words, cwd in (
            (("run", "--local", script), project),
            (("run", "--local", script), tmp_path),
            (("run", "--", sys.executable, script), project),
        ):
            found = done(*words, cwd=cwd)
            assert (found.returncode, found.stdout) == (0, shown), found.stderr
        found = done("call", "--local", "web/items/7?colour=blue")
        assert json.loads(found.stdout) == {"number": 7, "colour": "blue"}, found.stderr
        found = done("call", "--local", "numbers", "-d", '{"to": 2}', "--stream")
        assert found.stdout == "0\n1\n", found.stderr
        found = done("call", "--local", "web/orders", "-d", '{"what": "tea"}')
        assert "error[FC651]: LookupError: no tea" in found.stderr
        assert 'raise LookupError(f"no {what}")' in found.stderr
    found = done("call", "--local", "numbers", "-d", '{"to": 2}')
    assert (found.returncode, "FC521" in found.stderr) == (3, True)

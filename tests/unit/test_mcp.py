"""The server for agents: what its tools return, and what they never do."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from flashc.mcp.server import make_server
from flashc_backends.runtime import platform
from tests.support.operated import Operated, operate
from tests.support.platform_stage import Behaviour, Wire
from tests.support.projects import ROOT, write

GOOD = """\
from runpod_flash import Endpoint


@Endpoint(name="hello", cpu="cpu3c-1-2")
async def hello(name: str) -> str:
    return name
"""
BAD = GOOD.replace("cpu3c-1-2", "cpu9z")
RUNS = "open('it-ran', 'w').close()\n" + GOOD


def ask(
    root: Path, scene: Callable[[Client], Awaitable[None]], *, allow_call: bool = False
) -> None:
    """Let a client of the SDK talk to the server of a folder."""

    async def run() -> None:
        async with Client(make_server(root, allow_call=allow_call)) as client:
            await scene(client)

    asyncio.run(run())


async def called(client: Client, tool: str, **arguments: Any) -> Any:
    """Call a tool and return its result as data."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return answer.structured_content


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """Call a tool that refuses, and return what it says."""
    answer = await client.call_tool(tool, arguments)
    assert answer.is_error
    return str(answer.content)


def codes(findings: Any) -> list[str]:
    return [found["code"] for found in findings["diagnostics"]]


def started(folder: Path, *words: str, **variables: str) -> StdioServerParameters:
    """The command that an agent starts; `variables` are added to those of this process."""
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "flashc", "mcp", *words, str(folder)],
        env={**os.environ, "PYTHONPATH": paths, **variables},
    )


def test_an_agent_starts_the_command(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": GOOD})

    async def scene() -> None:
        async with Client(stdio_client(started(tmp_path))) as client:
            tools = (await client.list_tools()).tools
            assert {tool.name for tool in tools} >= {"check", "explain", "plan", "size", "logs"}
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            assert await called(client, "check") == {"diagnostics": [], "result": {"endpoints": 1}}

    asyncio.run(scene())


def test_a_finding_has_its_place_and_its_rule_is_explained(tmp_path: Path) -> None:
    write(tmp_path, {"app/worker.py": BAD})

    async def scene(client: Client) -> None:
        found = await called(client, "check", project="app")
        (first,) = found["diagnostics"]
        assert (first["path"], first["start"]["line"]) == ("worker.py", 4)
        text = await called(client, "explain", rule=first["code"])
        assert first["code"] in text["result"]
        assert "no rule is called" in await refused(client, "explain", rule="FC000")
        write(tmp_path, {"app/worker.py": GOOD})  # the next check sees the change
        assert codes(await called(client, "check", project="app")) == []

    ask(tmp_path, scene)


@pytest.mark.parametrize("project", ["..", "/", "link", "worker.py", "absent", "\0", "a" * 5000])
def test_only_folders_below_the_servers_folder_are_read(project: str, tmp_path: Path) -> None:
    root = write(tmp_path / "root", {"worker.py": GOOD})
    (root / "link").symlink_to(tmp_path)

    async def scene(client: Client) -> None:
        for tool in ("check", "size", "plan", "status", "logs"):
            assert "is not a folder below" in await refused(client, tool, project=project)

    ask(root, scene)


def test_no_tool_runs_code_of_the_project_although_the_user_has_allowed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed = RUNS.replace('name="hello"', "name=open('name').read()")
    write(tmp_path, {"worker.py": computed, "name": "hello"})
    monkeypatch.setenv("FLASHC_TRACE", "1")
    monkeypatch.setenv("FLASHC_NO_SANDBOX", "1")

    async def scene(client: Client) -> None:
        for tool in ("check", "size", "plan"):
            assert codes(await called(client, tool))

    ask(tmp_path, scene)
    assert not (tmp_path / "it-ran").exists()


def test_the_calls_between_endpoints_are_a_graph(tmp_path: Path) -> None:
    caller = """\
from runpod_flash import Endpoint

api = Endpoint(name="api", cpu="cpu3c-1-2")


@api.get("/hello")
async def route(name: str) -> str:
    from worker import hello

    return await hello(name)
"""
    write(tmp_path, {"app/worker.py": GOOD, "app/web.py": caller, "bad/worker.py": BAD})

    async def scene(client: Client) -> None:
        assert (await called(client, "graph", project="bad"))["result"] is None
        graph = (await called(client, "graph", project="app"))["result"]
        names = [node["name"] for node in graph["nodes"]]
        ((one, other),) = graph["edges"]
        assert (names[one], names[other]) == ("api", "hello")

    ask(tmp_path, scene)


def test_packages_have_sizes(tmp_path: Path) -> None:
    write(tmp_path, {"worker.py": GOOD})

    async def scene(client: Client) -> None:
        found = await called(client, "size")
        assert found["result"] == {"project_bytes": len(GOOD), "packages": []}

    ask(tmp_path, scene)


def test_an_agent_watches_what_is_deployed_and_plans_the_next_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(on: Operated) -> None:
        write(on.operator.project, {"worker.py": GOOD})
        for name, value in on.operator.variables.items():
            monkeypatch.setenv(name, value)
        journal = on.stage.platform.journal
        await on.stage.final(await on.stage.run(7))
        (worker,) = on.stage.engine.running
        for number in range(5):
            text = f"line {number}"
            journal.note("line", worker=worker, endpoint="", stream="stdout", text=text)
        async with Client(make_server(on.operator.project)) as client:
            status = await called(client, "status")
            assert [found["name"] for found in status["result"]["endpoints"]] == ["queue"]
            logs = await called(client, "logs", most=2)
            assert [line["text"] for line in logs["result"]["lines"]] == ["line 3", "line 4"]
            assert logs["result"]["left_out"] == 3
            plan = await called(client, "plan")
            actions = {step["name"]: step["action"] for step in plan["result"]["steps"]}
            assert actions["hello"] == "create"
            assert codes(await called(client, "status", environment="absent")) == ["FC607"]
        assert on.names()["endpoints"] == ["queue"]

    operate(tmp_path, scene, "queue")


# Calls ------------------------------------------------------------------------------------------------


async def tool_names(command: StdioServerParameters) -> set[str]:
    async with Client(stdio_client(command)) as client:
        return {tool.name for tool in (await client.list_tools()).tools}


def test_only_the_user_allows_calls(tmp_path: Path) -> None:
    own = tmp_path / "config.toml"
    own.write_text("allow-call = true\n")
    allowing = "[tool.flashc]\nallow-call = true\n[tool.flashc.env]\nFLASHC_ALLOW_CALL = '1'\n"
    files = {"worker.py": GOOD, "pyproject.toml": allowing, ".env": "FLASHC_ALLOW_CALL=1\n"}
    project = write(tmp_path / "app", files)

    async def scene() -> None:
        names = await tool_names(started(project))
        assert "call" not in names
        for words, variables in (
            (("--allow-call",), {}),
            ((), {"FLASHC_ALLOW_CALL": "1"}),
            ((), {"FLASHC_CONFIG_FILE": str(own)}),
        ):
            found = await tool_names(started(project, *words, **variables))
            assert found == names | {"call"}, (words, variables)

    asyncio.run(scene())


def test_a_call_that_is_not_allowed_is_refused(tmp_path: Path) -> None:
    allowing = "[tool.flashc]\nallow-call = true\n"
    write(tmp_path, {"worker.py": GOOD, "pyproject.toml": allowing})

    async def scene(client: Client) -> None:
        assert "call" not in {tool.name for tool in (await client.list_tools()).tools}
        given = {"endpoint": "hello", "data": {"name": "Ada"}}
        assert "Unknown tool" in await refused(client, "call", **given)
        assert codes(await called(client, "check")) == ["FC011"]

    ask(tmp_path, scene)


CALLED = """\
from runpod_flash import Endpoint


@Endpoint(name="queue", cpu="cpu3c-1-2")
async def tell(what: str, count: int = 1) -> dict: ...
"""


def teller(seen: list[Any]) -> Behaviour:
    """Workers that keep the inputs of jobs in `seen`; they fail if they are told to."""

    async def tell(wire: Wire) -> None:
        while True:
            job = await wire.take()
            if job is None:
                continue
            given = job["input"]
            seen.append(given)
            output: dict[str, Any] = {"output": {"got": given, given["what"]: [given["what"]]}}
            record = {"error_type": "<class 'ValueError'>", "error_message": f"no {given['what']}"}
            is_bad = given["what"] == "milk"
            await wire.done(job["id"], {"error": json.dumps(record)} if is_bad else output)

    return tell


def test_an_agent_that_may_call_gets_what_the_endpoint_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "_surroundings", platform.Surroundings())
    seen: list[Any] = []

    async def scene(on: Operated) -> None:
        project, key = on.operator.project, on.operator.variables["RUNPOD_API_KEY"]
        # The files of a project do not say where the key of the user is sent.
        elsewhere = "RUNPOD_ENDPOINT_BASE_URL=http://127.0.0.1:9/v2\n"
        write(project, {"worker.py": CALLED, ".env": elsewhere})
        for name, value in on.operator.variables.items():
            monkeypatch.setenv(name, value)
        async with Client(make_server(project, allow_call=True)) as client:
            (tool,) = [t for t in (await client.list_tools()).tools if t.name == "call"]
            assert tool.annotations is not None
            assert not tool.annotations.read_only_hint
            good = await called(client, "call", endpoint="queue", data={"what": "tea"})
            assert good["diagnostics"] == []
            assert good["result"] == {"output": {"got": {"what": "tea"}, "tea": ["tea"]}}
            secret = await client.call_tool("call", {"endpoint": "queue", "data": {"what": key}})
            assert key not in secret.model_dump_json()
            assert secret.structured_content is not None
            assert secret.structured_content["result"]["output"]["***"] == ["***"]
            assert seen == [{"what": "tea"}, {"what": key}]
            for wrong in ({}, {"what": 1}, {"what": "a", "more": 1}, {"what": "a", "count": "x"}):
                refusal = await called(client, "call", endpoint="queue", data=wrong)
                assert (codes(refusal), refusal["result"]) == (["FC650"], None), wrong
            assert codes(await called(client, "call", endpoint="other")) == ["FC650"]
            failed = await called(client, "call", endpoint="queue", data={"what": "milk"})
            assert codes(failed) == ["FC651"]
            assert "ValueError: no milk" in failed["diagnostics"][0]["message"]
            told = await refused(client, "call", endpoint="queue", data={}, local=True)
            assert "no platform runs on this machine" in told
            assert [each["what"] for each in seen[2:]] == ["milk"]

    operate(tmp_path, scene, behaviour=teller(seen))

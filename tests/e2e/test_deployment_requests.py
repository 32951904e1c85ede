"""flashc deploys with the requests of Runpod's tools, what they have deployed, and so that they see it.

`spec/deployment-requests.md` lists the differences between the requests.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.client_machine import Machine, platform
from tests.support.projects import ROOT
from tests.support.recorder import Recorder, Sent, recorder

FLASH_APP = """
import os
from runpod_flash import Endpoint, NetworkVolume

@Endpoint(name="adder", cpu="cpu3c-1-2", workers=(0, 1), env={"MODE": "fast"})
async def add(a: int, b: int):
    return {"sum": a + b}

@Endpoint(name="scorer", volume=NetworkVolume(name="APP-models", size=20, datacenter="EU-RO-1"))
async def score(text: str):
    from worker import add
    return await add(1, 2)

api = Endpoint(name="web", cpu="cpu3c-1-2", workers=(0, 1))

@api.post("/double")
async def double(x: int):
    return {"x": 2 * x}
"""
RP_APP = """
from runpod import App

app = App("shop")

@app.queue(name="adder", cpu="cpu3c-1-2", workers=(0, 1), env={"MODE": "fast"})
def add(a: int, b: int):
    return {"sum": a + b}
"""


@pytest.fixture(scope="module")
def machine(
    tmp_path_factory: pytest.TempPathFactory, cache_folder: Path
) -> Iterator[tuple[Machine, Recorder]]:
    made = Machine(tmp_path_factory.mktemp("requests"), cache_folder)
    with platform(made), made.client() as client, recorder(str(client.base_url)) as proxy:
        yield made, proxy


def sent_by(machine: Machine, proxy: Recorder, app: str, source: str, *words: str) -> list[Sent]:
    """Run a tool in the folder of an app, and return the requests that it sends."""
    machine.app = machine.folder / app
    machine.app.mkdir(exist_ok=True)
    (machine.app / "worker.py").write_text(source.replace("APP", app))  # a volume of its own
    proxy.take()
    machine.run(
        "env",
        f"RUNPOD_API_BASE_URL={proxy.url}",
        f"RUNPOD_REST_API_URL={proxy.url}/v1",
        "RUNPOD_URL_MIXED_OK=1",
        *words,
    )
    return proxy.take()


@pytest.fixture(scope="module")
def sent(
    machine: tuple[Machine, Recorder], incumbent: Path, successor: Path
) -> dict[str, list[Sent]]:
    """The requests of each tool, by the name of its column."""
    made, proxy = machine
    path = f"PYTHONPATH={made.environ['PYTHONPATH']}"
    ours = (path, sys.executable, "-m", "flashc", "deploy", "--wait", "0")
    theirs = (str(incumbent), "deploy")
    return {
        "`flash` first": sent_by(made, proxy, "one", FLASH_APP, *theirs),
        "`flash` again": sent_by(made, proxy, "one", FLASH_APP, *theirs),
        "`rp` first": sent_by(
            made, proxy, "two", RP_APP, str(successor), "flash", "deploy", "worker.py"
        ),
        "`flashc` first": sent_by(made, proxy, "three", FLASH_APP, *ours),
        "`flashc` again": sent_by(made, proxy, "three", FLASH_APP, *ours),
    }


def table(title: str) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of a table of the page."""
    text = (ROOT / "spec/deployment-requests.md").read_text()
    section = text.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return cells[0], cells[2:]


def test_the_operations_are_those_of_the_table(sent: dict[str, list[Sent]]) -> None:
    head, rows = table("Operations")
    shown = {row[0].strip("`"): row for row in rows}
    names = {request.name for requests in sent.values() for request in requests}
    assert shown.keys() == names
    for name, row in shown.items():
        marks = {
            column: any(request.name == name for request in requests)
            for column, requests in sent.items()
        }
        assert {column: bool(row[head.index(column)]) for column in sent} == marks, name
        if len(set(marks.values())) > 1:
            assert row[-1], f"{name}: the table gives no reason"


def saved(requests: list[Sent]) -> dict[str, dict[str, Any]]:
    """Return what was sent to create each endpoint, by its name, with the template's fields inside."""
    made = {}
    for request in requests:
        if request.name == "saveEndpoint" and "id" not in request.given["input"]:
            fields = dict(request.given["input"])
            template = dict(fields.pop("template", {}))
            variables = {item["key"]: item["value"] for item in template.pop("env", [])}
            made[fields["name"]] = {
                **fields,
                **{f"template.{key}": value for key, value in template.items()},
                **{f"variable {key}": value for key, value in variables.items()},
            }
    return made


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> set[str]:
    """Return the fields that differ; ids and names that the platform or the tools make are not compared."""
    return {
        field
        for field in theirs.keys() | ours.keys()
        if _plain(theirs.get(field)) != _plain(ours.get(field))
    }


def _plain(value: Any) -> Any:
    """Return a value without what differs between any two apps: ids, and the name of the app."""
    if not isinstance(value, str):
        return value
    return re.sub(r"^(?:(env|vol)[0-9a-f]{12}|one|two|three)$", r"\1", value)


@pytest.mark.parametrize(
    ("title", "column"),
    [("Fields compared with flash", "`flash` first"), ("Fields compared with rp", "`rp` first")],
)
def test_the_fields_differ_only_where_the_table_says_so(
    title: str, column: str, sent: dict[str, list[Sent]]
) -> None:
    theirs, ours = saved(sent[column]), saved(sent["`flashc` first"])
    found = {field for name in theirs for field in differences(theirs[name], ours[name])}
    _, rows = table(title)
    assert found == {row[0].strip("`") for row in rows}
    assert all(row[-1] for row in rows)


def ids_of(machine: Machine, app: str) -> dict[str, str]:
    """Return the ids of the endpoints of an app by name."""
    machine.app = machine.folder / app
    shown = json.loads(machine.ours("env", "get", "production", "--format", "json"))
    return {endpoint["name"]: endpoint["id"] for endpoint in shown["endpoints"]}


def actions(machine: Machine) -> dict[str, str]:
    """Return what a plan does with each endpoint."""
    plan = json.loads(machine.ours("plan", "--format", "json"))
    return {step["name"]: step["action"] for step in plan["steps"]}


def test_what_flash_has_deployed_is_unchanged_and_then_updated(
    sent: dict[str, list[Sent]], machine: tuple[Machine, Recorder], incumbent: Path
) -> None:
    made, _ = machine
    before = ids_of(made, "one")
    assert actions(made) == dict.fromkeys(before, "unchanged")
    source = made.app / "worker.py"
    source.write_text(source.read_text().replace("a + b", "a + b + 100"))
    assert set(actions(made).values()) == {"restart"}
    made.ours("deploy", "--wait", "0")
    assert ids_of(made, "one") == before
    assert actions(made) == dict.fromkeys(before, "unchanged")
    shown = made.run(str(incumbent), "env", "get", "production")
    assert all(endpoint in shown for endpoint in before.values())


def test_flash_shows_what_flashc_has_deployed(
    sent: dict[str, list[Sent]], machine: tuple[Machine, Recorder], incumbent: Path
) -> None:
    made, _ = machine
    ids = ids_of(made, "three")
    shown = made.run(str(incumbent), "env", "get", "production")
    for name, endpoint in ids.items():
        assert name in shown
        assert endpoint in shown
    assert "three" in made.run(str(incumbent), "app", "list")
    assert "production" in made.run(str(incumbent), "env", "list")

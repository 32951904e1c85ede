"""Targets: the help comes from the registry, and a plan is printed, or written as JSON."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.cli import emit
from flashc.cli.main import cli
from flashc_backends.base import Context, PlanTarget
from flashc_backends.targets import TARGETS
from flashc_core import rules
from flashc_core.source import WholeFile
from flashc_ir.program import Program
from tests.support.projects import write

FILES = {"w.py": "from runpod_flash import Endpoint\n\n@Endpoint(name='w')\nasync def w(): ...\n"}


@dataclass(frozen=True)
class Steps:
    """A plan of the test's own: one line per endpoint."""

    names: tuple[str, ...]

    def to_text(self) -> str:
        return "".join(f"create {name}\n" for name in self.names)

    def to_json(self) -> bytes:
        return json.dumps({"create": self.names}).encode() + b"\n"


def plan(program: Program, context: Context) -> Steps | None:
    names = tuple(endpoint.resource for endpoint in program.deployed)
    if "bad" in names:
        context.services.sink.report(rules.OUTPUT_FAILED, WholeFile("."), "no plan for `bad`")
        return None
    return Steps(names)


@pytest.fixture
def with_plan(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    target = PlanTarget(name="steps", summary="what would be created", emit=plan)
    monkeypatch.setitem(TARGETS, target.name, target)
    importlib.reload(emit)
    yield
    monkeypatch.undo()
    importlib.reload(emit)


@pytest.mark.usefixtures("with_plan")
def test_a_plan_is_printed_or_written_as_json(tmp_path: Path) -> None:
    app, out = write(tmp_path / "app", FILES), tmp_path / "out"
    printed = CliRunner().invoke(cli, ["emit", str(app), "-t", "steps"])
    assert (printed.exit_code, printed.stdout) == (0, "create w\n")
    written = CliRunner().invoke(cli, ["emit", str(app), "-t", "steps", "-o", str(out)])
    assert (written.exit_code, written.stdout) == (0, "")
    assert {p.name: json.loads(p.read_bytes()) for p in out.iterdir()} == {
        "steps.json": {"create": ["w"]}
    }


@pytest.mark.usefixtures("with_plan")
def test_a_plan_that_can_not_be_made_is_a_finding(tmp_path: Path) -> None:
    app = write(tmp_path / "app", {"w.py": FILES["w.py"].replace("'w'", "'bad'")})
    out = tmp_path / "out"
    refused = CliRunner().invoke(cli, ["emit", str(app), "-t", "steps", "-o", str(out)])
    assert refused.exit_code == 3
    assert "no plan for `bad`" in refused.stderr
    assert not out.exists()


@pytest.mark.usefixtures("with_plan")
def test_the_help_lists_the_targets_of_the_registry() -> None:
    shown = CliRunner().invoke(cli, ["emit", "--help"]).output
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    for target in TARGETS.values():
        assert f"{target.name} {target.summary}" in lines

"""The plan of a preview is data that its schema accepts, without secrets; the compose file says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from flashc.cli.main import cli
from flashc_backends.manifest.manifest import build_manifest
from flashc_backends.preview.calls import sample_call
from flashc_backends.preview.compose import compose_document
from flashc_backends.preview.plan import MASK, PreviewPlan, plan_preview, variables_of
from flashc_ir.endpoints import LoadBalanced, QueueClass, QueueFunction
from tests.support.projects import ROOT, compile_files, write

FILES = {
    "app.py": """
import os
from runpod_flash import Endpoint, GpuGroup, NetworkVolume

api = Endpoint(name="api", cpu="cpu3c-2-4", workers=(1, 3), env={
    "MODE": "fast", "MAX_TOKENS": "4096", "LLM": "hf_c0ffeeC0FFEEc0ffeeC0FFEE", "DB": "{{ RUNPOD_SECRET_db }}",
    "URL": f"https://{os.environ['USER_PART']}@host", "LOG": os.getenv("LOG_LEVEL", "debug"),
})

@api.get("/things/{name}")
async def things(name: str, count: int): ...

@api.post("/things")
async def make(name: str, tags: list[str], price: float = 1.0): ...

@Endpoint(name="scores", gpu=GpuGroup.AMPERE_24, gpu_count=2, env={"HF": "x-" + os.environ["HF_VALUE"]},
          volume=NetworkVolume(name="models", size=10))
class Scores:
    def high(self, values: list, limit: "int | None", exact: bool): ...
    def low(self): ...

@Endpoint(name="nothing", cpu="cpu3c-1-2")
def nothing(): ...

llm = Endpoint(name="llm", image="org/llm:1")
"""
}


@pytest.fixture
def plan(tmp_path: Path) -> PreviewPlan:
    program = compile_files(tmp_path, FILES).valid
    calls = {
        endpoint.resource: sample_call(endpoint)
        for endpoint in program.deployed
        if isinstance(endpoint, (QueueFunction, QueueClass, LoadBalanced))
    }
    return plan_preview(build_manifest(program, "f", {}), cache=Path("/cache"), calls=calls)


def document(plan: PreviewPlan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plan.to_json())
    return found


def endpoint(plan: PreviewPlan, name: str) -> dict[str, Any]:
    (found,) = [each for each in document(plan)["endpoints"] if each["name"] == name]
    return dict(found)


def test_the_schema_accepts_the_plan(plan: PreviewPlan) -> None:
    schema = json.loads((ROOT / "spec" / "preview-plan.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema).validate(document(plan))


def test_endpoints_have_the_limits_of_their_hardware(plan: PreviewPlan) -> None:
    assert plan.skipped == ("llm",)
    api, scores = endpoint(plan, "api"), endpoint(plan, "scores")
    assert (api["kind"], api["workers_min"], api["workers_max"]) == ("load-balanced", 1, 3)
    limits = ("cpus", "memory_mb", "gpus", "port")
    assert [api["container"][key] for key in limits] == [2.0, 4096, 0, 80]
    assert [scores["container"][key] for key in limits] == [None, None, 2, None]
    assert plan.volumes == ("flashc-models",)
    mounts = {mount["target"]: mount for mount in scores["container"]["mounts"]}
    assert mounts["/runpod-volume"]["source"] == "flashc-models"
    assert mounts["/app"]["read_only"]
    assert str(mounts["/opt/flashc/layer"]["source"]).startswith("/cache/workers/py3.12-")


def test_no_secret_is_in_the_plan(
    plan: PreviewPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, scores = endpoint(plan, "api"), endpoint(plan, "scores")
    values = api["container"]["environment"]
    assert (values["MODE"], values["MAX_TOKENS"]) == ("fast", "4096")
    assert {values[name] for name in ("LLM", "DB", "URL", "LOG")} == {MASK}
    assert scores["container"]["environment"]["HF"] == MASK
    assert "c0ffee" not in plan.to_json().decode() + plan.to_text()
    monkeypatch.setenv("HF_VALUE", "hidden")
    tmp_path.joinpath(".env").write_text("USER_PART=hidden-too\nLOG_LEVEL=hidden-level\n")
    shown = CliRunner().invoke(cli, ["emit", str(tmp_path), "-t", "preview", "--plan"])
    assert shown.exit_code == 0, shown.stderr
    assert "hidden" not in shown.output
    assert json.loads(shown.stdout)["endpoints"]


def test_references_are_resolved_for_the_workers_only(tmp_path: Path) -> None:
    program = compile_files(tmp_path, FILES).valid
    entry = build_manifest(program, "f", {}).resources["scores"]
    assert variables_of(entry, {"HF_VALUE": "1"})["HF"] == "x-1"
    assert variables_of(entry, {})["HF"] == "x-"


def test_calls_fit_the_signatures(plan: PreviewPlan) -> None:
    calls = {each["name"]: each["call"] for each in document(plan)["endpoints"]}
    assert calls == {
        "api": {"method": "POST", "path": "/things", "body": {"name": "text", "tags": []}},
        "scores": {
            "method": "POST",
            "path": "/runsync",
            "body": {"input": {"method": "high", "values": [], "limit": 1, "exact": True}},
        },
        "nothing": {"method": "POST", "path": "/runsync", "body": {"input": {"__empty": True}}},
    }


def test_a_get_route_has_its_arguments_in_path_and_query(tmp_path: Path) -> None:
    source = FILES["app.py"].replace('@api.post("/things")', '@api.post("/things/{name}/x")')
    program = compile_files(tmp_path, {"app.py": source}).valid
    (api,) = [each for each in program.deployed if isinstance(each, LoadBalanced)]
    call = sample_call(api)
    assert call is not None
    assert (call.method, call.path, call.body) == ("GET", "/things/text?count=1", None)


def test_the_compose_file_is_the_same_plan(plan: PreviewPlan) -> None:
    services = compose_document(plan)["services"]
    assert set(services) == {"api", "scores", "nothing"}
    api = services["api"]
    assert (api["cpus"], api["mem_limit"], api["ports"]) == (2.0, "4096m", ["127.0.0.1::80"])
    assert api["environment"]["DB"] == "${DB:?set the value of this secret}"
    assert api["environment"]["MAX_TOKENS"] == "4096"
    assert (
        api["environment"]["RUNPOD_ENDPOINT_ID"] == "${FLASHC_ID_API:?set the id of this endpoint}"
    )
    assert "$$ID" in services["nothing"]["environment"]["RUNPOD_WEBHOOK_GET_JOB"]
    assert "flashc-models:/runpod-volume" in services["scores"]["volumes"]
    assert services["scores"]["deploy"]["resources"]["reservations"]["devices"][0]["count"] == 2


def test_a_plan_needs_neither_docker_nor_a_build(tmp_path: Path) -> None:
    project = write(tmp_path / "app", FILES)
    shown = CliRunner().invoke(cli, ["preview", str(project), "--plan", "--port", "8123"])
    assert shown.exit_code == 0, shown.stderr
    assert json.loads(shown.stdout)["port"] == 8123
    assert not (project / ".flash").exists()

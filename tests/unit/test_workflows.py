"""The example workflows use commands and options that exist, and give the key to the steps that need it only."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from flashc.cli.main import cli
from flashc.report.deployment import deployed_json
from tests.support.projects import EXAMPLES

WORKFLOWS = sorted((EXAMPLES / "github").glob("*.yml"))
_WITH_KEY = {"plan", "deploy"}


def _steps(file: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load(file.read_text())
    return [step for job in document["jobs"].values() for step in job["steps"]]


def _flashc(step: dict[str, Any]) -> list[str]:
    """Return the words of a step's command of flashc, without where its output goes; [] if there is none."""
    command = str(step.get("run", "")).partition(" > ")[0]
    return shlex.split(command)[1:] if command.startswith("flashc ") else []


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.name))
def test_the_commands_of_a_workflow_exist_with_their_options(file: Path) -> None:
    found = [words for step in _steps(file) if (words := _flashc(step))]
    assert found
    for name, *words in found:
        context = click.Context(cli)
        command = cli.get_command(context, name)
        assert command is not None, name
        # The parser raises an exception for an option or a choice that does not exist.
        command.make_context(name, words)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: str(file.name))
def test_only_the_steps_that_ask_the_platform_have_the_key(file: Path) -> None:
    assert "RUNPOD_API_KEY" not in yaml.safe_load(file.read_text()).get("env", {})
    for step in _steps(file):
        given = step.get("env", {}).get("RUNPOD_API_KEY")
        needs = bool(_WITH_KEY & set(_flashc(step)[:1]))
        assert given == ("${{ secrets.RUNPOD_API_KEY }}" if needs else None)


def test_a_plan_of_a_pull_request_is_a_comment_and_a_push_deploys_without_a_question() -> None:
    file = EXAMPLES / "github" / "flashc-deploy.yml"
    jobs = yaml.safe_load(file.read_text())["jobs"]
    assert "pull_request" in jobs["plan"]["if"]
    assert "fork" not in jobs["plan"]["if"]
    assert "head.repo.full_name == github.repository" in jobs["plan"]["if"]
    assert jobs["plan"]["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert jobs["deploy"]["if"] == "github.event_name == 'push'"
    commands = [words for step in _steps(file) if (words := _flashc(step))]
    assert ["plan", "--env", "$FLASHC_ENV", "--format", "markdown"] in commands
    assert ["deploy", "--env", "$FLASHC_ENV", "--format", "json"] in commands


def test_the_summary_of_a_deployment_reads_keys_that_the_result_has() -> None:
    (step,) = [s for s in _steps(EXAMPLES / "github" / "flashc-deploy.yml") if "jq" in str(s)]
    assert re.findall(r"\\\((\.\w+)\)", step["run"]) == [".name", ".type", ".url"]
    assert ".deployed.endpoints[]" in step["run"]
    assert b'"deployed"' in deployed_json(None, None, None)


def test_no_result_is_written_into_the_folder_of_the_app() -> None:
    for step in _steps(EXAMPLES / "github" / "flashc-deploy.yml"):
        targets = re.findall(r">>? *(\S+)", str(step.get("run", "")))
        assert all(target.startswith('"$') for target in targets), targets

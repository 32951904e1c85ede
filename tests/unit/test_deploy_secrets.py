"""The key and the values of secrets appear in nothing that flashc prints, writes, logs or uploads."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from flashc.report.deployment import deployed_json, plan_markdown, plan_text
from tests.support.console import run_flashc
from tests.support.deploy_runs import Agreeing, Built, run
from tests.support.deploy_stage import FIRST, KEY, TOKEN, DeployStage, built, deploy_stage
from tests.support.faulty_proxy import ECHOES, Fault
from tests.support.projects import write

PLANTED = (KEY, TOKEN)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return built(tmp_path_factory.mktemp("app"), FIRST)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[DeployStage]:
    with deploy_stage(tmp_path) as stage:
        yield stage


def _check(*texts: str) -> None:
    for text in texts:
        for value in PLANTED:
            assert value not in text
            assert value[-5:] not in text  # nor a part of it, where a text was cut


def _deploy(stage: DeployStage, app: Built) -> list[str]:
    """Deploy, and return everything that can be printed of it."""
    audience = Agreeing()
    result = run(stage.folder, app, audience=audience)
    plans = [p for p in (result.plan, *audience.plans) if p is not None]
    return [
        *(f"{d.message} {d.notes} {d.help}" for d in result.diagnostics),
        deployed_json(result.plan, result.deployed, result.manifest).decode(),
        *(text for p in plans for text in (plan_text(p), plan_markdown(p), p.to_json().decode())),
    ]


def test_a_deployment_shows_no_secret(
    stage: DeployStage, app: Built, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    _check(*_deploy(stage, app), caplog.text)
    _check(*(str(build.manifest) for build in stage.platform.control.builds.values()))
    for template in stage.platform.control.templates.values():
        _check(str(template.env))
    kept = {secret.value for secret in stage.platform.control.account.secrets.values()}
    assert kept == {KEY, TOKEN}


def test_no_error_repeats_what_the_platform_repeats(stage: DeployStage, app: Built) -> None:
    stage.proxy.begin()
    run(stage.folder, app)
    places = [place for place in stage.proxy.places if place.index == 0]
    hidden = 0
    for place, kind in zip(places, itertools.cycle(ECHOES), strict=False):
        stage.empty()
        stage.proxy.begin(Fault(kind, place))
        shown = _deploy(stage, app)
        hidden += any("***" in text for text in shown)
        _check(*shown)
    assert hidden > len(places) // 3  # the others were repeated, and succeeded


def test_a_platform_without_secrets_gets_them_only_in_templates(
    stage: DeployStage, app: Built
) -> None:
    stage.proxy.absent = frozenset(("mySecrets", "secretCreate"))
    _check(*_deploy(stage, app))
    control = stage.platform.control
    assert control.endpoints
    _check(*(str(build.manifest) for build in control.builds.values()))
    assert any(TOKEN in template.env.values() for template in control.templates.values())


COMMANDS = (
    "plan",
    "plan --format markdown -o .flash/plan.json",
    "deploy --plan .flash/plan.json --format json",
    "deploy --yes",
    "plan --format json",
    "history",
)


def test_the_commands_print_no_secret(stage: DeployStage, tmp_path: Path) -> None:
    root = write(tmp_path / "app", {"workers.py": FIRST})
    (root / ".env").write_bytes((stage.folder / ".env").read_bytes())
    for command in COMMANDS:
        done = run_flashc(root, *command.split())
        assert done.code == 0, (command, done.output)
        _check(done.output)
    _check((root / ".flash" / "plan.json").read_text())
    assert stage.platform.control.endpoints

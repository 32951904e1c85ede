"""Every command that builds an artifact verifies it, and writes none that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from flashc.cli.main import cli
from flashc_backends.artifact import artifact
from flashc_backends.base import Draft
from flashc_backends.manifest.manifest import manifest_draft
from flashc_ir.program import Program
from tests.support.projects import write

WORKER = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
)


@pytest.mark.parametrize(
    "arguments",
    [
        ["build"],
        ["build", "--per-endpoint"],
        ["emit", "--target", "artifact"],
        ["emit", "--target", "artifact", "--output", "out"],
        ["size"],
        ["size", "--why", "x"],
    ],
    ids=" ".join,
)
def test_an_artifact_that_fails_verification_is_refused_whoever_asked_for_it(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unprintable = "conf/a\nb.txt"  # no check before the build looks at it
    app = write(tmp_path / "app", {"worker.py": WORKER, unprintable: ""})
    monkeypatch.chdir(tmp_path)
    command, *options = arguments
    refused = CliRunner().invoke(cli, [command, str(app), *options])
    assert refused.exit_code == 1
    assert "FC413" in refused.stderr
    assert "its name contains characters that can't be printed" in refused.stderr
    assert refused.stdout == ""
    assert not list(tmp_path.rglob("*.tar.gz"))
    (app / unprintable).unlink()
    assert CliRunner().invoke(cli, [command, str(app), *options]).exit_code == 0


def test_an_endpoints_artifact_is_verified_on_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The artifact of all endpoints is fine here; that of the endpoint lacks what its manifest names."""
    app = write(tmp_path / "app", {"worker.py": WORKER})
    real = manifest_draft

    def another_module(
        program: Program, *more: Any, only: str | None = None, **options: Any
    ) -> Draft:
        draft = real(program, *more, only=only, **options)
        if only is None:
            return draft
        return Draft(path=draft.path, content=draft.read().replace(b'"worker"', b'"other"'))

    monkeypatch.setattr(artifact, "manifest_draft", another_module)
    refused = CliRunner().invoke(cli, ["build", str(app), "--per-endpoint"])
    assert refused.exit_code == 1
    assert "needs the module `other`" in refused.stderr
    assert not (app / ".flash" / "endpoints" / "w.tar.gz").exists()


def test_size_explains_an_artifact_that_is_too_large_and_refuses_it(tmp_path: Path) -> None:
    files = {"worker.py": WORKER, "pyproject.toml": '[tool.flashc]\nsize-budget = "1 kB"\n'}
    app = write(tmp_path / "app", files)
    refused = CliRunner().invoke(cli, ["size", str(app)])
    assert refused.exit_code == 1
    assert "FC414" in refused.stderr
    assert "the project" in refused.stdout

"""What `flashc check` prints for programs, what `--ignore` leaves out, and which fixes it applies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from flashc.cli.main import cli
from tests.support.projects import ROOT

WORKER = """\
from runpod_flash import Endpoint

@Endpoint(name="w", idle_timeout=9999)
async def run(x: int):
    return await walk(x) if x else 0

@Endpoint(name="v", workers=3)
async def walk(x: int):
    return await run(x - 1)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository whose project, in a subfolder, has an error and warnings."""
    folder = tmp_path / "repository" / "apps" / "my app"
    folder.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    (folder / "worker.py").write_text(WORKER)
    return folder


def check(project: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", str(project), "--python-version", "3.12", *arguments])


def codes(result: Result) -> list[str]:
    return [d["code"] for d in json.loads(result.stdout)["diagnostics"]]


def test_all_findings(project: Path) -> None:
    result = check(project, "--format", "json")
    assert sorted(codes(result)) == ["FC108", "FC310", "FC315"]
    assert result.exit_code == 1


def test_sarif(project: Path) -> None:
    document = json.loads(check(project, "--format", "sarif").stdout)
    schema = ROOT / "tests" / "data" / "sarif-2.1.0.schema.json"
    jsonschema.validate(document, json.loads(schema.read_text("utf-8")))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted({result["ruleId"] for result in run["results"]})
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == "apps/my%20app/worker.py"
    (ranged,) = [r for r in run["results"] if r["ruleId"] == "FC108"]
    assert ranged["level"] == "error"
    assert ranged["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 3,
        "startColumn": 34,
        "endLine": 3,
        "endColumn": 38,
    }
    (change,) = ranged["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["insertedContent"] == {"text": "3600"}


def test_github(project: Path) -> None:
    lines = check(project, "--format", "github").stdout.splitlines()
    (error,) = [line for line in lines if line.startswith("::error ")]
    assert error.startswith(
        "::error file=apps/my app/worker.py,line=3,col=34,endLine=3,endColumn=38,"
        "title=FC108 value-out-of-range::`idle_timeout` is 9999"
    )
    assert len([line for line in lines if line.startswith("::warning ")]) == 2


def test_select_and_ignore(project: Path) -> None:
    json_format = ("--format", "json")
    assert set(codes(check(project, "--ignore", "FC3", *json_format))) == {"FC108"}
    assert set(codes(check(project, "--select", "endpoint-cycle", *json_format))) == {
        "FC108",
        "FC310",
    }
    assert "no rule `FC9999`" in check(project, "--ignore", "FC9999").stderr


def test_an_error_that_would_make_a_wrong_artifact_is_never_ignored(project: Path) -> None:
    result = check(project, "--ignore", "FC108", "--format", "json")
    assert "FC108" in codes(result)
    assert result.exit_code == 1


def test_the_projects_own_settings(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.flashc]\nignore = ["FC310", "FC315"]\n')
    assert codes(check(project, "--format", "json")) == ["FC108"]


def test_exit_zero(project: Path) -> None:
    assert check(project, "--exit-zero").exit_code == 0


def test_a_comment_hides_its_finding_and_no_other(project: Path) -> None:
    text = WORKER.replace("9999)", "60)  # flashc: ignore[endpoint-deadlock] on purpose")
    text = text.replace("workers=3)", "workers=3)  # flashc: ignore[FC310]")
    (project / "worker.py").write_text(text)
    result = check(project, "--format", "json")
    assert codes(result) == []
    assert result.exit_code == 0


def test_a_comment_in_a_string_is_none(project: Path) -> None:
    (project / "worker.py").write_text(
        WORKER.replace("9999)", "60)") + "X = '# flashc: ignore[FC1]'\n"
    )
    assert set(codes(check(project, "--format", "json"))) == {"FC310", "FC315"}


@pytest.mark.parametrize(
    ("comment", "message"),
    [
        ("# flashc: ignore", "needs the codes"),
        ("# flashc: ignore[FC999]", "there is no rule FC999"),
        ("# flashc: ignore[FC312]", "FC312 is not reported on this line"),
        ("# flashc: ignore[FC108]", "can't be suppressed"),
    ],
)
def test_a_comment_that_does_nothing_is_reported(project: Path, comment: str, message: str) -> None:
    (project / "worker.py").write_text(WORKER.replace("9999)", f"9999)  {comment}"))
    result = check(project, "--format", "json")
    assert "FC108" in codes(result)
    (found,) = [d for d in json.loads(result.stdout)["diagnostics"] if d["code"] == "FC902"]
    assert message in found["message"]


def test_diff_writes_nothing_and_git_can_apply_it(project: Path) -> None:
    result = check(project, "--diff", "--unsafe-fixes")
    assert (project / "worker.py").read_text() == WORKER
    (project / "change.diff").write_text(result.stdout)
    subprocess.run(["git", "apply", "change.diff"], cwd=project, check=True)
    assert (project / "worker.py").read_text() == WORKER.replace("9999", "3600")


def test_fix_keeps_mode_and_link(project: Path) -> None:
    real = project / "real.txt"
    real.write_text(WORKER)
    real.chmod(0o640)
    (project / "worker.py").unlink()
    (project / "worker.py").symlink_to("real.txt")
    assert check(project, "--fix").exit_code == 1  # the only fix is an unsafe one
    assert "fixed worker.py" in check(project, "--unsafe-fixes").stderr
    assert (project / "worker.py").is_symlink()
    assert real.read_text() == WORKER.replace("9999", "3600")
    assert real.stat().st_mode & 0o777 == 0o640
    assert check(project, "--exit-zero").exit_code == 0


def test_watching_checks_again_after_every_change(project: Path) -> None:
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    process = subprocess.Popen(
        [sys.executable, "-m", "flashc", "check", "--watch", str(project)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A test run in a shell's background inherits that Ctrl+C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if line.startswith("watching"):
                break
        good = (
            'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(): return 1\n'
        )
        (project / "worker.py").write_text(good)
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("watching"):
                break
        assert any("nothing to report" in line for line in said)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0  # as the last report says
    finally:
        process.kill()
        process.stdout.close()
        process.wait()

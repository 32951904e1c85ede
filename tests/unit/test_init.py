"""`flashc init` starts a project that has no findings, whose tests pass, and overwrites nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from flashc.api.init import start_project
from flashc.project.starter_files import project_name
from tests.support.console import run_flashc
from tests.support.projects import ROOT
from tests.support.pytest_runs import TEMPORARY

FILES = {
    "worker.py",
    "tests/test_worker.py",
    "pyproject.toml",
    ".gitignore",
    ".env.example",
    "AGENTS.md",
}


def test_a_new_project_has_no_findings_and_its_tests_pass_without_the_cloud(tmp_path: Path) -> None:
    done = run_flashc(tmp_path, "init", "my shop")
    assert done.code == 0
    assert "cd 'my shop'\n" in done.stdout
    project = tmp_path / "my shop"
    written = {
        path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()
    }
    assert written == FILES
    checked = run_flashc(project, "check", "--format", "json")
    assert (checked.code, json.loads(checked.stdout)["diagnostics"]) == (0, [])
    emitted = run_flashc(project, "emit", "--target", "manifest")
    manifest = json.loads(emitted.stdout)
    assert (manifest["project_name"], manifest["python_version"]) == ("my-shop", "3.12")
    assert sorted(manifest["resources"]) == ["api", "greeter"]
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=project,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": paths, TEMPORARY: os.environ[TEMPORARY]},
        capture_output=True,
        text=True,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout


def test_the_files_of_a_new_project_keep_keys_out_of_git_and_name_real_commands(
    tmp_path: Path,
) -> None:
    assert start_project(tmp_path / "app").files == tuple(
        path for path in start_project(tmp_path / "other").files
    )
    ignored = (tmp_path / "app" / ".gitignore").read_text().splitlines()
    assert {".env", ".flash/"} <= set(ignored)
    agents = (tmp_path / "app" / "AGENTS.md").read_text()
    assert agents.startswith("# app: ")
    commands = {line.split()[1] for line in agents.split("`") if line.startswith("flashc ")}
    listed = run_flashc(tmp_path, "--help").stdout
    assert commands
    assert all(f"\n  {command} " in listed for command in commands)


def test_files_that_exist_are_kept_unless_they_are_to_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text("mine")
    (tmp_path / "AGENTS.md").symlink_to(tmp_path / "nowhere")
    done = run_flashc(tmp_path, "init")
    assert (done.code, done.stdout) == (1, "")
    assert "FC903" in done.stderr
    assert "note: worker.py\n" in done.stderr
    assert "note: AGENTS.md\n" in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["AGENTS.md", "worker.py"]
    done = run_flashc(tmp_path, "init", "--force", "--format", "json")
    assert done.code == 0
    document = json.loads(done.stdout)
    assert (document["folder"], set(document["files"])) == (str(tmp_path), FILES)
    assert "Endpoint" in (tmp_path / "worker.py").read_text()
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_flashc(tmp_path, "init", "file/app")
    assert done.code == 3
    assert "error[FC901]" in done.stderr


@pytest.mark.parametrize(
    "folder", ["app", "My Shop!", "_x_", "Привет", "-", "a.b", "9", 'q"\n\\', "ß"]
)
def test_every_name_of_a_folder_gives_a_name_that_packages_may_have(
    folder: str, tmp_path: Path
) -> None:
    name = project_name(folder)
    assert Requirement(name).name == name
    start_project(tmp_path / folder)
    table = tomllib.loads((tmp_path / folder / "pyproject.toml").read_text())
    assert (table["project"]["name"], table["tool"]["flashc"]["app"]) == (name, name)

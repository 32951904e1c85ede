"""Packages that flashc builds: from folders, members of a workspace, and git repositories."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flashc.cli.main import cli
from tests.support.package_index import Package
from tests.support.package_stage import FORK, WORKER, Stage, staged
from tests.support.projects import write

GAUGE_PROJECT = (
    '[project]\nname = "gauge"\nversion = "99.0"\n'
    '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    '[tool.setuptools]\npackages = ["gauge"]\n'
)
POINTER = "pointer-1.0-py3-none-any.whl"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with staged(tmp_path, monkeypatch) as stage:
        yield stage


def public_build(stage: Stage, files: dict[str, str | bytes], *arguments: str) -> Result:
    """Build with the public index, where build backends are."""
    write(stage.app, {"worker.py": WORKER, **files})
    return CliRunner().invoke(cli, ["build", str(stage.app), *arguments])


def folder(where: str) -> dict[str, str | bytes]:
    """Return the files of the source of `gauge`."""
    return {f"{where}/pyproject.toml": GAUGE_PROJECT, f"{where}/gauge/__init__.py": FORK}


def in_requirements(stage: Stage) -> dict[str, str | bytes]:
    write(stage.app.parent, folder("shared"))
    return {"requirements.txt": "../shared\n"}


def as_editable(stage: Stage) -> dict[str, str | bytes]:
    write(stage.app.parent, folder("shared"))
    return {"requirements.txt": "-e ../shared\n-e .\n"}


def as_member(stage: Stage) -> dict[str, str | bytes]:
    root = '[tool.uv.workspace]\nmembers = ["app", "libraries/*"]\n'
    write(stage.app.parent, {"pyproject.toml": root, **folder("libraries/gauge")})
    return {
        "pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["gauge"]\n'
        "[tool.uv.sources]\ngauge = { workspace = true }\n"
    }


def as_member_of_a_member(stage: Stage) -> dict[str, str | bytes]:
    root = '[tool.uv.workspace]\nmembers = ["app", "libraries/*"]\n'
    middle = (
        '[project]\nname = "middle"\nversion = "1"\ndependencies = ["gauge"]\n'
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        "[tool.setuptools]\npackages = []\n[tool.uv.sources]\ngauge = { workspace = true }\n"
    )
    write(
        stage.app.parent,
        {
            "pyproject.toml": root,
            "libraries/middle/pyproject.toml": middle,
            **folder("libraries/gauge"),
        },
    )
    return {
        "pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["middle"]\n'
        "[tool.uv.sources]\nmiddle = { workspace = true }\n"
    }


def repository(stage: Stage, extra: dict[str, str | bytes] | None = None) -> Path:
    """Make a git repository with the source of `gauge` and a tag."""
    path = write(stage.app.parent / "repository", {**folder("python"), **(extra or {})})
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (
        ["init", "--quiet"],
        ["add", "."],
        [*identity, "commit", "--quiet", "-m", "one"],
        ["tag", "v1"],
    ):
        subprocess.run(["git", *command], cwd=path, check=True)
    return path


def in_git(stage: Stage) -> dict[str, str | bytes]:
    url = repository(stage).as_uri()
    return {"requirements.txt": f"gauge @ git+{url}@v1#subdirectory=python\n"}


def in_git_as_egg(stage: Stage) -> dict[str, str | bytes]:
    url = repository(stage).as_uri()
    return {"requirements.txt": f"-e git+{url}@v1#egg=gauge&subdirectory=python\n"}


def in_git_of_uv(stage: Stage) -> dict[str, str | bytes]:
    url = repository(stage).as_uri()
    return {
        "pyproject.toml": '[project]\nname = "app"\nversion = "1"\ndependencies = ["gauge"]\n'
        f'[tool.uv.sources]\ngauge = {{ git = "{url}", tag = "v1", subdirectory = "python" }}\n'
    }


Maker = Callable[[Stage], dict[str, str | bytes]]
BUILT: tuple[Maker, ...] = (
    in_requirements,
    as_editable,
    as_member,
    as_member_of_a_member,
    in_git,
    in_git_as_egg,
    in_git_of_uv,
)


@pytest.mark.parametrize("maker", BUILT, ids=lambda maker: maker.__name__)
def test_a_source_is_built_and_its_files_are_in_the_artifact(maker: Maker, stage: Stage) -> None:
    done = public_build(stage, maker(stage))
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled() == {"gauge/__init__.py": FORK}


def test_a_change_of_a_source_changes_the_artifact_and_makes_the_lock_stale(stage: Stage) -> None:
    files = in_requirements(stage)
    assert public_build(stage, files).exit_code == 0
    assert CliRunner().invoke(cli, ["lock", str(stage.app)]).exit_code == 0
    assert public_build(stage, files, "--locked").exit_code == 0
    lock = (stage.app / "flash.lock").read_text()
    assert "gauge @ ../shared \\\n    --hash=sha256:" in lock
    assert str(stage.app.parent) not in lock
    (stage.app.parent / "shared" / "gauge" / "__init__.py").write_bytes(b"VERSION = 'new'\n")
    refused = public_build(stage, files, "--locked")
    assert "error[FC412]" in refused.stderr
    (stage.app / "flash.lock").unlink()
    assert public_build(stage, files).exit_code == 0
    assert stage.bundled() == {"gauge/__init__.py": b"VERSION = 'new'\n"}


def test_the_lock_and_the_artifact_are_the_same_in_another_place(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs: list[tuple[bytes, bytes]] = []
    for place in ("here", "in/another/folder"):
        monkeypatch.setenv("FLASHC_CACHE_DIR", str(tmp_path / place / "cache"))
        app = tmp_path / place / "app"
        write(app.parent, folder("shared"))
        files = {"worker.py": WORKER, "requirements.txt": f"../shared\n./wheels/{POINTER}\n"}
        write(app, {**files, f"wheels/{POINTER}": Package("pointer", "1.0").content()})
        for command in ("lock", "build"):
            assert CliRunner().invoke(cli, [command, str(app)]).exit_code == 0
        artifact = app / ".flash" / "artifact.tar.gz"
        outputs.append(((app / "flash.lock").read_bytes(), artifact.read_bytes()))
    assert outputs[0] == outputs[1]


def test_the_lock_names_the_commit(stage: Stage) -> None:
    files = in_git(stage)
    write(stage.app, {"worker.py": WORKER, **files})
    assert CliRunner().invoke(cli, ["lock", str(stage.app)]).exit_code == 0
    path = stage.app.parent / "repository"
    commit = subprocess.run(
        ["git", "rev-parse", "v1"], cwd=path, check=True, capture_output=True, text=True
    ).stdout.strip()
    assert f"@{commit}#subdirectory=python" in (stage.app / "flash.lock").read_text()
    assert public_build(stage, files, "--locked").exit_code == 0
    document = json.loads((stage.app / ".flash" / "sbom.cdx.json").read_text())
    (component,) = document["components"]
    assert "@99.0?vcs_url=git%2Bfile://" in component["purl"]
    assert commit in component["purl"]
    assert stage.bundled() == {"gauge/__init__.py": FORK}


def test_code_of_a_source_runs_only_if_that_is_allowed(stage: Stage) -> None:
    mark = stage.app.parent / "ran"
    setup = f"import pathlib, setuptools\npathlib.Path({str(mark)!r}).touch()\nsetuptools.setup()\n"
    write(stage.app.parent, {**folder("shared"), "shared/setup.py": setup})
    refused = public_build(stage, {"requirements.txt": "../shared\n"})
    assert refused.exit_code == 1
    assert "error[FC416]" in refused.stderr
    assert "`setup.py` is a program" in refused.stderr
    assert not mark.exists()
    assert public_build(stage, {}, "--allow-build").exit_code == 0
    assert mark.exists()
    assert stage.bundled() == {"gauge/__init__.py": FORK}

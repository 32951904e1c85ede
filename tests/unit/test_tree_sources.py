"""Sources that a package's own tree gives to its requirements are kept, or refused with what to write."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flashc.cli.main import cli
from tests.support.package_index import Package
from tests.support.package_stage import FORK, WORKER, Stage, staged
from tests.support.projects import write

BACKEND = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
OWN = "VERSION = 'of the repository'\n"


@pytest.fixture
def stage(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    with staged(tmp_path, monkeypatch) as stage:
        # Build backends are downloaded once for all tests
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "tree-sources"))
        yield stage


def build(stage: Stage, requirements: str, *arguments: str) -> Result:
    """Build with the public index, where build backends are."""
    write(stage.app, {"worker.py": WORKER, "requirements.txt": requirements})
    return CliRunner().invoke(cli, ["build", str(stage.app), *arguments])


def package(name: str, more: str = "", requires: str = "") -> str:
    """The `pyproject.toml` of a package with one module."""
    return (
        f'[project]\nname = "{name}"\nversion = "99.0"\ndependencies = [{requires}]\n'
        f'{BACKEND}[tool.setuptools]\npackages = ["{name}"]\n{more}'
    )


def repository(stage: Stage, files: dict[str, str | bytes]) -> str:
    """Make a git repository with a tag, and return its URL."""
    path = write(stage.app.parent / "repository", files)
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (
        ["init", "--quiet"],
        ["add", "."],
        [*identity, "commit", "--quiet", "-m", "one"],
        ["tag", "v1"],
    ):
        subprocess.run(["git", *command], cwd=path, check=True)
    return path.as_uri()


def gauge(more: str, requires: str = '"pointer"', where: str = "gauge") -> dict[str, str | bytes]:
    """A tree whose package `gauge` requires `pointer`, which is in the tree too."""
    return {
        f"{where}/pyproject.toml": package("gauge", more, requires),
        f"{where}/gauge/__init__.py": FORK,
        "libraries/pointer/pyproject.toml": package("pointer"),
        "libraries/pointer/pointer/__init__.py": OWN,
    }


WORKSPACE = '[tool.uv.workspace]\nmembers = ["gauge", "libraries/*"]\n'
IN_TREE = {
    "a path": gauge('[tool.uv.sources]\npointer = { path = "../libraries/pointer" }\n'),
    "a path with a marker": gauge(
        "[tool.uv.sources]\n"
        "pointer = [{ path = '../libraries/pointer', marker = \"sys_platform == 'linux'\" }]\n"
    ),
    "the workspace": {
        **gauge("[tool.uv.sources]\npointer = { workspace = true }\n"),
        "pyproject.toml": WORKSPACE,
    },
    "the workspace, by its root": {
        **gauge(""),
        "pyproject.toml": f"{WORKSPACE}[tool.uv.sources]\npointer = {{ workspace = true }}\n",
    },
}


@pytest.mark.parametrize("files", IN_TREE.values(), ids=IN_TREE)
def test_a_source_in_the_tree_is_refused_until_the_project_names_it(
    stage: Stage, files: dict[str, str | bytes]
) -> None:
    url = repository(stage, files)
    line = f"gauge @ git+{url}@v1#subdirectory=gauge\n"
    refused = build(stage, line)
    assert refused.exit_code == 1
    assert "error[FC416]: `gauge` takes `pointer` from" in refused.stderr
    assert "--> requirements.txt:1:1" in refused.stderr
    written = re.search(r"also require `([^`]*)`", refused.stderr)
    assert written is not None
    assert written[1] == f"pointer @ git+{url}@v1#subdirectory=libraries/pointer"
    again = build(stage, line)  # the wheel is in the cache now
    assert again.stderr.count("error[FC416]") == 1
    done = build(stage, f"{line}{written[1]}\n")
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled()["pointer/__init__.py"] == OWN.encode()
    assert CliRunner().invoke(cli, ["lock", str(stage.app)]).exit_code == 0
    assert build(stage, f"{line}{written[1]}\n", "--locked").exit_code == 0


ELSEWHERE = {
    "an index": (
        "pointer = { index = 'ours' }",
        "the index `ours`",
        "also require `pointer`, with",
    ),
    "a repository": (
        "pointer = { git = 'https://code.example/pointer.git', tag = 'v2' }",
        "https://code.example/pointer.git",
        "`pointer @ git+https://code.example/pointer.git@v2`",
    ),
    "a URL": (
        "pointer = { url = 'https://code.example/pointer-1-py3-none-any.whl' }",
        "https://code.example/pointer-1-py3-none-any.whl",
        "`pointer @ https://code.example/pointer-1-py3-none-any.whl`",
    ),
    "a path outside of the tree": (
        "pointer = { path = '../../pointer' }",
        "../../pointer",
        "also require `pointer`, with its source",
    ),
}


@pytest.mark.parametrize(("source", "described", "help"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_other_sources_are_refused_too(
    stage: Stage, source: str, described: str, help: str
) -> None:
    url = repository(stage, gauge(f"[tool.uv.sources]\n{source}\n"))
    refused = build(stage, f"gauge @ git+{url}@v1#subdirectory=gauge\n")
    assert refused.exit_code == 1
    assert f"`gauge` takes `pointer` from {described}" in refused.stderr
    assert help in refused.stderr


NOT_NEEDED = {
    "a group": ("six = { path = '../libraries/pointer', group = 'dev' }", '"six"'),
    "another system": (
        "six = { path = '../libraries/pointer', marker = \"sys_platform == 'win32'\" }",
        '"six"',
    ),
    "a requirement for another system": (
        "pointer = { path = '../libraries/pointer' }",
        "\"pointer; sys_platform == 'win32'\"",
    ),
    "not required": ("needle = { path = '../libraries/needle' }", ""),
}


@pytest.mark.parametrize(("source", "requires"), NOT_NEEDED.values(), ids=NOT_NEEDED)
def test_a_source_that_workers_do_not_need_is_no_obstacle(
    stage: Stage, source: str, requires: str
) -> None:
    url = repository(stage, gauge(f"[tool.uv.sources]\n{source}\n", requires))
    done = build(stage, f"gauge @ git+{url}@v1#subdirectory=gauge\n")
    assert done.exit_code == 0, done.output + done.stderr


def test_a_source_of_an_extra_counts_if_the_extra_is_asked_for(stage: Stage) -> None:
    more = "[tool.uv.sources]\npointer = { path = '../libraries/pointer' }\n"
    extra = '[project.optional-dependencies]\nfast = ["pointer"]\n'
    url = repository(stage, gauge(f"{more}{extra}", ""))
    assert build(stage, f"gauge @ git+{url}@v1#subdirectory=gauge\n").exit_code == 0
    refused = build(stage, f"gauge[fast] @ git+{url}@v1#subdirectory=gauge\n")
    assert "`gauge` takes `pointer` from" in refused.stderr


def test_a_path_in_the_metadata_of_a_built_wheel_is_refused(stage: Stage) -> None:
    project = (
        '[tool.poetry]\nname = "gauge"\nversion = "99.0"\ndescription = ""\nauthors = []\n'
        '[tool.poetry.dependencies]\npointer = { path = "../pointer" }\n'
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    )
    write(
        stage.app.parent,
        {
            "gauge/pyproject.toml": project,
            "gauge/gauge/__init__.py": FORK,
            "pointer/pyproject.toml": package("pointer"),
            "pointer/pointer/__init__.py": OWN,
        },
    )
    refused = build(stage, "../gauge\n")
    assert "error[FC416]: `gauge` takes `pointer` from ../pointer" in refused.stderr
    assert "also require `pointer @ ../pointer`" in refused.stderr
    done = build(stage, "../gauge\npointer @ ../pointer\n")
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled()["pointer/__init__.py"] == OWN.encode()


def test_a_repository_in_the_metadata_is_refused_or_kept(stage: Stage) -> None:
    url = repository(
        stage, gauge("", '"pointer @ git+REPOSITORY@v1#subdirectory=libraries/pointer"')
    )
    path = stage.app.parent / "repository" / "gauge" / "pyproject.toml"
    path.write_text(path.read_text().replace("REPOSITORY", url))
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, "commit", "-qam", "two"], cwd=path.parent, check=True)
    subprocess.run(["git", "tag", "v2"], cwd=path.parent, check=True)
    line = f"gauge @ git+{url}@v2#subdirectory=gauge\n"
    refused = build(stage, line)
    assert refused.exit_code == 1
    assert "error[FC416]" in refused.stderr
    written = re.search(r"also require `([^`]*)`", refused.stderr)
    assert written is not None
    done = build(stage, f"{line}{written[1]}\n")
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled()["pointer/__init__.py"] == OWN.encode()


def test_a_repository_in_the_metadata_of_a_finished_wheel_is_refused(stage: Stage) -> None:
    url = repository(stage, gauge(""))
    direct = (f"pointer @ git+{url}@v1#subdirectory=libraries/pointer",)
    wheel = Package("gauge", "1.0", direct)
    write(stage.app, {f"wheels/{wheel.wheel}": wheel.content()})
    refused = build(stage, f"./wheels/{wheel.wheel}\n", "--allow-build")
    assert "error[FC416]: `gauge` requires `pointer` from `git+" in refused.stderr


def test_a_repository_needs_no_name(stage: Stage) -> None:
    url = repository(stage, gauge("", ""))
    line = f"git+{url}@v1#subdirectory=gauge\n"
    write(stage.app, {"worker.py": WORKER, "requirements.txt": line})
    checked = CliRunner().invoke(cli, ["check", str(stage.app)])
    assert checked.exit_code == 0, checked.output + checked.stderr
    done = build(stage, line)
    assert done.exit_code == 0, done.output + done.stderr
    assert stage.bundled()["gauge/__init__.py"] == FORK
    assert CliRunner().invoke(cli, ["lock", str(stage.app)]).exit_code == 0
    assert "gauge @ git+" in (stage.app / "flash.lock").read_text()
    assert build(stage, line, "--locked").exit_code == 0
    in_endpoint = WORKER.replace('cpu="', f'dependencies=["{line.strip()}"], cpu="')
    write(stage.app, {"worker.py": in_endpoint, "requirements.txt": ""})
    (stage.app / "flash.lock").unlink()
    command = ["build", str(stage.app)]
    assert CliRunner().invoke(cli, command).exit_code == 0
    assert stage.bundled()["gauge/__init__.py"] == FORK


def test_a_repository_without_a_name_and_without_a_package_is_an_error(stage: Stage) -> None:
    url = repository(stage, {"README": "nothing"})
    refused = build(stage, f"git+{url}@v1\n")
    assert refused.exit_code == 1
    assert "error[FC416]" in refused.stderr
    assert "--> requirements.txt:1:1" in refused.stderr

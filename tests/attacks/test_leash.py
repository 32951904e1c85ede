"""A project can't allow itself what only the user may allow: to run code, or to write elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.api import build_project
from flashc.lsp.analysis import analyse
from tests.support.projects import compile_files, opened, write

# The name is not a constant to flashc, so only running the module would find the endpoint.
RUNS = """\
import platform
from runpod_flash import Endpoint

open({mark!r}, "w").close()

@Endpoint(name="w-" + platform.machine(), cpu="cpu3c-1-2")
def f(x: int) -> int:
    return x
"""
PLAIN = 'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\ndef f(x: int) -> int: return x\n'


@pytest.mark.parametrize("spelling", ["trace = true", "trace = false", "no-sandbox = true"])
def test_a_project_does_not_trace_itself(spelling: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    files = {
        "main.py": RUNS.format(mark=str(mark)),
        "pyproject.toml": f"[tool.flashc]\n{spelling}\n",
    }
    result = compile_files(tmp_path / "app", files)
    found = result.found("FC011")
    assert (found.path, found.line) == ("pyproject.toml", 2)
    assert f"type `--{spelling.partition(' ')[0]}`" in found.help[0]
    assert "FC104" in result.codes
    assert not mark.exists()
    analyse(tmp_path / "app", {})
    assert not mark.exists()


@pytest.mark.parametrize(
    ("key", "value"), [("allow-build", True), ("allow_build", True), ("locker", "pip-tools")]
)
def test_a_project_does_not_choose_how_packages_are_built(
    key: str, value: object, tmp_path: Path
) -> None:
    text = f"[tool.flashc]\n{key} = {str(value).lower() if value is True else repr(value)}\n"
    workspace = opened(write(tmp_path, {"main.py": PLAIN, "pyproject.toml": text}))
    assert [d.rule.code for d in workspace.findings] == ["FC011"]
    assert not workspace.options.allow_build
    assert workspace.options.locker == "uv"


@pytest.mark.parametrize(
    "place", ["{outside}/backup.tar.gz", "../victim/backup.tar.gz", "link/b.tar.gz"]
)
def test_a_project_does_not_write_outside_of_itself(place: str, tmp_path: Path) -> None:
    outside = tmp_path / "victim"
    outside.mkdir()
    for name in ("backup.tar.gz", "b.tar.gz", "provenance.json"):
        (outside / name).write_text("mine")
    output = place.format(outside=outside)
    app = write(
        tmp_path / "app",
        {"main.py": PLAIN, "pyproject.toml": f"[tool.flashc]\noutput = {output!r}\n"},
    )
    (app / ".flashignore").write_text("link\n")
    (app / "link").symlink_to(outside)
    result = build_project(opened(app))
    assert [d.rule.code for d in result.diagnostics] == ["FC011"]
    assert "--output" in result.diagnostics[0].help[0]
    assert result.artifact == app / ".flash" / "artifact.tar.gz"
    assert {file.read_text() for file in outside.iterdir()} == {"mine"}


def test_a_project_may_write_inside_of_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path is that of the project, not that of the folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    files = {"main.py": PLAIN, "pyproject.toml": '[tool.flashc]\noutput = "dist"\n'}
    result = build_project(opened(write(tmp_path / "app", files)))
    assert result.artifact == tmp_path / "app" / "dist" / "artifact.tar.gz"
    assert result.artifact.is_file()


def test_the_folder_of_builds_is_no_way_out(tmp_path: Path) -> None:
    outside = tmp_path / "victim"
    outside.mkdir()
    app = write(tmp_path / "app", {"main.py": PLAIN})
    (app / ".flash").symlink_to(outside)
    result = build_project(opened(app))
    assert [d.rule.code for d in result.diagnostics] == ["FC901"]
    assert not list(outside.iterdir())
    assert build_project(opened(app, output=tmp_path / "typed")).artifact is not None


def test_the_user_may_allow_it_for_all_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = write(tmp_path / "app", {"main.py": PLAIN})
    file = write(tmp_path, {"mine.toml": 'trace = true\nlocker = "pip-tools"\n'}) / "mine.toml"
    monkeypatch.setenv("FLASHC_CONFIG_FILE", str(file))
    monkeypatch.setenv("FLASHC_ALLOW_BUILD", "1")
    monkeypatch.setenv("FLASHC_LOCKER", "uv")
    options = opened(app).options
    assert (options.trace, options.allow_build, options.locker) == (True, True, "uv")
    assert opened(app, locker="pip-tools", trace=False).options.locker == "pip-tools"
    assert not opened(app, trace=False).options.trace


@pytest.mark.parametrize(
    "text", ["trace = 'yes'", "app = 'x'", "locker = 'poetry'", "[trace]", "trace ="]
)
def test_what_is_wrong_in_the_users_file_is_reported(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, {"mine.toml": text}) / "mine.toml"
    monkeypatch.setenv("FLASHC_CONFIG_FILE", str(file))
    workspace = opened(write(tmp_path / "app", {"main.py": PLAIN}))
    assert [d.rule.code for d in workspace.findings] == ["FC008"]


def test_the_projects_env_file_does_not_set_the_users_options(tmp_path: Path) -> None:
    app = write(
        tmp_path / "app", {"main.py": PLAIN, ".env": "FLASHC_TRACE=1\nFLASHC_ALLOW_BUILD=1\n"}
    )
    options = opened(app).options
    assert not options.trace
    assert not options.allow_build

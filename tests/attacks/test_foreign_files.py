"""Files that are links, pipes, devices or credentials: findings quote none of them, and none ships."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.api import build_project, check_project, open_workspace
from flashc.cli.main import cli
from flashc.report.json_report import render_json
from tests.support.projects import compile_files, opened, write

PLAIN = 'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\ndef f(x: int) -> int: return x\n'
CANARY = "API_KEY=canary-1\nDB_PASSWORD=canary-2\n"


@pytest.mark.parametrize("output_format", ["text", "json", "sarif", "github"])
@pytest.mark.parametrize("included", [".env", "../outside.txt", "link.txt", "{outside}"])
def test_no_finding_quotes_an_included_file(
    included: str, output_format: str, tmp_path: Path
) -> None:
    outside = write(tmp_path, {"outside.txt": CANARY}) / "outside.txt"
    line = included.format(outside=outside)
    app = write(
        tmp_path / "app",
        {"main.py": PLAIN, "requirements.txt": f"-r {line}\n", ".flashignore": "link.txt\n"},
    )
    (app / ".env").write_text(CANARY)
    (app / "link.txt").symlink_to(outside)
    done = CliRunner().invoke(cli, ["check", str(app), "--format", output_format])
    assert "canary" not in done.output
    assert done.exit_code == 1


@pytest.mark.parametrize(
    "name",
    ["settings.txt", "pyproject.toml", "requirements.txt", "uv.lock", "Pipfile", "helper.py"]
    + ["poetry.lock", "pylock.toml", ".flashignore", ".python-version", "flash.lock", "uv.toml"],
)
def test_no_finding_quotes_what_a_link_leads_to(name: str, tmp_path: Path) -> None:
    outside = write(tmp_path, {"outside": "canary one = [\ncanary two {{{ ==\n"}) / "outside"
    app = write(tmp_path / "app", {"main.py": PLAIN})
    (app / name).symlink_to(outside)
    for command in (["check"], ["build", "--no-install"], ["lock"]):
        done = CliRunner().invoke(cli, [*command, str(app)])
        assert "canary" not in done.output, command
        assert done.exit_code in (0, 1), (command, done.output)


@pytest.mark.parametrize(
    "name",
    [
        "settings.txt",
        "pyproject.toml",
        "requirements.txt",
        "main.py",
        "flash.lock",
        ".env",
        "uv.lock",
    ]
    + [".flashignore", ".gitignore", ".python-version", "Pipfile", "pylock.toml"],
)
@pytest.mark.parametrize("kind", ["pipe", "socket", "endless"])
def test_what_never_ends_is_no_file(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = write(tmp_path / "app", {"other.py": PLAIN})
    monkeypatch.chdir(app)  # the path of a socket may have only some hundred characters
    if kind == "pipe":
        os.mkfifo(name)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(name)
    else:
        Path(name).symlink_to("/dev/zero")
    begin = time.monotonic()
    result = build_project(open_workspace(app, {"no_install": True}))
    assert time.monotonic() - begin < 10
    assert not {found.rule.code for found in result.diagnostics} - {"FC003", "FC004", "FC411"}


@pytest.mark.parametrize("kind", ["pipe", "endless", "folder", "nothing"])
def test_only_files_are_verified(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "artifact.tar.gz"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "endless":
        place.symlink_to("/dev/zero")
    elif kind == "folder":
        place.mkdir()
    begin = time.monotonic()
    done = CliRunner().invoke(cli, ["verify", str(place)])
    assert time.monotonic() - begin < 5
    assert done.exit_code in (1, 2)
    assert not done.exception or isinstance(done.exception, SystemExit)


@pytest.mark.parametrize(
    "name",
    ".git-credentials .npmrc .envrc .dockerconfigjson prod.env server.key credentials.json "
    "service-account.json secrets.toml terraform.tfstate kubeconfig pip.conf token.txt "
    ".netrc .pypirc id_ed25519 conf/rclone.conf a/.kube/config .aws/credentials x.kdbx".split(),
)
def test_credentials_do_not_ship(name: str, tmp_path: Path) -> None:
    """Either an ignore pattern leaves the file out, or `check` and `build` both refuse it."""
    compiled = compile_files(tmp_path, {"main.py": PLAIN, name: "canary\n"})
    shipped = {file.path for file in compiled.program.files} if compiled.program else set()
    assert name not in shipped
    checked = check_project(opened(tmp_path))
    built = build_project(opened(tmp_path))
    assert checked.has_errors == built.has_errors
    assert checked.has_errors == ("FC009" in compiled.codes)


@pytest.mark.parametrize("name", [".env.example", "sample.env", "secrets.toml.example"])
def test_documentation_of_credentials_ships_or_is_left_out(name: str, tmp_path: Path) -> None:
    assert compile_files(tmp_path, {"main.py": PLAIN, name: "TOKEN=\n"}).codes == []


def test_names_are_escaped_wherever_they_are_printed(tmp_path: Path) -> None:
    name = "bad\x1b[31m\nerror: forged/kubeconfig"
    result = compile_files(tmp_path, {name: "x", "main.py": PLAIN})
    assert "FC009" in result.codes
    for output_format in ("text", "json", "sarif", "github"):
        done = CliRunner().invoke(cli, ["check", str(tmp_path), "--format", output_format])
        assert "\x1b" not in done.output
        assert "\nerror: forged" not in done.output
    assert "\\u001b" in render_json(result.diagnostics)

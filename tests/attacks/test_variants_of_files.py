"""Pipes, devices, links and odd names in each place where a file may be: findings, and nothing of other folders."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.api import build_project, check_project, verify_artifact
from flashc.cli.main import cli
from tests.support.fuzzing import limits
from tests.support.projects import opened, write

PLAIN = 'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\ndef f(x: int) -> int: return x\n'
CANARY = "canary one = [\ncanary two {{{ ==\n"
NAMES = [
    "requirements.txt", "base.txt", "limits.txt", "requirements-dev.txt", "requirements/gpu.in", "pyproject.toml", "uv.toml", "uv.lock",
    "poetry.lock", "pdm.lock", "pylock.toml", "Pipfile", "Pipfile.lock", "setup.cfg", "setup.py", "flash.lock", ".python-version",
    ".flashignore", ".gitignore", ".env", ".env.local", "helper.py", "__init__.py", "package/__init__.py", "package/part.py",
    "data.json", "data.yaml", "notebook.ipynb", "lib/pyproject.toml", "lib/.gitignore", "lib/.flashignore", ".git",
    "faults.toml", "id_rsa", "x.pem", "sitecustomize.py", "conftest.py",
]  # fmt: skip
FILES: dict[str, str | bytes] = {
    "main.py": "import json, yaml\ntry:\n    import helper, package.part\nexcept ImportError: pass\n" + PLAIN,
    "other.txt": "-r base.txt\n-c limits.txt\n-e ./lib\n",
}  # fmt: skip


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)


def _huge(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(300 * 2**20)


THINGS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "endless file": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "folder": lambda path: path.mkdir(),
    "link to itself": lambda path: path.symlink_to(path.name),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to the root": lambda path: path.symlink_to("/"),
    "link to memory": lambda path: path.symlink_to("/proc/self/mem"),
}
LINKS: dict[str, Callable[[Path, Path], None]] = {
    "absolute": lambda path, outside: path.symlink_to(outside),
    "relative": lambda path, outside: path.symlink_to(os.path.relpath(outside, path.parent)),
    "chain": lambda path, outside: _chain(path, outside),
    "through a folder": lambda path, outside: _through_folder(path, outside),
    "with dots": lambda path, outside: path.symlink_to(f"./{os.path.relpath(outside, path.parent)}"),
}  # fmt: skip


def _chain(path: Path, outside: Path) -> None:
    second = path.with_name(f"{path.name}.second")
    second.symlink_to(outside)
    path.symlink_to(second.name)


def _through_folder(path: Path, outside: Path) -> None:
    folder = path.with_name("folder-link")
    if not folder.is_symlink():
        folder.symlink_to(outside.parent)
    path.symlink_to(f"folder-link/{outside.name}")


ODD_NAMES = [
    "con.py", "aux.txt", "NUL", "com1.json", "lpt9.py", "a.", "a ", " a", "a:b", "a*b", "a?b", "a<b>", "a|b", 'a"b', "a\\b", "-rf",
    "--help", "~", "$HOME", "%s", "{0}", "..a", "...", "x" * 250, "é.txt", "e\u0301.txt", "ﬁ.py", "K.py", "ı.txt", "A.py", "a.py",
    "MAIN.PY", "Main.py", "_FLASHC", "Flash_Manifest.json", "main.pyc", "main.so", "main", "json.py", "os.py", "runpod_flash.py",
    "_flashc/x.py", "handler_w.py", "flash_manifest.json", "requirements.TXT", ".ENV", "\u00a0.py", "１.py", "a\tb", "#a#", "!a", "[a]",
]  # fmt: skip
HUGE = (".env", "requirements.txt", ".gitignore", "pyproject.toml", "uv.lock", "main.py")
VARIANTS = {
    "no file where a file may be": len(NAMES) * len(THINGS),
    "links that leave the project": len(NAMES) * len(LINKS),
    "odd names of files": len(ODD_NAMES) + 1,
    "no folder where the output is": len(THINGS),
    "huge files": len(HUGE),
}


@pytest.mark.parametrize("thing", THINGS)
def test_what_is_no_file_is_answered(
    thing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All places at once; then the main module itself."""
    app = write(tmp_path / "app", FILES)
    for name in NAMES:
        path = app / name
        path.parent.mkdir(parents=True, exist_ok=True) if not path.parent.is_symlink() else None
        monkeypatch.chdir(path.parent)  # the path of a socket may have only some hundred characters
        if not os.path.lexists(path):
            THINGS[thing](path)
    monkeypatch.chdir(tmp_path)
    for includes in ("", "-r base.txt\n-c limits.txt\n-e ./lib\n./lib\n"):
        if includes:
            (app / "requirements.txt").rmdir() if thing == "folder" else (app / "requirements.txt").unlink()  # fmt: skip
            (app / "requirements.txt").write_text(includes)
        with limits():
            checked = check_project(opened(app, python_version=None))
            built = build_project(opened(app, no_install=True, python_version=None))
        assert {d.rule.code for d in checked.diagnostics} <= {
            d.rule.code for d in built.diagnostics
        }
        assert checked.has_errors or built.artifact is not None


@pytest.mark.parametrize("link", LINKS)
def test_nothing_of_a_file_outside_is_shown_or_ships(link: str, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret.txt": CANARY}) / "secret.txt"
    app = write(tmp_path / "app", FILES)
    for name in NAMES:
        path = app / name
        path.parent.mkdir(parents=True, exist_ok=True)
        LINKS[link](path, outside)
    for command in (["check"], ["check", "--format", "json"], ["build", "--no-install"], ["lock"]):
        done = CliRunner().invoke(cli, [*command, str(app)])
        assert done.exit_code == 1, (command, done.output)
        assert "canary" not in done.output
    for folder, _, files in os.walk(app / ".flash" if (app / ".flash").is_dir() else app):
        for file in files:
            path = Path(folder, file)
            if not path.is_symlink() and path.is_file():
                assert b"canary" not in path.read_bytes(), path


@pytest.mark.parametrize("part", range(4))
def test_odd_names_are_built_as_they_are_or_refused(part: int, tmp_path: Path) -> None:
    """Names that other systems can't store, equal ones, and those of other files of the artifact."""
    app = write(tmp_path / "app", {"main.py": PLAIN})
    for name in ODD_NAMES[part::4]:
        path = app / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            path.write_text("x = 1\n")
    with limits():
        result = build_project(opened(app, no_install=True))
    assert result.has_errors == (result.artifact is None)
    if result.artifact is not None:
        assert [d.message for d in verify_artifact(result.artifact).diagnostics] == []


@pytest.mark.parametrize("thing", THINGS)
def test_the_output_is_a_folder_of_the_project(
    thing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = write(tmp_path / "app", {"main.py": PLAIN})
    monkeypatch.chdir(app)
    THINGS[thing](app / ".flash")
    with limits():
        result = build_project(opened(app, no_install=True))
    assert result.has_errors == (result.artifact is None)
    assert result.has_errors == (thing != "folder")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for number, name in enumerate(HUGE):
        files: dict[str, str | bytes] = {
            "main.py": PLAIN,
            "pyproject.toml": "[project]\nname = 'a'\n",
        }
        app = write(tmp_path / str(number), files)
        (app / name).unlink(missing_ok=True)
        _huge(app / name)
        with limits():
            result = check_project(opened(app))
        assert {name, "."} & {d.path for d in result.diagnostics}
        (app / name).unlink()

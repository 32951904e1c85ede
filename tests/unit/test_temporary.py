"""Temporary files and folders of flashc: what a killed run leaves is removed, what another run uses is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flashc_core import temporary
from flashc_core.files import replacing, replacing_folder
from flashc_core.temporary import temporary_folder

HOLDS = """
import os, sys
from pathlib import Path
from flashc_core.files import replacing, replacing_folder
from flashc_core.temporary import temporary_folder
with (
    temporary_folder("build") as folder,
    replacing(Path(sys.argv[1], "a.txt")) as file,
    replacing_folder(Path(sys.argv[1], "out")) as made,
):
    (folder / "x").mkdir()
    print(folder, file, made.parent, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this process and of those that it starts."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    return folder


@pytest.mark.parametrize("is_killed", [True, False])
def test_only_what_no_process_holds_is_removed(
    is_killed: bool, scratch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert other.stdin is not None
    assert other.stdout is not None
    with other.stdin, other.stdout:
        paths = [Path(word) for word in other.stdout.readline().split()]
        assert len(paths) == 3
        if is_killed:
            other.kill()
            other.wait()
        monkeypatch.setattr(temporary, "_looked_at", set[tuple[str, str]]())
        with (
            temporary_folder("build") as folder,
            replacing(tmp_path / "a.txt") as file,
            replacing_folder(tmp_path / "out") as made,
        ):
            assert [path.exists() for path in paths] == [not is_killed] * 3
            assert all(path.exists() for path in (folder, file, made))
    other.wait()
    assert list(scratch.iterdir()) == []


def test_other_names_and_links_stay(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = scratch / "kept"
    kept.mkdir()
    (scratch / "flashc-run-build-abcdefgh").symlink_to(kept)
    (scratch / "flashc-run-build-tooshort").mkdir()
    (scratch / "flashc-state-abcdefgh").mkdir()
    (scratch / "flashc-run-lock-abcdefgh").mkdir()
    monkeypatch.setattr(temporary, "_looked_at", set[tuple[str, str]]())
    with temporary_folder("build"):
        assert {path.name for path in scratch.iterdir()} > {
            *("kept", "flashc-run-build-abcdefgh", "flashc-state-abcdefgh")
        }
        assert not (scratch / "flashc-run-lock-abcdefgh").exists()

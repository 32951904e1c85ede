"""What tests have in common: environments of their own, made once per session."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin


def make_environment(folder: Path, *requirements: str, python: str | None = None) -> Path:
    """A fresh virtual environment with these requirements; returns its interpreter."""
    uv = find_uv_bin()
    subprocess.run(
        [uv, "venv", "--quiet", "--python", python or sys.executable, str(folder)], check=True
    )
    interpreter = folder / "bin" / "python"
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", str(interpreter), *requirements], check=True
    )
    return interpreter


@pytest.fixture(scope="session")
def worker_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that has what a worker image has: runpod, fastapi and uvicorn, nothing of flashc's."""
    folder = tmp_path_factory.mktemp("worker") / "venv"
    return str(make_environment(folder, "runpod", "fastapi", "uvicorn"))


@pytest.fixture(scope="session")
def incumbent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real `flash` command, in an environment of its own."""
    folder = tmp_path_factory.mktemp("incumbent") / "venv"
    return make_environment(folder, "runpod-flash").parent / "flash"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch, cache_folder: Path) -> None:
    """Tests do not see the variables by which a user's shell could change a build, nor the user's cache."""
    for name in list(os.environ):
        if name.startswith(("FLASH", "RUNPOD_")) or name == "SOURCE_DATE_EPOCH":
            monkeypatch.delenv(name)
    monkeypatch.setenv("FLASHC_CACHE_DIR", str(cache_folder))


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the whole session: what is resolved and compressed once need not be again."""
    return tmp_path_factory.mktemp("cache")

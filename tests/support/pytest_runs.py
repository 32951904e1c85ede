"""Run pytest in a subprocess on a project whose tests use the fixtures of flashc."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.interpreters import oldest_worker_python
from tests.support.projects import EXAMPLES, ROOT

TEMPORARY = "PYTEST_DEBUG_TEMPROOT"  # pytest makes temporary folders there


def command(*words: str) -> list[str]:
    """The command of a run; the name of the plugin is that of its entry point, so it is loaded once.

    The plugin of schemathesis, which is in the environment for other tests, takes half of the start.
    """
    plugins = ["-p", "no:cacheprovider", "-p", "no:schemathesis", "-p", "flashc.testing.plugin"]
    return [sys.executable, "-m", "pytest", "-q", *plugins, "-W", "error", *words]


def environment() -> dict[str, str]:
    """The variables of a run: those of this test without the outer run's settings, and where flashc is.

    Where `CI` is set, pytest prints the reasons of failures in full twice.  No bytecode is written, because Python
    would take that of a module for one of the same second and size.
    """
    paths = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
    kept = {n: v for n, v in os.environ.items() if n == TEMPORARY or not n.startswith("PYTEST_")}
    kept.pop("CI", None)
    return {**kept, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a project."""
    return subprocess.run(
        command(*words), cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )


def configuration(name: str) -> str:
    """The `pyproject.toml` of a project whose workers have a Python of this machine."""
    return (
        f'[tool.flashc]\napp = "{name}"\npython-version = "{oldest_worker_python().minor}"\n'
        '[tool.pytest.ini_options]\npythonpath = ["."]\n'
    )


def copied_example(folder: Path) -> Path:
    """A copy of the example with tests, whose workers have a Python of this machine."""
    ignored = shutil.ignore_patterns(".flash", "__pycache__")
    project = Path(shutil.copytree(EXAMPLES / "tested", folder / "tested", ignore=ignored))
    with (project / "pyproject.toml").open("a", encoding="utf-8") as stream:
        stream.write(f'\n[tool.flashc]\npython-version = "{oldest_worker_python().minor}"\n')
    return project

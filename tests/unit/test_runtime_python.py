"""The runtime is for Python 3.10 and later: what travels to workers is read as 3.10 would, and run there.

pytest's last lines say which Python ran it; the environment variable `FLASHC_OLDEST_PYTHON` makes one a
condition.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flashc_ir.platform.images import supported_pythons
from tests.support.environments import make_environment
from tests.support.interpreters import oldest_worker_python
from tests.support.projects import EXAMPLES, ROOT, compile_folder, unpacked

OLDEST = supported_pythons()[0]


@pytest.fixture(scope="module")
def travelling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What flashc adds to a project's own files: runtime, catalogue, stubs and handlers."""
    folder = tmp_path_factory.mktemp("app")
    compiled = compile_folder(EXAMPLES / "pipeline")
    unpacked(compiled, folder)
    for module in compiled.valid.modules:
        (folder / module.path).unlink(missing_ok=True)
    return folder


def test_the_syntax_is_that_of_the_oldest_python(travelling: Path) -> None:
    files = sorted(travelling.rglob("*.py"))
    assert {"wire.py", "catalogue.py", "routes.py"} <= {path.name for path in files}
    for path in files:
        ast.parse(path.read_text("utf-8"), str(path), feature_version=int(OLDEST.partition(".")[2]))


def vermin(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Ask which Python these files need, at most the oldest of the workers."""
    start = "from vermin import main; main()"
    command = [sys.executable, "-c", start, "--no-tips", f"--target={OLDEST}-"]
    return subprocess.run(
        [*command, "--violations", "--eval-annotations", *map(str, paths)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_newer_part_of_the_standard_library_is_used(travelling: Path) -> None:
    answer = vermin(travelling)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    "text",
    ["import tomllib\n", "from enum import StrEnum\n", "try: pass\nexcept* ValueError: pass\n"],
)
def test_a_newer_part_would_be_noticed(text: str, tmp_path: Path) -> None:
    (tmp_path / "newer.py").write_text(text)
    answer = vermin(tmp_path / "newer.py")
    assert answer.returncode == 1, answer.stderr
    assert "Minimum required versions: 3.11" in answer.stdout, answer.stdout


def test_the_runtimes_tests_pass_under_the_oldest_python(tmp_path: Path) -> None:
    oldest = oldest_worker_python()
    requirements = ("pytest", "hypothesis", "fastapi", "httpx", "python-multipart", "numpy")
    python = make_environment(tmp_path / "venv", *requirements, python=oldest.path)
    tests = ["tests/unit/runtime"]
    tests += [f"tests/properties/test_{name}.py" for name in ("arguments", "codec")]
    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
        + ["--confcutdir=tests/unit/runtime", f"--basetemp={tmp_path / 'temporary'}"],
        cwd=ROOT,
        env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path / "hypothesis")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{oldest}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}"

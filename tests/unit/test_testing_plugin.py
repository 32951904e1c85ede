"""The pytest plugin is cheap to load, and shows the findings of an app that can't be built once."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.projects import ROOT, write
from tests.support.pytest_runs import configuration, environment, run_pytest

USES_BOTH = (
    "def test_one(flash_local):\n    pass\n"
    "def test_two(flash_local):\n    pass\n"
    "def test_three(flash_app):\n    pass\n"
    "def test_without():\n    pass\n"
)


def test_loading_the_plugin_imports_neither_the_compiler_nor_its_libraries() -> None:
    code = "import sys, pytest\nbefore = set(sys.modules)\nimport flashc.testing.plugin\n"
    code += "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    own = {"flashc", "flashc.testing", "flashc.testing.plugin"}
    others = {name.partition(".")[0] for name in json.loads(done.stdout)} - {"flashc"}
    assert own <= set(json.loads(done.stdout))
    assert others <= sys.stdlib_module_names
    assert {n for n in json.loads(done.stdout) if n.startswith("flashc")} == own


def test_the_plugin_is_an_entry_point_with_the_name_of_its_module() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = "flashc.testing.plugin"
    assert project["entry-points"]["pytest11"] == {name: name}
    assert any(each.startswith("pytest") for each in project["optional-dependencies"]["testing"])


def test_the_findings_of_a_wrong_project_are_shown_once(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": configuration("wrong"),
        "worker.py": "from flashc import Endpoint\n@Endpoint(nam='x')\ndef f(): ...\n",
        "tests/test_all.py": USES_BOTH,
    }
    done = run_pytest(write(tmp_path, files))
    assert "1 passed, 3 errors" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count(" --> worker.py:2:") == 1
    assert "findings of flashc" in done.stdout
    assert done.stdout.count("the app can't be built or started: error[FC1") >= 3


def test_wrong_names_are_said_in_one_line(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": configuration("app") + 'flash_replay = ["nothing"]\n',
        "worker.py": (
            "from flashc import Endpoint\n"
            "@Endpoint(name='f', cpu='cpu3c-1-2')\ndef f() -> int:\n    return 7\n"
        ),
        "test_it.py": (
            "import pytest\n"
            "@pytest.mark.flash_project('../nowhere')\n"
            "def test_folder(flash_local): pass\n"
            "@pytest.mark.flash_project\n"
            "def test_marker(flash_local): pass\n"
            "def test_endpoint(flash_local): pass\n"
        ),
    }
    done = run_pytest(write(tmp_path, files), "--tb=line")
    assert "3 errors" in done.stdout, done.stdout + done.stderr
    assert "there is no folder" in done.stdout
    assert "the marker flash_project needs one folder" in done.stdout
    assert "the app has no endpoint 'nothing'; it has f" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_process_of_xdist_shows_the_findings_too(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": configuration("wrong"),
        "worker.py": "from flashc import Endpoint\n@Endpoint(nam='x')\ndef f(): ...\n",
        "tests/test_all.py": "def test_one(flash_local):\n    pass\n",
    }
    done = run_pytest(write(tmp_path, files), "-n", "1")
    assert "1 error" in done.stdout, done.stdout + done.stderr
    assert done.stdout.count(" --> worker.py:2:") == 1
    done = run_pytest(tmp_path, "-n", "1", "--flash-record=local")
    assert done.returncode == 4
    assert "--flash-record writes one file: leave out -n" in done.stderr


@pytest.mark.parametrize("how", ["marker", "option", "nearest"])
def test_the_project_is_the_one_that_is_named_or_the_nearest(how: str, tmp_path: Path) -> None:
    app = {
        "app/pyproject.toml": configuration("app"),
        "app/worker.py": (
            "from flashc import Endpoint\n"
            "@Endpoint(name='f', cpu='cpu3c-1-2')\ndef f() -> int:\n    return 7\n"
        ),
    }
    ini = "[pytest]\n" + ("flash_project = app\n" if how == "option" else "")
    mark = {"marker": "import pytest\npytestmark = pytest.mark.flash_project('../app')\n"}
    test = mark.get(how, "") + "def test_it(flash_local):\n    assert flash_local.call('f') == 7\n"
    folder = "app/tests" if how == "nearest" else "other"
    files = {**app, "pytest.ini": ini, f"{folder}/test_it.py": test}
    done = run_pytest(write(tmp_path, files), "--rootdir", ".", "-c", "pytest.ini")
    assert done.returncode == 0, done.stdout + done.stderr


def test_coverage_sees_the_files_of_the_project(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": configuration("app"),
        "worker.py": (
            "from flashc import Endpoint\n\n\n"
            "@Endpoint(name='f', cpu='cpu3c-1-2')\n"
            "def f(number: int) -> int:\n"
            "    if number > 1:\n"
            "        return 1\n"
            "    return 2\n"
        ),
        "test_it.py": "def test_it(flash_local):\n    assert flash_local.call('f', number=3) == 1\n",
    }
    done = run_pytest(write(tmp_path, files), "--cov=.", "--cov-report=term-missing")
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("worker.py")]
    assert line.split()[1:] == ["6", "1", "83%", "8"]

"""A large project is read by several processes; the result is that of one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.api.check import CheckResult, check_project
from flashc.incremental import file_credentials, plain_modules
from flashc.project import source_roots
from flashc.project.ignore import BUILT_IN
from flashc.project.ignore_patterns import compile_patterns, expressions_of_valid
from flashc.project.workspace import open_workspace
from flashc_core.cache import Store
from tests.support.projects import write

_TOKEN = "hf_" + "".join("aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zAcF"[::-1])
_PROJECT = {
    "worker.py": (
        "import sys\nfrom pathlib import Path\n"
        "sys.path.insert(0, str(Path(__file__).parent / 'lib'))\n"
        "import tools\nimport shapes.round\nfrom runpod_flash import Endpoint\n\n"
        "@Endpoint(name='w', cpu='cpu3c-1-2')\n"
        "async def run(x: int) -> int:\n    return tools.double(x)\n"
    ),
    "lib/tools.py": "import helpers\ndef double(x):\n    return 2 * x\n",
    "lib/helpers.py": "import no_such_package\n",
    "shapes/__init__.py": "",
    "shapes/round.py": "from . import corners\n",
    "shapes/corners.py": "import worker\nimport another_missing_package\n",
    "broken.py": "def (:\n",
    "notes.txt": f"token = {_TOKEN}\n",
    "requirements.txt": "this is no requirement ==\n",
    "uv.lock": "not = toml = at all\n",
    "pyproject.toml": "[project]\nname = 'x'\nversion = '1'\ndependencies = ['also no requirement']\n",
}


def _check(root: Path, cache: Path) -> CheckResult:
    """Check a project with an empty cache."""
    return check_project(open_workspace(root, cache=Store(folder=cache)))


def test_the_result_does_not_depend_on_the_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "app", _PROJECT)
    alone = _check(root, tmp_path / "one")
    monkeypatch.setattr(file_credentials, "_MUCH", 0)
    monkeypatch.setattr(plain_modules, "_MIN_PARALLEL_SIZE", 0)
    monkeypatch.setattr(source_roots, "_MIN_PARALLEL_SIZE", 0)
    assert _check(root, tmp_path / "two") == alone
    found = {each.rule.code for each in alone.diagnostics}
    assert found == {"FC008", "FC114", "FC128", "FC409"}


def test_the_built_in_patterns_are_valid() -> None:
    compiled = [pattern.regex for pattern in compile_patterns(BUILT_IN).patterns]
    assert [each.pattern for each in compiled if each is not None] == expressions_of_valid(BUILT_IN)
    assert len(compiled) == len(BUILT_IN)

"""`importlib.import_module` with a relative name starts from the package that the call names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import compile_files

HEAD = "import importlib\nfrom runpod_flash import Endpoint\n"
WORKER = "\n@Endpoint(name=state.NAME)\ndef f(x: int) -> int: return x\n"
FILES = {"lib/__init__.py": "", "lib/state.py": "NAME = 'w'\n", "lib/deep/__init__.py": ""}


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("worker.py", "importlib.import_module('.state', 'lib')"),
        ("worker.py", "importlib.import_module('.state', package='lib')"),
        ("worker.py", "importlib.import_module('..state', 'lib.deep')"),
        ("worker.py", "importlib.import_module('lib.state', 'other')"),
        ("lib/worker.py", "importlib.import_module('.state', __package__)"),
        ("lib/deep/worker.py", "importlib.import_module('..state', package=__package__)"),
        ("lib/deep/worker.py", "importlib.import_module('.state', 'lib')"),
        ("lib/__init__.py", "importlib.import_module('.state', __name__)"),
    ],
)
def test_it_is_found(module: str, call: str, tmp_path: Path) -> None:
    compiled = compile_files(tmp_path, {**FILES, module: f"{HEAD}state = {call}{WORKER}"})
    assert compiled.codes == []
    assert [endpoint.name for endpoint in compiled.valid.code_endpoints] == ["w"]
    imports = (each for module in compiled.valid.modules for each in module.imports)
    assert {each.module for each in imports if each.dynamic} == {"lib.state"}


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("importlib.import_module('...state', 'lib')", "FC301"),
        ("importlib.import_module('.state', PACKAGE)", "FC306"),
    ],
)
def test_what_leads_out_and_what_is_computed_are_findings(
    call: str, code: str, tmp_path: Path
) -> None:
    text = f"{HEAD}PACKAGE = 'lib'\nstate = {call}\n" + WORKER.replace("state.NAME", "'w'")
    assert code in compile_files(tmp_path, {**FILES, "worker.py": text}).codes

"""Every spelling of an import of the SDK, and what the artifact makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_backends.files.project_files import edited_source
from tests.support.projects import compile_files

SPELLINGS = {
    "from runpod_flash import Endpoint, GpuGroup": "Endpoint(name='w', gpu=GpuGroup.ADA_24)",
    "from flashc import Endpoint": "Endpoint(name='w')",
    "from runpod_flash import Endpoint as E": "E(name='w')",
    "import runpod_flash": "runpod_flash.Endpoint(name='w')",
    "import runpod_flash as rf": "rf.Endpoint(name='w', gpu=rf.GpuGroup.ADA_24)",
    "import os, runpod_flash as rf, sys": "rf.Endpoint(name='w')",
    "from runpod_flash import *": "Endpoint(name='w')",
    "from local import Endpoint": "Endpoint(name='w')",
    "from local import flash": "flash.Endpoint(name='w')",
    "import local": "local.Again(name='w')",
    "from runpod_flash.endpoint import Endpoint": "Endpoint(name='w')",
    "try:\n    from runpod_flash import Endpoint\nexcept ImportError:\n    Endpoint = None": (
        "Endpoint(name='w')"
    ),
    "from functools import partial\nfrom runpod_flash import Endpoint\n"
    "Small = partial(Endpoint, workers=2)": "Small(name='w')",
    "from runpod_flash import Endpoint\nCONFIG = {'name': 'w', 'workers': 2}": "Endpoint(**CONFIG)",
    "from runpod_flash import Endpoint\ndef small(name): return Endpoint(name=name, workers=2)": (
        "small('w')"
    ),
    "from runpod_flash import Endpoint\nep = Endpoint(name='w')": "ep",
}
LOCAL = "import runpod_flash as flash\nfrom runpod_flash import Endpoint\nAgain = Endpoint\n"


@pytest.mark.parametrize("head", list(SPELLINGS))
def test_the_endpoint_is_found_and_the_sdk_is_gone(head: str, tmp_path: Path) -> None:
    text = f"{head}\n\n@{SPELLINGS[head]}\nasync def run(x: int): return x\n"
    result = compile_files(tmp_path, {"worker.py": text, "local.py": LOCAL})
    assert result.codes == []
    (endpoint,) = result.valid.deployed
    assert endpoint.name == "w"
    for module in result.valid.modules:
        shipped = edited_source((tmp_path / module.path).read_bytes(), module).decode()
        compile(shipped, module.path, "exec")
        imports = [line for line in shipped.splitlines() if "import" in line and "def " not in line]
        assert not any("runpod_flash import" in line or "from flashc " in line for line in imports)
        assert not any(line.startswith("import runpod_flash") for line in imports)


def test_names_that_only_the_constructor_used_are_not_imported(tmp_path: Path) -> None:
    text = (
        "from runpod_flash import (  # all of it\n    Endpoint,\n    GpuGroup,\n    DataCenter,\n)\n\n"
        "HERE = DataCenter.EU_RO_1\n\n"
        "@Endpoint(name='w', gpu=GpuGroup.ADA_24)\nasync def run(x: int): return HERE\n"
    )
    (module,) = compile_files(tmp_path, {"worker.py": text}).valid.modules
    shipped = edited_source(text.encode(), module).decode()
    assert shipped.startswith("from _flashc.sdk import (Endpoint, DataCenter\n\n\n\n)\n")
    assert shipped.splitlines()[8] == '@Endpoint("w")'


def test_loops_and_factories_make_the_endpoints_that_python_would(tmp_path: Path) -> None:
    text = (
        "from runpod_flash import Endpoint\n\n"
        "def make(name):\n    async def run(x: int): return name\n    return Endpoint(name=name)(run)\n\n"
        "for size in ('small', 'large'):\n    globals()[f'run_{size}'] = make(f'w-{size}')\n"
    )
    program = compile_files(tmp_path, {"worker.py": text}).valid
    assert [e.name for e in program.deployed] == ["w-large", "w-small"]
    assert {e.construction.edit for e in program.deployed} == {None}


def test_an_sdk_import_outside_of_what_workers_run_does_not_matter(tmp_path: Path) -> None:
    files = {
        "worker.py": "from runpod_flash import Endpoint\n@Endpoint(name='w')\nasync def run(x: int): return x\n",
        "deploy_script.py": "from runpod_flash.cli.utils import app\nimport runpod_flash.core.api\n",
    }
    assert compile_files(tmp_path, files).codes == []

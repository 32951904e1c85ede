"""What the compiler evaluates of the SDK, workers have too: a module does the same in both."""

from __future__ import annotations

import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest

from flashc.frontend.flash import FLASH
from flashc.frontend.flash.names import ENUMS, NAMES
from flashc_backends.runtime import sdk
from flashc_ir.platform.catalogue import DataCenter, GpuGroup, GpuType
from tests.support.projects import compile_files, unpacked

WORKER = """
from runpod_flash import DataCenter, Endpoint, GpuGroup, GpuType
PLACE = DataCenter.from_string(" eu_ro_1 ")
COUNTS = [len(kind.all()) for kind in (DataCenter, GpuGroup, GpuType)]

@Endpoint(name=f"w-{PLACE.value}", datacenter=PLACE)
def run(x: int) -> int:
    return x
"""


def test_the_runtime_offers_every_name_of_the_sdk() -> None:
    assert sorted(sdk.__all__) == sorted(NAMES)


@pytest.mark.parametrize("kind", ENUMS.values(), ids=list(ENUMS))
def test_methods_of_enums_are_those_of_the_catalogue_that_workers_have(kind: type[Enum]) -> None:
    names = {name for name in dir(kind) if not name.startswith("_")} | {"all", "from_string"}
    evaluated = {name for name in names if FLASH.semantics().enum_method(kind, name) is not None}
    own = {name for name, value in vars(kind).items() if isinstance(value, classmethod)}
    assert evaluated == {name for name in own if not name.startswith("_")}


def test_a_worker_evaluates_the_methods_as_the_compiler_does(tmp_path: Path) -> None:
    compiled = compile_files(tmp_path / "app", {"worker.py": WORKER})
    (endpoint,) = compiled.valid.deployed
    assert endpoint.name == "w-EU-RO-1"
    artifact = unpacked(compiled, tmp_path / "artifact")
    code = "import worker; print(worker.PLACE.value, *worker.COUNTS)"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=artifact, capture_output=True, text=True, check=True
    )
    counts = [len(kind.all()) for kind in (DataCenter, GpuGroup, GpuType)]
    assert run.stdout.split() == ["EU-RO-1", *map(str, counts)]

"""Our catalogue says what the installed SDK says."""

from __future__ import annotations

import json
import subprocess
from enum import Enum
from pathlib import Path

from flashc_ir.platform import catalogue

_DUMP = """
import json
from runpod_flash import CpuInstanceType, CudaVersion, DataCenter, GpuGroup, GpuType, ServerlessScalerType
from runpod_flash.core.resources.gpu import POOLS_TO_TYPES
enums = (CpuInstanceType, CudaVersion, DataCenter, GpuGroup, GpuType, ServerlessScalerType)
print(json.dumps({
    "enums": {e.__name__: {m.name: m.value for m in e} for e in enums},
    "pools": {pool.name: [t.name for t in types] for pool, types in POOLS_TO_TYPES.items()},
}))
"""
# Members that only the documentation has.
DOCUMENTED = {
    "DataCenter": {place.name for place in catalogue.DOCUMENTED_ONLY},
    "CudaVersion": {"V11_1", "V11_4", "V11_7"},
}


def test_enums_and_pools_are_those_of_the_sdk(incumbent: Path) -> None:
    python = incumbent.parent / "python"
    run = subprocess.run([python, "-c", _DUMP], capture_output=True, text=True, check=True)
    theirs = json.loads(run.stdout.splitlines()[-1])
    for name, members in theirs["enums"].items():
        ours: type[Enum] = getattr(catalogue, name)
        kept = {m.name: m.value for m in ours if m.name not in DOCUMENTED.get(name, set())}
        assert kept == members, name
    pools = {pool.name: [t.name for t in types] for pool, types in catalogue.POOL_MEMBERS.items()}
    assert pools == theirs["pools"]

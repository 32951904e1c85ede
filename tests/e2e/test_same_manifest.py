"""The manifest says what the incumbent's own build says, wherever the platform's provisioner reads it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.projects import EXAMPLES, built, write

# What the provisioner reads of a resource.
KEYS = [
    "resource_type",
    "is_load_balanced",
    "gpuIds",
    "env",
    "main_file",
    "app_variable",
    "makes_remote_calls",
    "target_python_version",
    "imageName",
    "templateId",
    "workersMin",
    "workersMax",
    "scalerType",
    "scalerValue",
    "minCudaVersion",
    "instanceIds",
    "idleTimeout",
    "locations",
    "networkVolumes",
    "networkVolume",
    "networkVolumeId",
    "max_concurrency",
]

APPS: dict[str, dict[str, str]] = {
    "gpus": {
        "gpus.py": """
from runpod_flash import Endpoint, GpuGroup, GpuType, CudaVersion, ServerlessScalerType

@Endpoint(name="any")
async def any_gpu(x: int): return x

@Endpoint(name="pool", gpu=GpuGroup.AMPERE_16, workers=4, scaler_value=7)
async def pool(x: int): return x

@Endpoint(name="models", gpu=[GpuType.NVIDIA_RTX_A4000, GpuType.NVIDIA_L4, GpuGroup.ADA_24],
          min_cuda_version=CudaVersion.V12_4, scaler_type=ServerlessScalerType.REQUEST_COUNT)
async def models(x: int): return x

@Endpoint(name="both", gpu=[GpuGroup.AMPERE_24, GpuType.NVIDIA_L4], max_concurrency=3)
async def both(x: int): return x

@Endpoint(gpu=GpuGroup.BLACKWELL_96, env={"A": "1", "B": "two"}, min_cuda_version=None)
async def named_by_its_function(x: int): return x
"""
    },
    "places": {
        "places.py": """
from runpod_flash import Endpoint, GpuGroup, DataCenter, NetworkVolume, CpuInstanceType, PodTemplate

one = NetworkVolume(name="models", size=50, datacenter=DataCenter.EU_RO_1)
two = NetworkVolume(name="more", size=20, datacenter=DataCenter.US_KS_2)

@Endpoint(name="volumes", gpu=GpuGroup.ADA_24, datacenter=[DataCenter.EU_RO_1, "us_ks_2"],
          volume=[one, two])
async def volumes(x: int): return x

@Endpoint(name="cpu", cpu=[CpuInstanceType.CPU5C_2_4, "cpu3c-2-4"], volume=one,
          template=PodTemplate(containerDiskInGb=20), idle_timeout=5)
def cpu(x: int): return x

@Endpoint(name="klass", gpu=GpuGroup.ADA_24, datacenter="EU-RO-1")
class Model:
    def __init__(self): self.n = 1
    def predict(self, x: int): return x
    async def other(self): return 1
    def _private(self): return 2
"""
    },
    "routes": {
        "api.py": """
from runpod_flash import Endpoint

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=(1, 3))

@api.get("/health")
async def health(): return {"ok": True}

@api.post("/items/{item}")
async def add(item: str, count: int = 1): return {item: count}

@api.delete("/items/{item}")
async def drop(item: str):
    from work import grind
    return await grind(item)
""",
        "work.py": """
from runpod_flash import Endpoint, GpuGroup

@Endpoint(name="work", gpu=GpuGroup.ADA_24)
async def grind(item: str): return item

vllm = Endpoint(name="vllm", image="vllm/vllm-openai:latest", gpu=GpuGroup.AMPERE_80)
""",
    },
}

# (app, resource, key) -> why flashc's value differs.
INTENDED: dict[tuple[str, str, str], str] = {
    ("gpus", "named_by_its_function", "minCudaVersion"): (
        "the program says `min_cuda_version=None`; the incumbent puts its default back"
    ),
}


def incumbent_manifest(flash: Path, project: Path, home: Path) -> dict[str, Any]:
    """What the real `flash build` writes."""
    run = subprocess.run(
        [str(flash), "build", "--no-deps"],
        cwd=project,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "CI": "1", "RUNPOD_API_KEY": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    path = project / ".flash" / "flash_manifest.json"
    assert path.is_file(), run.stdout + run.stderr
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def normalised(resource: dict[str, Any]) -> dict[str, Any]:
    """The provisioner takes one volume under either key, and an empty environment as none."""
    found = {key: resource[key] for key in KEYS if resource.get(key) not in (None, {}, "")}
    if "networkVolume" in found:
        found["networkVolumes"] = [found.pop("networkVolume")]
    return found


@pytest.mark.parametrize("name", [*APPS, "skeleton", "pipeline"])
def test_what_the_provisioner_reads_is_the_same(name: str, tmp_path: Path, incumbent: Path) -> None:
    project = tmp_path / name
    if name in APPS:
        write(project, APPS[name])
    else:
        shutil.copytree(EXAMPLES / name, project, ignore=shutil.ignore_patterns(".flash"))
        for module in project.glob("*.py"):
            text = module.read_text().replace("from flashc import", "from runpod_flash import")
            module.write_text(text)
    theirs = incumbent_manifest(incumbent, project, tmp_path)
    artifact = built(project, tmp_path / "out" / "artifact.tar.gz", no_install=True)
    ours = json.loads((artifact.parent / "flash_manifest.json").read_text())

    assert ours["resources"].keys() == theirs["resources"].keys()
    assert ours.get("routes") == theirs.get("routes")
    assert ours["function_registry"] == theirs["function_registry"]
    for resource, entry in theirs["resources"].items():
        mine, other = normalised(ours["resources"][resource]), normalised(entry)
        for key in sorted(mine.keys() | other.keys()):
            if (name, resource, key) in INTENDED:
                assert mine.get(key) != other.get(key), "no longer a difference"
                continue
            assert mine.get(key) == other.get(key), (resource, key)

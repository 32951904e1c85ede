"""`remote` and resource classes compile to what the same program with `Endpoint` compiles to."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flashc.api import apply_fixes
from flashc_ir.printer import print_endpoint
from tests.support.projects import compile_files, compile_folder, opened, unpacked, write

# They compile many projects, which measuring makes two to three times slower.
pytestmark = pytest.mark.no_cover

HEAD = (
    "import os\nfrom runpod_flash import CpuInstanceType, CudaVersion, DataCenter, Endpoint\n"
    "from runpod_flash import CpuLiveLoadBalancer, CpuLiveServerless, GpuGroup, GpuType\n"
    "from runpod_flash import LiveLoadBalancer, LiveServerless, NetworkVolume, PodTemplate\n"
    "from runpod_flash import ServerlessScalerType, remote\n\n"
)
# The older form, and the program that the documentation of `Endpoint` would have.
PAIRS = {
    "all fields": (
        "c = LiveServerless(name='a', gpus=[GpuGroup.ADA_24, GpuType.NVIDIA_L4], workersMin=1, workersMax=4,\n"
        "    idleTimeout=9, executionTimeoutMs=5000, gpuCount=2, flashboot=False, env={'A': os.environ['A']},\n"
        "    template=PodTemplate(containerDiskInGb=20), datacenter=DataCenter.EU_RO_1,\n"
        "    networkVolumes=[NetworkVolume(name='v')], minCudaVersion='12.4', scalerValue=7,\n"
        "    scalerType=ServerlessScalerType.REQUEST_COUNT)\n"
        "@remote(c, dependencies=['idna'], system_dependencies=['ffmpeg'], accelerate_downloads=False)\n"
        "def f(x: int): return x\n",
        "@Endpoint(name='a', gpu=[GpuGroup.ADA_24, GpuType.NVIDIA_L4], workers=(1, 4), idle_timeout=9,\n"
        "    execution_timeout_ms=5000, gpu_count=2, flashboot=False, env={'A': os.environ['A']},\n"
        "    template=PodTemplate(containerDiskInGb=20), datacenter=DataCenter.EU_RO_1,\n"
        "    volume=[NetworkVolume(name='v')], min_cuda_version='12.4', scaler_value=7,\n"
        "    scaler_type=ServerlessScalerType.REQUEST_COUNT, dependencies=['idna'],\n"
        "    system_dependencies=['ffmpeg'], accelerate_downloads=False)\n"
        "def f(x: int): return x\n",
    ),
    "defaults": (
        "@remote(LiveServerless(name='a'))\nasync def f(x: int): return x\n",
        "@Endpoint(name='a')\nasync def f(x: int): return x\n",
    ),
    "cpu": (
        "@remote(resource_config=CpuLiveServerless(name='a', workersMax=5))\nclass A:\n    def go(self): return 1\n",
        "@Endpoint(name='a', cpu='cpu3g-2-8', workers=5)\nclass A:\n    def go(self): return 1\n",
    ),
    "instances": (
        "@remote(CpuLiveServerless(name='a-fb', instanceIds=[CpuInstanceType.CPU3C_1_2]))\ndef f(): pass\n",
        "@Endpoint(name='a', cpu=[CpuInstanceType.CPU3C_1_2])\ndef f(): pass\n",
    ),
    "routes": (
        "lb = LiveLoadBalancer(name='a', workersMin=1)\n"
        "@remote(lb, method='GET', path='/a/{n}', dependencies=['idna'])\nasync def f(n: int): return n\n"
        "@remote(lb, dependencies=['click'], method='POST', path='/b')\ndef g(x: str): return x\n",
        "lb = Endpoint(name='a', workers=(1, 1), dependencies=['idna', 'click'])\n"
        "@lb.get('/a/{n}')\nasync def f(n: int): return n\n"
        "@lb.post('/b')\ndef g(x: str): return x\n",
    ),
    "computed": (
        "BASE = dict(workersMax=2, idleTimeout=5)\ndef made(n): return CpuLiveLoadBalancer(name=n, **BASE)\n"
        "one, two = made('one'), made('two')\n"
        "@remote(one, method='PUT', path='/x')\ndef f(): pass\n"
        "@remote(two, method='PATCH', path='/x')\ndef g(): pass\n",
        "one, two = (Endpoint(name=n, cpu='cpu3g-2-8', workers=2, idle_timeout=5) for n in ('one', 'two'))\n"
        "@one.put('/x')\ndef f(): pass\n"
        "@two.patch('/x')\ndef g(): pass\n",
    ),
}


def shown(folder: Path) -> list[str]:
    """Return the endpoints of a project as text, without the places in the source."""
    result = compile_folder(folder)
    errors = [
        d.message for d in result.diagnostics if d.rule.code not in ("FC137", "FC212", "FC321")
    ]
    assert not errors
    lines = [line for endpoint in result.valid.endpoints for line in print_endpoint(endpoint)]
    return [re.sub(r" at \S+:\d+:\d+$", "", line) for line in lines]


@pytest.mark.parametrize("name", PAIRS)
def test_the_older_form_means_the_same(name: str, tmp_path: Path) -> None:
    older, newer = PAIRS[name]
    write(tmp_path / "older", {"worker.py": HEAD + older})
    write(tmp_path / "newer", {"worker.py": HEAD + newer})
    assert shown(tmp_path / "older") == shown(tmp_path / "newer")


@pytest.mark.parametrize("name", sorted(PAIRS.keys() - {"routes", "computed"}))
def test_a_rewritten_module_means_the_same(name: str, tmp_path: Path) -> None:
    root = write(tmp_path, {"worker.py": HEAD + PAIRS[name][0]})
    before = shown(root)
    changes = apply_fixes(opened(root), unsafe=True).changes
    assert list(changes) == ["worker.py"]
    text = (root / "worker.py").read_text()
    assert "remote" not in text
    assert "Live" not in text
    assert shown(root) == before
    assert not apply_fixes(opened(root), unsafe=True).changes


@pytest.mark.parametrize("name", ["routes", "computed"])
def test_what_can_not_be_rewritten_stays(name: str, tmp_path: Path) -> None:
    """Two functions with packages of their own, and a class that one call makes several times."""
    root = write(tmp_path, {"worker.py": HEAD + PAIRS[name][0]})
    assert not apply_fixes(opened(root), unsafe=True).changes


def printed(folder: Path, resource: str, program: str) -> str:
    """Return what a program prints on a worker of a resource that has no SDK."""
    without_sdk = "import sys\nsys.modules['runpod_flash'] = sys.modules['tetra_rp'] = None\n"
    run = subprocess.run(
        [sys.executable, "-c", without_sdk + program],
        cwd=folder,
        env={"FLASH_RESOURCE_NAME": resource},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


def result_of_job(folder: Path, resource: str, job: dict[str, int]) -> str:
    """Return the result of a job as the handler of a resource computes it."""
    call = f"handler_{resource}.handler({{'input': {job}}})"
    program = f"import asyncio, handler_{resource}\nprint(asyncio.run({call}))\n"
    return printed(folder, resource, program)


def test_a_worker_runs_the_older_form(tmp_path: Path) -> None:
    """A queue class ignores `method` and `path`, a load balancer serves them."""
    files = {
        "config.py": "from tetra_rp import LiveServerless\n\nconfig = LiveServerless(name='add')\nNAME = config.name\n",
        "worker.py": "from config import NAME, config\nfrom tetra_rp import remote\n\n"
        "@remote(config, method='GET', path='/x')\nasync def add(a: int, b: int = 2): return [NAME, a + b]\n",
        "api.py": "import runpod_flash\n\nlb = runpod_flash.LiveLoadBalancer(name='lb')\n\n"
        "@runpod_flash.remote(lb, method='GET', path='/health')\nasync def health(): return 1\n",
    }
    folder = unpacked(compile_files(tmp_path / "app", files), tmp_path / "artifact")
    assert result_of_job(folder, "add", {"a": 1}) == "['add', 3]"
    served = (
        "import handler_lb\n"
        "print(sorted(r.path for r in handler_lb.app.routes if r.path in ('/health', '/ping')))\n"
    )
    assert printed(folder, "lb", served) == "['/health', '/ping']"


@pytest.mark.parametrize(
    ("head", "decorator"),
    [
        ("import runpod_flash.endpoint\n", "runpod_flash.endpoint.Endpoint(name='w')"),
        ("import runpod_flash.endpoint as e\n", "e.Endpoint(name='w')"),
        (
            "from runpod_flash import endpoint, GpuGroup\n",
            "endpoint.Endpoint(name='w', gpu=GpuGroup.ADA_24)",
        ),
        (
            "from runpod_flash.client import remote\nfrom runpod_flash.core.resources.live_serverless import LiveServerless\n",
            "remote(LiveServerless(name='w'))",
        ),
        (
            "import importlib\nsdk = importlib.import_module('runpod_flash')\n",
            "sdk.Endpoint(name='w')",
        ),
        ("sdk = __import__('tetra_rp')\n", "sdk.remote(sdk.LiveServerless(name='w'))"),
    ],
)
def test_a_worker_needs_no_sdk_however_it_is_imported(
    head: str, decorator: str, tmp_path: Path
) -> None:
    text = f"{head}\n@{decorator}\nasync def run(x: int): return x + 1\n"
    folder = unpacked(compile_files(tmp_path / "app", {"worker.py": text}), tmp_path / "artifact")
    assert result_of_job(folder, "w", {"x": 1}) == "2"


SEVEN = "None, None, True, False, 'GET', '/x'"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            f"@remote(c, {SEVEN}, 8)\ndef f(): pass\n",
            "`remote` takes at most 7 positional arguments",
        ),
        (
            "@remote(c, resource_config=c)\ndef f(): pass\n",
            "`remote` gets its `resource_config` twice",
        ),
        ("@Endpoint('b', name='b')\ndef f(): pass\n", "`Endpoint` gets its name twice"),
        (
            "@Endpoint('b', 'c')\ndef f(): pass\n",
            "`Endpoint` takes one positional argument, its name",
        ),
        (
            "@Endpoint(name=LiveServerless.__doc__)\ndef f(): pass\n",
            "flashc does not know the attribute `__doc__` of `LiveServerless`",
        ),
        (
            "@Endpoint(name=PodTemplate.__doc__)\ndef f(): pass\n",
            "flashc does not know the attribute `__doc__` of `PodTemplate`",
        ),
        (
            "@Endpoint(name=Endpoint.__doc__)\ndef f(): pass\n",
            "flashc does not know the attribute `__doc__` of `Endpoint`",
        ),
        (
            "class A: pass\n@Endpoint(name=A.__module__)\ndef f(): pass\n",
            "flashc does not know the attribute `__module__` of the class `A`",
        ),
        (
            "class A: pass\n@Endpoint(name=A().__module__)\ndef f(): pass\n",
            "flashc does not know the attribute `__module__` of an instance of `A`",
        ),
    ],
)
def test_what_flashc_does_not_know_is_reported(text: str, reason: str, tmp_path: Path) -> None:
    head = HEAD + "c = LiveServerless(name='a')\n"
    found = compile_files(tmp_path, {"worker.py": head + text}).diagnostics
    assert any(reason in repr(d) for d in found), found


def test_seven_arguments_are_accepted_by_position(tmp_path: Path) -> None:
    text = f"@remote(LiveServerless(name='a'), {SEVEN})\ndef f(): pass\n"
    assert shown(write(tmp_path, {"worker.py": HEAD + text}))

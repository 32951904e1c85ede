"""Generate the Flash projects that the benchmarks compile."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

_MODULE = '''\
from runpod_flash import Endpoint


@Endpoint(name="worker-{number}", workers=3)
async def run_{number}(count: int, label: str = "a") -> dict:
    """Count."""
    total = 0
    for each in range(count):
        total += each
    return {{"label": label, "total": total}}
'''
_CONFIG = '''\
"""What the workers of this app have in common."""

from runpod_flash import DataCenter, GpuType

APP = "catalog"
REVISION = 0
GPUS = [GpuType.NVIDIA_GEFORCE_RTX_4090, GpuType.NVIDIA_L4]
DATA_CENTERS = [DataCenter.EU_RO_1, DataCenter.US_CA_2]
WORKERS = (0, 3)
IDLE_TIMEOUT = 2 * 60
EXECUTION_TIMEOUT_MS = 300_000


def endpoint_name(task: str) -> str:
    """The name that the endpoint of a task has in the console."""
    return f"{APP}-{task}"
'''
_USER = '''\
from config import DATA_CENTERS, EXECUTION_TIMEOUT_MS, GPUS, IDLE_TIMEOUT, WORKERS, endpoint_name
from runpod_flash import Endpoint


@Endpoint(
    name=endpoint_name("worker-{number}"),
    gpu=GPUS,
    datacenter=DATA_CENTERS,
    workers=WORKERS,
    idle_timeout=IDLE_TIMEOUT,
    execution_timeout_ms=EXECUTION_TIMEOUT_MS,
)
async def run_{number}(count: int, label: str = "a") -> dict:
    """Count."""
    total = 0
    for each in range(count):
        total += each
    return {{"label": label, "total": total}}
'''
_SCIENTIFIC = """\
from runpod_flash import Endpoint


@Endpoint(name="stats", cpu="cpu3c-1-2", dependencies=["numpy", "pandas", "scipy"])
async def describe(values: list) -> dict:
    import numpy
    import pandas
    import scipy.stats

    series = pandas.Series(numpy.asarray(values, dtype=float))
    return {"mean": series.mean(), "skew": float(scipy.stats.skew(series))}
"""
_RELOADED = {
    "web.py": """\
from runpod_flash import Endpoint

VERSION = 0
api = Endpoint(name="web", cpu="cpu3c-1-2")


@api.get("/version")
async def version() -> dict:
    return {"version": VERSION}
""",
    "work.py": """\
from runpod_flash import Endpoint

VERSION = 0


@Endpoint(name="work", cpu="cpu3c-1-2")
async def work(number: int) -> dict:
    return {"version": VERSION}
""",
}
_CALLING = {
    "web.py": """\
from flashc import Endpoint

api = Endpoint(name="callee", cpu="cpu3c-1-2")


@api.post("/double")
async def double(x: int) -> dict:
    return {"x": 2 * x}
""",
    "caller.py": """\
import statistics
import time

import httpx
from flashc import Endpoint


@Endpoint(name="caller", cpu="cpu3c-1-2")
async def caller(worker: str, calls: int) -> list:
    from web import double

    plain: list[float] = []
    stub: list[float] = []
    async with httpx.AsyncClient() as client:
        for _ in range(calls):
            began = time.perf_counter()
            reply = await client.post(f"{worker}/double", json={"x": 21})
            answers = [reply.json()]
            between = time.perf_counter()
            answers.append(await double(21))
            plain.append(between - began)
            stub.append(time.perf_counter() - between)
            if answers != [{"x": 42}, {"x": 42}]:
                raise RuntimeError(answers)
    return [statistics.median(plain), statistics.median(stub)]
""",
}
_PREVIEWED = """\
from runpod_flash import Endpoint

api = Endpoint(name="front", cpu="cpu3c-1-2", workers=(1, 1))


@api.post("/double")
async def double(x: int) -> dict:
    return {"x": 2 * x}


@Endpoint(name="work", cpu="cpu3c-1-2", workers=(1, 1))
async def work(x: int) -> dict:
    return {"x": 2 * x}


@Endpoint(name="model", cpu="cpu3c-1-2", workers=(1, 1))
class Model:
    def __init__(self):
        self.factor = 2

    async def scale(self, x: int) -> dict:
        return {"x": self.factor * x}
"""
_PLAIN_APP = """\
from fastapi import FastAPI

VERSION = 0
app = FastAPI()


@app.get("/version")
async def version() -> dict:
    return {"version": VERSION}
"""


def write_many(folder: Path, count: int) -> Path:
    """Write a project with `count` modules of one endpoint each, without dependencies."""
    return _write(folder, {f"worker_{n}.py": _MODULE.format(number=n) for n in range(count)})


def write_shared(folder: Path, count: int) -> Path:
    """Write a project with `count` modules of one endpoint each, all with the constants of one `config.py`."""
    users = {f"worker_{n}.py": _USER.format(number=n) for n in range(count)}
    return _write(folder, {"config.py": _CONFIG, **users})


def increase(module: Path, name: str) -> None:
    """Increase the number that a module assigns to `name`; no other line changes or moves."""
    text, count = re.subn(
        rf"^( *{name} = )(\d+)$",
        lambda match: f"{match[1]}{int(match[2]) + 1}",
        module.read_text("utf-8"),
        flags=re.MULTILINE,
    )
    assert count == 1, f"{module} assigns no number to {name}"
    module.write_text(text, "utf-8")


def write_scientific(folder: Path) -> Path:
    """Write a project with one endpoint that needs numpy, pandas and scipy."""
    return _write(folder, {"worker.py": _SCIENTIFIC})


def write_reloaded(folder: Path) -> Path:
    """Write a project with a load balancer and a queue that answer with a number of their module."""
    return _write(folder, _RELOADED)


def write_calling(folder: Path) -> Path:
    """Write a project with a queue whose function calls the route of a load balancer, and also sends it the same request with httpx."""
    return _write(folder, _CALLING)


def write_previewed(folder: Path) -> Path:
    """Write a project with a load balancer, a queue and a class, which double a number."""
    return _write(folder, {"app.py": _PREVIEWED})


def write_plain_app(folder: Path) -> Path:
    """Write the smallest FastAPI app, without Flash, that answers with a number of its module."""
    return _write(folder, {"main.py": _PLAIN_APP})


def write_trivial(folder: Path) -> Path:
    """Write a project with one endpoint that needs nothing."""
    return write_many(folder, 1)


def _write(folder: Path, files: dict[str, str]) -> Path:
    """Write files to an empty folder and return the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder

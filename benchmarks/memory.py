"""Measure whether the memory of workers grows with the calls that they serve.

Usage: python benchmarks/memory.py [--calls N] [KIND...]

The generated handlers run under the real worker SDK and uvicorn, as processes of the local platform: a function, a
class, a generator, a route, and a function that calls another endpoint.  Each gets N calls.  The resident memory of its
worker after a tenth of the calls is compared with that at the end.  The program prints one line of JSON for each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROJECT = """import asyncio
from runpod_flash import Endpoint

@Endpoint(name="function", workers=(1, 1), max_concurrency=16)
def function(x: int, text: str = "") -> dict: return {"x": x, "text": text}

@Endpoint(name="class", workers=(1, 1), max_concurrency=16)
class Model:
    def __init__(self): self.seen = 0
    async def predict(self, x: int, text: str = "") -> dict: return {"x": x, "text": text}

@Endpoint(name="generator", workers=(1, 1), max_concurrency=16)
def generator(x: int, text: str = ""):
    for number in range(3): yield {"x": x, "number": number, "text": text}

@Endpoint(name="caller", workers=(1, 1), max_concurrency=16)
async def caller(x: int, text: str = "") -> dict: return await function(x, text)

@Endpoint(name="loops", workers=(1, 1), max_concurrency=16)
def loops(x: int, text: str = "") -> dict: return asyncio.run(caller_of(x, text))

async def caller_of(x, text): return await function(x, text)

api = Endpoint(name="routes", cpu="cpu3c-1-2", workers=(1, 1))

@api.post("/route")
async def route(x: int, text: str = "") -> dict: return {"x": x, "text": text}
"""
KINDS = ("function", "class", "generator", "routes", "caller", "loops")
_AT_ONCE = 16
_READY = 120.0


@dataclass
class Growth:
    """The resident memory of a worker in kB, after a tenth of the calls and after all."""

    what: str
    calls: int
    early: int
    late: int

    @property
    def is_flat(self) -> bool:
        """Whether the memory grew by less than 2 % and 1 MB."""
        return self.late <= self.early * 1.02 + 1024


def resident(resource: str, folder: Path) -> int:
    """Return the memory of the worker of an endpoint in kB: that of its largest process."""
    wanted = {f"FLASH_RESOURCE_NAME={resource}".encode()}
    found = [0]
    for process in Path("/proc").iterdir():
        try:
            variables = set((process / "environ").read_bytes().split(b"\0"))
            status = (process / "status").read_text("utf-8", "replace")
        except OSError:
            continue
        if wanted <= variables and any(str(folder).encode() in each for each in variables):
            found += [int(line.split()[1]) for line in status.splitlines() if line[:6] == "VmRSS:"]
    return max(found)


async def call_often(
    call: Callable[[int], Coroutine[Any, Any, None]], first: int, calls: int
) -> None:
    """Make calls, a few of them at once."""
    numbers = iter(range(first, first + calls))

    async def work() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))


async def measure(artifact: Path, folder: Path, calls: int, kinds: tuple[str, ...]) -> None:
    """Run the app on the local platform, and print how the memory of each worker grows."""
    import httpx

    from flashc_backends.platform.assembly import LocalPlatform
    from flashc_backends.platform.engines.process import ProcessEngine

    with tarfile.open(artifact) as archive:
        member = archive.extractfile("./flash_manifest.json")
        assert member is not None
        manifest = json.load(member)

    def report(_text: str) -> None:
        """Show nothing."""

    cache = Path(os.environ.get("FLASHC_CACHE_DIR", folder / "cache"))
    engine = ProcessEngine(
        cache=cache, folder=folder / "workers", volumes=folder / "volumes", report=report
    )
    platform = await LocalPlatform.start(engine, folder=folder / "platform")
    try:
        env = {name: {"FLASHC_BENCHMARK": str(folder)} for name in manifest["resources"]}
        ids = await platform.deploy(
            "memory", "production", manifest, artifact, env=env, least_workers=1
        )
        await platform.wait_until_ready(_READY)
        headers = {"Authorization": f"Bearer {platform.key}"}
        async with httpx.AsyncClient(
            base_url=platform.base, headers=headers, timeout=_READY
        ) as client:
            for kind in kinds:
                growth = await _grow(client, kind, ids[kind], calls, folder)
                print(json.dumps({**asdict(growth), "is_flat": growth.is_flat}), flush=True)
    finally:
        await platform.close()


async def _grow(client: Any, kind: str, endpoint: str, calls: int, folder: Path) -> Growth:
    """Call an endpoint often, and return how the memory of its worker grew."""
    arguments = {"text": "some text " * 20}

    async def call(number: int) -> None:
        given = {"x": number, **arguments}
        if kind == "routes":
            reply = await client.post(f"/lb/{endpoint}/route", json=given)
            assert reply.json()["x"] == number, reply.text
            return
        reply = await client.post(f"/v2/{endpoint}/runsync", json={"input": given})
        assert reply.json().get("status") == "COMPLETED", reply.text

    early = calls // 10
    await call_often(call, 0, early)
    before = resident(kind, folder)
    await call_often(call, early, calls - early)
    return Growth(kind, calls, before, resident(kind, folder))


def build(folder: Path) -> Path:
    """Build the app, and return its artifact."""
    from flashc.api import build_project
    from flashc.project.workspace import open_workspace

    project = folder / "memory"
    project.mkdir()
    (project / "worker.py").write_text(PROJECT, "utf-8")
    build_project(open_workspace(project))
    return project / ".flash" / "artifact.tar.gz"


def main() -> None:
    """Measure, and print a line for each kind of endpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("kinds", nargs="*", default=[])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flashc-memory-") as name:
        folder = Path(name)
        kinds = tuple(chosen.kinds) or KINDS
        asyncio.run(measure(build(folder), folder, chosen.calls, kinds))


if __name__ == "__main__":
    main()

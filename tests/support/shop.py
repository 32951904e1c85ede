"""An app that is deployed to a platform, and scripts that call it under flashc's SDK or under Flash's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.client_machine import SECONDS, Machine
from tests.support.projects import ROOT

STAND_IN = ROOT / "flashc" / "sdk" / "stand_in"
WORKER = """
import asyncio
import dataclasses
import json
import os
from runpod_flash import Endpoint

@Endpoint(name="inference", cpu="cpu3c-1-2", workers=(1, 2))
async def run_inference(data: dict, scale: int = 2) -> dict:
    return {"result": "processed", "data": data, "scale": scale}

@Endpoint(name="double", cpu="cpu3c-1-2", workers=(1, 2))
def double(x: int) -> int:
    return 2 * x

@Endpoint(name="context", cpu="cpu3c-1-2", workers=(1, 1))
async def context_of_worker() -> dict:
    return {name: os.environ.get(name, "") for name in ("FLASH_APP", "FLASH_ENV")}

@Endpoint(name="caller", cpu="cpu3c-1-2", workers=(1, 1))
async def call(x: int) -> dict:
    import sys
    from worker import double
    exchange, sent = sys.modules["_flashc.exchange"], []
    send = exchange._exchange
    async def noted(step):
        sent.append([step.method, step.url.partition("?")[0]])
        return await send(step)
    exchange._exchange = noted
    try:
        found = await double(x)
    finally:
        exchange._exchange = send
    return {"found": found, "urls": sys.modules["_flashc.platform"]._urls, "sent": sent}

async def main():
    print(json.dumps(await run_inference({"input": "data"})))

if __name__ == "__main__":
    asyncio.run(main())
"""
MORE = """
import dataclasses
import datetime
import os
import time
from collections.abc import AsyncIterator, Iterator
from fastapi import HTTPException
from runpod_flash import Endpoint

class OutOfStock(Exception):
    pass

@dataclasses.dataclass
class Box:
    width: int
    made: datetime.date

@Endpoint(name="boxes", cpu="cpu3c-1-2", workers=(1, 1))
async def widen(box: Box, by: int = 1) -> Box:
    return Box(box.width + by, box.made)

@Endpoint(name="order", cpu="cpu3c-1-2", workers=(1, 1))
async def order(what: str) -> str:
    raise OutOfStock(f"no {what}")

@Endpoint(name="numbers", cpu="cpu3c-1-2", workers=(1, 1))
def numbers(to: int) -> Iterator[int]:
    yield from range(to)

@Endpoint(name="ticks", cpu="cpu3c-1-2", workers=(1, 1))
def ticks(to: int) -> Iterator[int]:
    for number in range(to):
        yield number
        time.sleep(2)

@Endpoint(name="squares", cpu="cpu3c-1-2", workers=(1, 1))
async def squares(to: int) -> AsyncIterator[int]:
    for number in range(to):
        yield number * number

@Endpoint(name="sleeper", cpu="cpu3c-1-2", workers=(1, 1))
def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "awake"

@Endpoint(name="model", cpu="cpu3c-1-2", workers=(1, 1))
class Model:
    def __init__(self):
        self.name = "small"

    def describe(self, greeting: str = "I am") -> str:
        return f"{greeting} {self.name}"

    async def add(self, a: int, b: int) -> int:
        return a + b

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=(1, 1))

@api.get("/items/{number}")
async def item(number: int, colour: str = "red") -> dict:
    return {"number": number, "colour": colour}

@api.post("/items")
async def add_item(name: str, tags: list[str] = []) -> dict:
    return {"name": name, "tags": tags}

@api.get("/where")
async def where() -> str:
    return os.environ.get("FLASH_RESOURCE_NAME", "here")

@api.post("/orders")
async def place_order(what: str) -> str:
    if what == "tea":
        raise OutOfStock(f"no {what}")
    raise HTTPException(409, {"sold": what})

@Endpoint(name="waiter", cpu="cpu3c-1-2", workers=(1, 1))
async def take_order(what: str) -> list:
    from worker import double
    try:
        return [await place_order(what)]
    except HTTPException as error:
        return [type(error).__name__, error.status_code, error.detail, await double(2)]
"""


@dataclass
class Shop:
    """The app in its project, and the variables of its platform."""

    machine: Machine
    folder: Path
    variables: dict[str, str]
    theirs: Path
    ids: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def project(self) -> Path:
        """The folder of the app."""
        return self.folder / "shop"

    def run(
        self,
        script: Path,
        *words: str,
        cwd: Path | None = None,
        theirs: bool = False,
        **environ: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run a script with the variables of the platform, from the folder of the app or another one."""
        return subprocess.run(
            [str(self.theirs) if theirs else sys.executable, str(script), *words],
            cwd=cwd or self.project,
            env=self._environ(theirs) | environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def _environ(self, theirs: bool) -> dict[str, str]:
        """Return the environment of a script."""
        ours = (STAND_IN, ROOT, ROOT / "ir", ROOT / "backends")
        paths = {} if theirs else {"PYTHONPATH": os.pathsep.join(map(str, ours))}
        plain = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.variables}
        return {**plain, **paths, "RUNPOD_FLASH_SILENCE_DEPRECATION": "1"}

    @contextmanager
    def started(self, script: Path) -> Generator[subprocess.Popen[str]]:
        """Start a script in the folder of the app; it is ended with the block."""
        with subprocess.Popen(
            [sys.executable, str(script)],
            cwd=self.project,
            env=self._environ(False),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def answer(self, script: Path, *words: str, **options: Any) -> Any:
        """Return the JSON that a script prints."""
        done = self.run(script, *words, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def write(self, name: str, text: str, folder: Path | None = None) -> Path:
        """Write a script into the project or another folder."""
        file = (folder or self.project) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


def deploy_shop(machine: Machine, theirs: Path) -> Shop:
    """Write the app and deploy it to the running platform."""
    project = machine.folder / "shop"
    project.mkdir()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    (project / "pyproject.toml").write_text(f'[tool.flashc]\npython-version = "{python}"\n')
    (project / ".flashignore").write_text("apart_*\n")  # scripts that declare endpoints again
    (project / "worker.py").write_text(WORKER)
    (project / "more.py").write_text(MORE)
    machine.app = project
    machine.ours("deploy", "--env", "production", "--yes")
    text = machine.ours("platform", "env")
    lines = [line.removeprefix("export ").split("=", 1) for line in text.splitlines()]
    variables = {name: value.strip("'") for name, value in lines}
    return Shop(machine, machine.folder, variables, theirs, machine.endpoints())

"""Run the local platform in a thread of the test, behind a proxy that lets requests fail."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

from flashc.api.build import build_project
from flashc.project.workspace import open_workspace
from flashc_backends.cloud.addresses import Addresses
from flashc_backends.cloud.model import Endpoint
from flashc_backends.cloud.runpod import RunpodCloud
from flashc_backends.cloud.transport import Transport
from flashc_backends.deploy.variables import FINGERPRINT
from flashc_backends.platform.assembly import LocalPlatform
from flashc_backends.platform.engines.base import WorkerKind
from flashc_core.cache import disabled_cache
from tests.support.deploy_runs import Built
from tests.support.deployments import FAST
from tests.support.faulty_proxy import FaultyProxy
from tests.support.platform_stage import CoroutineEngine, Wire
from tests.support.projects import write

_T = TypeVar("_T")
TOKEN = "planted-token-77d1"
KEY = "planted-key-55e0"
_SECONDS = 90.0


async def _work(wire: Wire) -> None:
    """Answer jobs with the release that the worker runs; those of load balancers only live."""
    if wire.spec.kind is not WorkerKind.QUEUE:
        await asyncio.sleep(3600)
    release = wire.spec.environ.get(FINGERPRINT, "")
    while True:
        job = await wire.take()
        if job is not None:
            await wire.done(job["id"], {"output": release})


async def _alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request as a healthy worker of a load balancer does."""
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


class DeployStage:
    """A platform and its proxy; `folder` has a file `.env` that leads through the proxy."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.folder = folder / "project"
        self.folder.mkdir(parents=True)
        self._state = folder / "state"
        self.loop = loop
        self.platform: LocalPlatform
        self.proxy: FaultyProxy
        self.cloud: RunpodCloud

    async def open(self) -> None:
        workers = await asyncio.start_server(_alive, "127.0.0.1", 0)
        engine = CoroutineEngine(_work, workers.sockets[0].getsockname())
        self.platform = await LocalPlatform.start(engine, folder=self._state, key=KEY)
        self.platform.control.roll_delay = 0.02
        self.proxy = FaultyProxy(self.platform.port)
        await self.proxy.start()
        self._workers = workers
        self.write_environment(f"http://127.0.0.1:{self.proxy.port}")
        self.cloud = self.client(self.platform.base)

    def write_environment(self, base: str, **more: str) -> None:
        """Let deployments from the folder use a platform."""
        values = {
            "RUNPOD_API_KEY": KEY,
            "RUNPOD_API_BASE_URL": base,
            "RUNPOD_REST_API_URL": f"{base}/v1",
            "RUNPOD_ENDPOINT_BASE_URL": f"{base}/v2",
            "TOKEN": TOKEN,
            **more,
        }
        text = "".join(f"{name}={value}\n" for name, value in values.items())
        (self.folder / ".env").write_text(text)

    def client(self, base: str) -> RunpodCloud:
        """Return a client of the platform, with or without the proxy."""
        places = Addresses(api=base, rest=f"{base}/v1", jobs=f"{base}/v2")
        return RunpodCloud(places, Transport(KEY, user_agent="test", pace=FAST))

    async def close(self) -> None:
        self.cloud.close()
        await self.proxy.close()
        self._workers.close()
        await self.platform.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:  # those of connections that are still open
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0)  # in which transports close

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine in the platform's thread."""
        future: Future[_T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(_SECONDS)

    def empty(self) -> None:
        """Delete everything that the platform has."""

        async def delete() -> None:
            control = self.platform.control
            for app in list(control.apps.values()):
                await control.delete_app(app.id)
            for volume in list(control.account.volumes.values()):
                await control.account.delete_volume(volume.id)
            for secret in list(control.account.secrets.values()):
                await control.account.delete_secret(secret.id)

        self.wait(delete())

    def endpoints(self, app: str = "app", environment: str = "production") -> tuple[Endpoint, ...]:
        """Return the endpoints of an environment, without the proxy."""
        found = self.cloud.app(app)
        place = found.environment(environment) if found is not None else None
        return self.cloud.endpoints(place.id) if place is not None else ()


@contextmanager
def deploy_stage(folder: Path) -> Iterator[DeployStage]:
    """Yield a stage; its platform ends with the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stage = DeployStage(folder, loop)
    try:
        stage.wait(stage.open())
        yield stage
    finally:
        stage.wait(stage.close())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_SECONDS)
        loop.close()


class Load:
    """Sends jobs to a queue endpoint, one after the other; `outputs` are the answers in order."""

    def __init__(self, stage: DeployStage, endpoint: str) -> None:
        self.outputs: list[str] = []
        self._stage = stage
        self._endpoint = endpoint
        self._ends = False

    async def _send(self) -> None:
        headers = {"authorization": f"Bearer {KEY}"}
        base = self._stage.platform.base
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client:
            while not self._ends:
                path = f"/v2/{self._endpoint}/runsync"
                answer = (await client.post(path, json={"input": {"x": 1}})).json()
                self.outputs.append(str(answer.get("output", answer)))
                await asyncio.sleep(0.01)

    def await_output(self, output: str) -> None:
        """Wait for an answer of a release."""
        until = time.monotonic() + _SECONDS
        while not self.outputs or self.outputs[-1] != output:
            if self._future.done():  # a request failed
                self._future.result()
            assert time.monotonic() < until, (output, self.outputs[-5:])
            time.sleep(0.005)

    def __enter__(self) -> Load:
        self._future = asyncio.run_coroutine_threadsafe(self._send(), self._stage.loop)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends = True
        self._future.result(_SECONDS)


def built(folder: Path, source: str) -> Built:
    """Build the app `app` from the text of a module."""
    root = write(folder / "app", {"workers.py": source, ".env": f"TOKEN={TOKEN}\n"})
    workspace = open_workspace(root, {"python_version": "3.12"}, cache=disabled_cache())
    result = build_project(workspace)
    assert not result.has_errors, [str(d.message) for d in result.diagnostics]
    assert result.artifact is not None
    assert result.manifest is not None
    assert result.digest is not None
    return Built(artifact=result.artifact, manifest=result.manifest, digest=result.digest)


FIRST = """\
import os

from runpod_flash import CpuInstanceType, DataCenter, Endpoint, NetworkVolume

data = NetworkVolume(name="data", size=20, datacenter=DataCenter.EU_RO_1)


@Endpoint(name="clf", cpu="cpu3c-1-2", workers=(1, 2), volume=data, env={"LEVEL": "1"})
async def classify(x: int = 0) -> int:
    return x


@Endpoint(name="job", cpu="cpu3c-1-2", workers=(1, 1), env={"TOKEN": os.environ["TOKEN"]})
async def work(x: int = 0) -> int:
    return await classify(x)


@Endpoint(name="gone", cpu="cpu3c-1-2")
async def gone(x: int = 0) -> int:
    return x
"""
"""A queue endpoint with a volume, another one that calls it and has a secret, and one that ends."""

SECOND = (
    FIRST[: FIRST.index('@Endpoint(name="job"')].replace('"LEVEL": "1"', '"LEVEL": "2"')
    + """\
web = Endpoint(name="job", cpu="cpu3c-1-2", workers=(1, 1), env={"TOKEN": os.environ["TOKEN"]})


@web.post("/work")
async def work(x: int = 0) -> dict:
    return {"x": await classify(x)}


@Endpoint(name="new", cpu="cpu3c-1-2", workers=(1, 1))
async def new(x: int = 0) -> int:
    return x
"""
)
"""`clf` has changed, `job` is a load balancer, `gone` is not declared any more, and `new` is new."""

"""Run the local platform in a test, with workers that are coroutines of the test and speak the real protocol."""

from __future__ import annotations

import asyncio
import tarfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx

from flashc_backends.platform.assembly import LocalPlatform
from flashc_backends.platform.engines.base import Event, Exited, Line, Started, WorkerSpec
from flashc_backends.platform.faults import Faults


class Wire:
    """What a worker of a test has: its specification and a client with its key."""

    def __init__(self, spec: WorkerSpec, client: httpx.AsyncClient) -> None:
        self.spec = spec
        self.client = client

    def _url(self, variable: str, job: str = "") -> str:
        found = self.spec.environ[variable].replace("$RUNPOD_POD_ID", self.spec.worker)
        return found.replace("$ID", job or self.spec.worker)

    async def take(self, *, busy: bool = False) -> dict[str, Any] | None:
        """Ask for a job as the SDK does."""
        url = f"{self._url('RUNPOD_WEBHOOK_GET_JOB')}&job_in_progress={int(busy)}"
        reply = await self.client.get(url)
        if reply.status_code == 204:
            return None
        job: dict[str, Any] = reply.raise_for_status().json()
        return job

    async def take_batch(self, size: int) -> list[dict[str, Any]]:
        """Ask for several jobs as the SDK does."""
        url = self._url("RUNPOD_WEBHOOK_GET_JOB").replace("/job-take/", "/job-take-batch/")
        reply = await self.client.get(f"{url}&batch_size={size}&job_in_progress=0")
        return [] if reply.status_code == 204 else list(reply.json())

    async def done(self, job: str, body: Mapping[str, Any], *, stream: bool = False) -> int:
        """Report the result of a job."""
        url = self._url("RUNPOD_WEBHOOK_POST_OUTPUT", job)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        reply = await self.client.post(
            f"{url}&isStream={str(stream).lower()}",
            content=httpx.Request("POST", url, json=body).content,
            headers=headers,
        )
        return reply.status_code

    async def part(self, job: str, output: Any) -> None:
        """Report a part of a stream."""
        url = self._url("RUNPOD_WEBHOOK_POST_STREAM", job)
        reply = await self.client.post(f"{url}&isStream=false", json={"output": output})
        reply.raise_for_status()

    async def ping(self, *jobs: str) -> None:
        """Send a ping that lists jobs."""
        query = f"&job_id={','.join(jobs)}" if jobs else ""
        await self.client.get(self._url("RUNPOD_WEBHOOK_PING") + query)

    async def stops(self) -> list[str]:
        """Wait for jobs to stop."""
        url = self._url("RUNPOD_WEBHOOK_GET_JOB").replace("/job-take/", "/job-stop/")
        reply = await self.client.get(url)
        return [] if reply.status_code == 204 else list(reply.json()["jobsToStop"])


Behaviour = Callable[[Wire], Awaitable[None]]


async def echo(wire: Wire) -> None:
    """Return the input of every job."""
    while True:
        job = await wire.take()
        if job is not None:
            await wire.done(job["id"], {"output": job["input"]})


class CoroutineEngine:
    """An engine whose workers are coroutines; one that returns has ended."""

    name = "coroutines"
    differences = ()
    platform_host = "127.0.0.1"

    def __init__(self, behaviour: Behaviour, address: tuple[str, int] | None = None) -> None:
        self.behaviour = behaviour
        self.address = address
        self.running: dict[str, asyncio.Task[None]] = {}
        self.specs: list[WorkerSpec] = []
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    async def open(self) -> None:
        pass

    async def prepare(self, specs: Sequence[WorkerSpec]) -> None:
        pass

    async def start(self, spec: WorkerSpec) -> None:
        self.specs.append(spec)
        self._events.put_nowait(Started(worker=spec.worker, address=self.address))
        task = asyncio.ensure_future(self._run(spec))
        self.running[spec.worker] = task
        task.add_done_callback(lambda done: self._ended(spec.worker, done))

    async def _run(self, spec: WorkerSpec) -> None:
        headers = {"authorization": spec.environ["RUNPOD_AI_API_KEY"]}
        async with httpx.AsyncClient(headers=headers, timeout=90, trust_env=False) as client:
            await self.behaviour(Wire(spec, client))

    def _ended(self, worker: str, task: asyncio.Task[None]) -> None:
        del self.running[worker]
        failed = not task.cancelled() and task.exception() is not None
        if failed:
            text = str(task.exception())
            self._events.put_nowait(Line(worker=worker, stream="stderr", text=text, at=time.time()))
        self._events.put_nowait(
            Exited(worker=worker, code=1 if failed else 0, oom=False, at=time.time())
        )

    def kill(self) -> None:
        """End all workers at once."""
        for task in list(self.running.values()):
            task.cancel()

    async def stop(self, worker: str, grace: float) -> None:
        task = self.running.get(worker)
        if task is not None:
            task.cancel()

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield await self._events.get()

    async def close(self) -> None:
        self.kill()
        await asyncio.gather(*self.running.values(), return_exceptions=True)


def manifest(*names: str, **fields: Any) -> dict[str, Any]:
    """Return a manifest of resources with further fields; "web" is a load balancer."""
    common = {"functions": [], "workersMin": 1, "workersMax": 1, **fields}
    resources = {name: {**common, "is_load_balanced": name == "web"} for name in names}
    return {"version": "1.0", "python_version": "3.12", "resources": resources}


def archive(folder: Path) -> Path:
    """Return a small artifact."""
    path = folder / "artifact.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        info = tarfile.TarInfo("flash_manifest.json")
        tar.addfile(info, BytesIO(b""))
    return path


class Stage:
    """A platform with one app in the environment `production`, and a client with its key."""

    def __init__(
        self, platform: LocalPlatform, client: httpx.AsyncClient, ids: dict[str, str]
    ) -> None:
        self.platform = platform
        self.client = client
        self.ids = ids

    @property
    def engine(self) -> CoroutineEngine:
        """The engine of the platform."""
        engine = self.platform.engine
        assert isinstance(engine, CoroutineEngine)
        return engine

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """Send a request to the queue endpoint."""
        return await self.client.post(f"/v2/{self.ids['queue']}/{path}", json=body, **more)

    async def get(self, path: str) -> httpx.Response:
        """Ask the queue endpoint for something."""
        return await self.client.get(f"/v2/{self.ids['queue']}/{path}")

    async def run(self, given: Any, **more: Any) -> str:
        """Submit a job and return its id."""
        reply = await self.post("run", {"input": given, **more})
        return str(reply.raise_for_status().json()["id"])

    async def final(self, job: str, seconds: float = 60.0) -> dict[str, Any]:
        """Return a job when it is final."""
        async with asyncio.timeout(seconds):
            while True:
                view: dict[str, Any] = (await self.get(f"status/{job}")).json()
                if view["status"] not in ("IN_QUEUE", "IN_PROGRESS"):
                    return view
                await asyncio.sleep(0.02)


@asynccontextmanager
async def staged(
    folder: Path,
    engine: CoroutineEngine | None = None,
    *names: str,
    key: str | None = None,
    deployed: bool = True,
    faults: Faults | None = None,
    **fields: Any,
) -> AsyncGenerator[Stage]:
    """Run a platform with its state in `folder`, with the resources `names` deployed."""
    platform = await LocalPlatform.start(
        engine if engine is not None else CoroutineEngine(echo),
        folder=folder / "state",
        key=key,
        faults=faults or Faults(),
    )
    headers = {"authorization": f"Bearer {platform.key}"}
    try:
        async with httpx.AsyncClient(
            base_url=platform.base, headers=headers, timeout=60, trust_env=False
        ) as client:
            ids: dict[str, str] = {}
            if deployed:
                wanted = manifest(*(names or ("queue",)), **fields)
                ids = await platform.deploy("app", "production", wanted, archive(folder))
            else:
                for endpoint in platform.control.endpoints.values():
                    ids[endpoint.name] = endpoint.id
            yield Stage(platform, client, ids)
    finally:
        await platform.close()


def play(
    folder: Path,
    scene: Callable[[Stage], Awaitable[None]],
    behaviour: Behaviour = echo,
    **fields: Any,
) -> None:
    """Run a scene on a platform with one queue endpoint, whose workers behave as given."""

    async def run() -> None:
        async with staged(folder, CoroutineEngine(behaviour), "queue", **fields) as stage:
            await scene(stage)

    asyncio.run(run())

"""An unpacked artifact -> its endpoints running on this machine, and a small platform between them.

Queue-based endpoints run under the real `runpod` SDK (its local API server), load-balanced ones under
uvicorn, each in a process of its own.  The platform between them speaks what the artifact's runtime
needs: the sentinel, the job API, and the state manager's two queries.  Everything listens on loopback,
and the platform wants a key.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

STARTUP_SECONDS = 90.0
ENVIRONMENT_ID = "environment-1"


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def unpack(artifact: Path, target: Path) -> None:
    """Unpack an artifact as a worker does."""
    with tarfile.open(artifact) as archive:
        if hasattr(tarfile, "data_filter"):  # since Python 3.11.4
            archive.extractall(target, filter="data")
        else:
            archive.extractall(target)


@dataclass(frozen=True)
class Crossing:
    """One call that went from an endpoint (or "" for a client) to another, by resource name."""

    caller: str
    callee: str
    what: str


@dataclass
class Platform:
    """The platform's side of an app.

    `use_state_manager`: workers get an environment id, and so ask the state manager first.  `slow`: a
    job is IN_QUEUE at first, as on a cold start.  `state_down`: the state manager fails.
    """

    app_dir: Path
    use_state_manager: bool = False
    slow: bool = False
    state_down: bool = False
    key: str = field(default_factory=lambda: secrets.token_hex(16))
    crossings: list[Crossing] = field(default_factory=list[Crossing])
    state_queries: int = 0
    _jobs: dict[str, asyncio.Task[Any]] = field(default_factory=dict[str, "asyncio.Task[Any]"])

    def __post_init__(self) -> None:
        manifest = json.loads((self.app_dir / "flash_manifest.json").read_text())
        self.resources: dict[str, Any] = manifest["resources"]
        self.port = free_port()
        self.urls = {
            name: f"http://127.0.0.1:{free_port()}"
            for name, entry in self.resources.items()
            if not entry.get("client_mode")
        }

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, resource: str) -> dict[str, str]:
        """The variables of a worker."""
        found = {
            "RUNPOD_ENDPOINT_BASE_URL": f"{self.base}/v2",
            "RUNPOD_API_BASE_URL": self.base,
            "RUNPOD_API_KEY": self.key,
            "FLASH_APP": "app",
            "FLASH_ENV": "production",
            "FLASH_RESOURCE_NAME": resource,
            "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
            "RUNPOD_SKIP_GPU_CHECK": "true",
            **self.resources[resource].get("env", {}),
        }
        if self.resources[resource]["is_load_balanced"]:
            found["FLASH_ENDPOINT_TYPE"] = "lb"
        if self.use_state_manager:
            found["FLASH_ENVIRONMENT_ID"] = ENVIRONMENT_ID
        return found

    # HTTP ----------------------------------------------------------------------------------------

    def asgi(self) -> FastAPI:
        """The platform's API."""
        app = FastAPI()

        @app.middleware("http")
        async def guard(request: Request, call_next: Any) -> Response:
            if request.headers.get("authorization") != f"Bearer {self.key}":
                return JSONResponse({"error": "unauthorized"}, status_code=401)
            response: Response = await call_next(request)
            return response

        verbs = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        app.add_api_route("/graphql", self.graphql, methods=["POST"])
        app.add_api_route("/v2/{target}/runsync", self.runsync, methods=["POST"])
        app.add_api_route("/v2/{target}/status/{job}", self.status, methods=["GET"])
        app.add_api_route("/v2/{target}/cancel/{job}", self.cancel, methods=["POST"])
        app.add_api_route("/web/{resource}/{path:path}", self.web, methods=verbs)
        app.add_api_route("/{path:path}", self.web_by_host, methods=verbs)
        return app

    async def graphql(self, request: Request) -> Response:
        """The state manager: an environment's build, and a build's manifest."""
        self.state_queries += 1
        if self.state_down:
            return JSONResponse({"errors": [{"message": "service unavailable"}]})
        body = await request.json()
        if "getFlashEnvironment" in body["query"]:
            known = body["variables"]["flashEnvironmentId"] == ENVIRONMENT_ID
            data = {"id": ENVIRONMENT_ID, "activeBuildId": "build-1"} if known else None
            return JSONResponse({"data": {"flashEnvironment": data}})
        manifest = {"resources_endpoints": {name: self._public_url(name) for name in self.urls}}
        return JSONResponse({"data": {"flashBuild": {"id": "build-1", "manifest": manifest}}})

    def _public_url(self, resource: str) -> str:
        if self.resources[resource]["is_load_balanced"]:
            return f"{self.base}/web/{resource}"
        return f"{self.base}/v2/id-{resource}"

    async def runsync(self, target: str, request: Request) -> Response:
        named = request.headers.get("x-flash-endpoint", "")
        resource = named if target == "flash" else target.removeprefix("id-")
        if resource not in self.urls:
            return JSONResponse({"error": "not found"}, status_code=404)
        given = (await request.json())["input"]
        self._note(
            request, resource, str(given.get("method", "")) if isinstance(given, dict) else ""
        )
        job = f"sync-{secrets.token_hex(8)}"
        self._jobs[job] = asyncio.create_task(self._run(resource, given))
        if self.slow:
            return JSONResponse({"id": job, "status": "IN_QUEUE"})
        return JSONResponse({"id": job, **await self._jobs[job]})

    async def _run(self, resource: str, given: Any) -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=60) as client:
            reply = await client.post(f"{self.urls[resource]}/runsync", json={"input": given})
        body: dict[str, Any] = reply.json()
        return {key: value for key, value in body.items() if key != "id"}

    async def status(self, target: str, job: str) -> Response:
        if job not in self._jobs:
            return JSONResponse({"error": "no such job"}, status_code=404)
        task = self._jobs[job]
        if not task.done():
            return JSONResponse({"id": job, "status": "IN_PROGRESS"})
        return JSONResponse({"id": job, **task.result()})

    async def cancel(self, target: str, job: str) -> Response:
        if job in self._jobs:
            self._jobs[job].cancel()
        return JSONResponse({"id": job, "status": "CANCELLED"})

    async def web_by_host(self, path: str, request: Request) -> Response:
        """The sentinel for load balancers: host `flash.<domain>`, the endpoint in a header."""
        if not request.headers.get("host", "").startswith("flash."):
            return JSONResponse({"error": "not found"}, status_code=404)
        return await self.web(request.headers.get("x-flash-endpoint", ""), path, request)

    async def web(self, resource: str, path: str, request: Request) -> Response:
        if resource not in self.urls:
            return JSONResponse({"error": "not found"}, status_code=404)
        self._note(request, resource, f"{request.method} /{path}")
        passed = ("content-type", "x-flashc-dispatch", "x-flash-caller")
        async with httpx.AsyncClient(timeout=60) as client:
            reply = await client.request(
                request.method,
                f"{self.urls[resource]}/{path}",
                params=list(request.query_params.multi_items()),
                content=await request.body(),
                headers={k: v for k, v in request.headers.items() if k in passed},
            )
        return Response(reply.content, reply.status_code, media_type=reply.headers["content-type"])

    def _note(self, request: Request, callee: str, what: str) -> None:
        self.crossings.append(Crossing(request.headers.get("x-flash-caller", ""), callee, what))

    # A client's calls ----------------------------------------------------------------------------

    def job(self, resource: str, given: Any) -> Any:
        """The platform's answer to a job."""
        return self._request("POST", f"/v2/id-{resource}/runsync", {"input": given})

    def route(self, resource: str, method: str, path: str, body: Any = None) -> Any:
        """The answer to an HTTP request to a load-balanced endpoint."""
        return self._request(method, f"/web/{resource}{path}", body)

    def answer(self, call: dict[str, Any]) -> Any:
        """The answer to one entry of an example's `calls.json`."""
        if "job" in call:
            answer = self.job(call["job"], call["input"])
            return answer.get("output", answer)
        return self.route(call["route"], call["method"], call["path"], call.get("body"))

    def _request(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        reply = httpx.request(method, self.base + path, json=body, headers=headers, timeout=120)
        return reply.json()


@contextmanager
def running(platform: Platform, python: str) -> Iterator[Platform]:
    """Start every endpoint with the interpreter `python`, and the platform; stop them at the end."""
    server = uvicorn.Server(
        uvicorn.Config(platform.asgi(), host="127.0.0.1", port=platform.port, log_level="warning")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    workers = [_start(platform, name, python) for name in sorted(platform.urls)]
    try:
        for worker in workers:
            worker.wait_until_ready()
        _wait(lambda: server.started, "the platform")
        yield platform
    finally:
        for worker in workers:
            worker.stop()
        server.should_exit = True
        thread.join(timeout=10)


@dataclass(frozen=True)
class _Worker:
    name: str
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_ready(self) -> None:
        _wait(self._ready, self.name)

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {self.log.read_text()[-3000:]}")
        try:
            httpx.get(f"{self.url}/ping", timeout=1)
        except httpx.TransportError:
            return False
        return True

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start in {STARTUP_SECONDS:.0f} s")
        time.sleep(0.05)


def _start(platform: Platform, resource: str, python: str) -> _Worker:
    url = platform.urls[resource]
    port = url.rpartition(":")[2]
    if platform.resources[resource]["is_load_balanced"]:
        command = [python, "-m", "uvicorn", f"handler_{resource}:app", "--port", port]
    else:
        command = [python, f"handler_{resource}.py", "--rp_serve_api", "--rp_api_port", port]
        command += ["--rp_api_host", "127.0.0.1"]
    log = platform.app_dir.parent / f"{resource}.log"
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "LANG", "TMPDIR") if k in os.environ}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            cwd=platform.app_dir,
            env={**kept, **platform.environment(resource), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    return _Worker(resource, url, process, log)

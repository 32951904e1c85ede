"""Serve a local copy of the Runpod API for an app: jobs, load balancers, the state manager.

It serves the requests that the artifact's runtime makes, listens on loopback only, and requires a key.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

ENVIRONMENT_ID = "environment-1"


def free_port() -> int:
    """Return a loopback port on which no process listens right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Crossing:
    """A call from an endpoint (or "" for a client) to another, by their resource names."""

    caller: str
    callee: str
    what: str


@dataclass(kw_only=True)
class Platform:
    """The platform for one app, whose unpacked artifact is in the folder `app_dir`.

    `use_state_manager`: workers get an environment id, so they ask the state manager first.  `slow`: a job is
    IN_QUEUE at first, as on a cold start.  `state_down`: the state manager fails.
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
        """The URL of the platform's API, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self, resource: str) -> dict[str, str]:
        """Return the environment variables of a worker."""
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
        """Return the application that serves the platform's API."""
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
        app.add_api_route("/v2/{target}/run", self.run, methods=["POST"])
        app.add_api_route("/v2/{target}/status/{job}", self.status, methods=["GET"])
        app.add_api_route("/v2/{target}/cancel/{job}", self.cancel, methods=["POST"])
        app.add_api_route("/web/{resource}/{path:path}", self.web, methods=verbs)
        app.add_api_route("/{path:path}", self.web_by_host, methods=verbs)
        return app

    async def graphql(self, request: Request) -> Response:
        """Answer the state manager's two queries: an environment's build, and a build's manifest."""
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

    async def run(self, target: str, request: Request) -> Response:
        """Accept a job; the client asks for its state afterwards."""
        return await self._submit(target, request, wait=False)

    async def runsync(self, target: str, request: Request) -> Response:
        """Accept a job and answer with its result, unless the platform is slow."""
        return await self._submit(target, request, wait=not self.slow)

    async def _submit(self, target: str, request: Request, *, wait: bool) -> Response:
        """Start a job on the worker that the request names; answer at once or with the result."""
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
        if not wait:
            return JSONResponse({"id": job, "status": "IN_QUEUE"})
        return JSONResponse({"id": job, **await self._jobs[job]})

    async def _run(self, resource: str, given: Any) -> dict[str, Any]:
        """Send a job to the worker of an endpoint, and return the worker's answer."""
        async with httpx.AsyncClient(timeout=60) as client:
            reply = await client.post(f"{self.urls[resource]}/runsync", json={"input": given})
        body: dict[str, Any] = reply.json()
        return {key: value for key, value in body.items() if key != "id"}

    async def status(self, target: str, job: str) -> Response:
        """Answer with the state of a job."""
        if job not in self._jobs:
            return JSONResponse({"error": "no such job"}, status_code=404)
        task = self._jobs[job]
        if not task.done():
            return JSONResponse({"id": job, "status": "IN_PROGRESS"})
        return JSONResponse({"id": job, **task.result()})

    async def cancel(self, target: str, job: str) -> Response:
        """Cancel a job."""
        if job in self._jobs:
            self._jobs[job].cancel()
        return JSONResponse({"id": job, "status": "CANCELLED"})

    async def web_by_host(self, path: str, request: Request) -> Response:
        """Pass a request to the host `flash.<domain>` on to the load balancer that a header names."""
        if not request.headers.get("host", "").startswith("flash."):
            return JSONResponse({"error": "not found"}, status_code=404)
        return await self.web(request.headers.get("x-flash-endpoint", ""), path, request)

    async def web(self, resource: str, path: str, request: Request) -> Response:
        """Pass a request on to a load balancer."""
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
        """Record a call from one endpoint to another, for tests."""
        self.crossings.append(Crossing(request.headers.get("x-flash-caller", ""), callee, what))

    # A client's calls ----------------------------------------------------------------------------

    def job(self, resource: str, given: Any) -> Any:
        """Send a job as a client does, and return the platform's answer."""
        return self._request("POST", f"/v2/id-{resource}/runsync", {"input": given})

    def route(self, resource: str, method: str, path: str, body: Any = None) -> Any:
        """Send a request to a load balancer as a client does, and return the parsed answer."""
        return self._request(method, f"/web/{resource}{path}", body)

    def answer(self, call: dict[str, Any]) -> Any:
        """Send the call that an entry of an example's `calls.json` describes, and return the answer."""
        if "job" in call:
            answer = self.job(call["job"], call["input"])
            return answer.get("output", answer)
        return self.route(call["route"], call["method"], call["path"], call.get("body"))

    def _request(self, method: str, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        reply = httpx.request(method, self.base + path, json=body, headers=headers, timeout=120)
        return reply.json()

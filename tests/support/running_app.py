"""Run a built artifact on the local platform with processes, in a thread of the test, and call its endpoints."""

from __future__ import annotations

import asyncio
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from flashc_backends.platform.assembly import LocalPlatform
from flashc_backends.platform.engines.process import ProcessEngine

SECONDS = 120.0


@dataclass
class RunningApp:
    """The app: its platform's URL and key, and the ids of its endpoints by resource."""

    base: str
    key: str
    ids: dict[str, str]
    resources: dict[str, Any]
    happened: list[tuple[str, dict[str, Any]]] = field(
        default_factory=list[tuple[str, dict[str, Any]]]
    )

    def client(self) -> httpx.Client:
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=self.base, headers=headers, timeout=SECONDS)

    def url(self, resource: str) -> str:
        """The URL of an endpoint's job API, or of its routes."""
        kind = "lb" if self.resources[resource]["is_load_balanced"] else "v2"
        return f"{self.base}/{kind}/{self.ids[resource]}"

    def job(self, resource: str, given: Any) -> Any:
        """The platform's answer to a job."""
        with self.client() as client:
            return client.post(f"{self.url(resource)}/runsync", json={"input": given}).json()

    def route(self, resource: str, method: str, path: str, body: Any = None) -> Any:
        """The parsed answer of a route."""
        with self.client() as client:
            return client.request(method, f"{self.url(resource)}{path}", json=body).json()

    def answer(self, call: Mapping[str, Any]) -> Any:
        """The answer to a call that an example's `calls.json` describes."""
        if "job" in call:
            answer = self.job(call["job"], call["input"])
            return answer.get("output", answer)
        return self.route(call["route"], call["method"], call["path"], call.get("body"))


@contextmanager
def running_app(
    artifact: Path,
    folder: Path,
    cache: Path,
    *,
    env: Mapping[str, str] | None = None,
) -> Iterator[RunningApp]:
    """Run an artifact; `env` are variables of all endpoints."""
    with tarfile.open(artifact) as archive:
        member = archive.extractfile("./flash_manifest.json")
        assert member is not None
        manifest = json.load(member)
    begun: Future[RunningApp] = Future()
    end = threading.Event()
    variables = {name: dict(env or {}) for name in manifest["resources"]}

    def report(_text: str) -> None:
        """Show nothing."""

    async def main() -> None:
        engine = ProcessEngine(
            cache=cache, folder=folder / "workers", volumes=folder / "volumes", report=report
        )
        platform = await LocalPlatform.start(engine, folder=folder / "platform")
        try:
            ids = await platform.deploy(
                manifest["project_name"],
                "production",
                manifest,
                artifact,
                env=variables,
                least_workers=1,
            )
            await platform.wait_until_ready(SECONDS)
            begun.set_result(RunningApp(platform.base, platform.key, ids, manifest["resources"]))
            await asyncio.to_thread(end.wait)
        finally:
            await platform.close()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # the test waits for it
            if begun.done():
                raise
            begun.set_exception(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield begun.result(SECONDS)
    finally:
        end.set()
        thread.join()

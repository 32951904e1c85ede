"""Start and stop the workers of an app on this machine, each in a process of its own.

Queue-based endpoints run under the real `runpod` SDK (its local API server), load-balanced ones under uvicorn.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from .service import Platform

STARTUP_SECONDS = 90.0
_KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True, kw_only=True)
class WorkerPlan:
    """How one worker is started: its command, folder and variables, where it listens, and its log file."""

    resource: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    url: str
    log: Path


def plan_workers(
    platform: Platform, python: str, environment: Mapping[str, str]
) -> list[WorkerPlan]:
    """Return a plan for each worker, by resource; nothing is started.

    `python` is the workers' interpreter; of `environment` they get what finds programs and folders.
    """
    kept = {name: environment[name] for name in _KEPT_VARIABLES if name in environment}
    return [
        WorkerPlan(
            resource=resource,
            command=(python, *_command(platform, resource)),
            folder=platform.app_dir,
            environment={
                **kept,
                **platform.environment(resource),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            url=platform.urls[resource],
            log=platform.app_dir.parent / f"{resource}.log",
        )
        for resource in sorted(platform.urls)
    ]


def _command(platform: Platform, resource: str) -> tuple[str, ...]:
    port = platform.urls[resource].rpartition(":")[2]
    if platform.resources[resource]["is_load_balanced"]:
        return ("-m", "uvicorn", f"handler_{resource}:app", "--port", port)
    options = ("--rp_serve_api", "--rp_api_port", port, "--rp_api_host", "127.0.0.1")
    return (f"handler_{resource}.py", *options)


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker's process."""

    plan: WorkerPlan
    process: subprocess.Popen[bytes]

    def wait_until_ready(self) -> None:
        """Wait until the worker answers.

        Raises:
            RuntimeError: its process ended.
            TimeoutError: it does not answer in `STARTUP_SECONDS`.
        """
        wait_until(self._is_ready, self.plan.resource)

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            log = self.plan.log.read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{self.plan.resource} ended: {log[-3000:]}")
        try:
            httpx.get(f"{self.plan.url}/ping", timeout=1)
        except httpx.TransportError:
            return False
        return True

    def stop(self) -> None:
        """End the process, by force if it does not end in 5 seconds."""
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(plan: WorkerPlan) -> Worker:
    """Start a worker; its output goes to the log.

    Raises:
        OSError: the interpreter can't be started, or the log can't be written.
    """
    with plan.log.open("wb") as stream:
        process = subprocess.Popen(
            plan.command,
            cwd=plan.folder,
            env=dict(plan.environment),
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    return Worker(plan=plan, process=process)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition()` holds; `what` names what is waited for.

    Raises:
        TimeoutError: it does not hold in `STARTUP_SECONDS`.
    """
    deadline = time.monotonic() + STARTUP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not start in {STARTUP_SECONDS:.0f} s")
        time.sleep(0.05)

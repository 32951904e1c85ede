"""Start a queue worker exactly as the worker image does, and play the platform that gives it jobs.

The image loads `handler_<resource>.py` by its path, puts a function of its own around `handler`, and passes only
that function to the platform's SDK.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ENTRY = """
import importlib.util, inspect, os, sys

folder, resource = sys.argv.pop(1), os.environ["FLASH_RESOURCE_NAME"]
sys.path.insert(0, folder)
os.chdir(folder)
spec = importlib.util.spec_from_file_location(f"handler_{resource}", f"handler_{resource}.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
generated = module.handler

async def handler(job):
    result = generated(job)
    return await result if inspect.isawaitable(result) else result

if __name__ == "__main__":
    import runpod
    runpod.serverless.start({"handler": handler})
"""
SECONDS = 60.0


@dataclass
class ImageWorker:
    """A worker, with the jobs that wait for it and what it has reported, in order."""

    waiting: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    reported: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    changed: threading.Condition = field(default_factory=threading.Condition)

    def run(self, *inputs: Any) -> list[Any]:
        """Run a job for each input, all waiting at once; return what the platform gets as their results."""
        begun = len(self.reported)
        names = [f"job-{begun}-{number}" for number in range(len(inputs))]
        with self.changed:
            self.waiting += [
                {"id": n, "input": given} for n, given in zip(names, inputs, strict=True)
            ]
            self.changed.notify_all()
            ended = self.changed.wait_for(lambda: all(map(self.result, names)), SECONDS)
        assert ended, f"the worker reported only {self.reported[begun:]}"
        return [self.result(name) for name in names]

    def result(self, name: str) -> Any:
        """Return the result of a job; None if there is none yet."""
        found = [body for kind, job, body in self.reported if kind == "job-done" and job == name]
        return found[0] if found else None

    def chunks(self) -> list[Any]:
        """Return what was streamed."""
        return [body["output"] for kind, _, body in self.reported if kind == "job-stream"]

    def take(self, most: int) -> list[dict[str, Any]]:
        """Hand out waiting jobs, as soon as there are some."""
        with self.changed:
            self.changed.wait_for(lambda: bool(self.waiting), 0.5)
            taken, self.waiting[:] = self.waiting[:most], self.waiting[most:]
        return taken

    def take_back(self, taken: list[dict[str, Any]]) -> None:
        """Let jobs wait again that did not reach the worker, which may end its polls at any time."""
        with self.changed:
            self.waiting[:0] = taken
            self.changed.notify_all()

    def report(self, kind: str, job: str, body: Any) -> None:
        """Note what the worker says."""
        with self.changed:
            self.reported.append((kind, job, body))
            self.changed.notify_all()


@contextmanager
def image_worker(python: Path, app: Path, resource: str, **environ: str) -> Iterator[ImageWorker]:
    """Run the worker of a resource of the unpacked artifact `app` with an interpreter that has the SDK."""
    worker = ImageWorker()
    handler = type("Handler", (_Platform,), {"worker": worker})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    variables = {
        **os.environ,
        "FLASH_RESOURCE_NAME": resource,
        "HOME": str(app),
        "RUNPOD_AI_API_KEY": "key",
        "RUNPOD_ENDPOINT_ID": "endpoint",
        "RUNPOD_POD_ID": "worker",
        "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
        "RUNPOD_SKIP_GPU_CHECK": "true",
        "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=none",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=none",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=none",
        "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID?gpu=none",
        **environ,
    }
    log = (app / f"{resource}.log").open("wb")
    process = subprocess.Popen(
        [python, "-c", ENTRY, app],
        env=variables,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # the SDK starts a process for its pings, which has to end too
    )
    try:
        yield worker
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()
        server.shutdown()
        server.server_close()


class _Platform(BaseHTTPRequestHandler):
    """The platform's interface for workers."""

    protocol_version = "HTTP/1.1"
    worker: ImageWorker

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        kind = path.split("/")[1]
        if kind == "job-stop":
            time.sleep(0.5)
        if not kind.startswith("job-take"):
            self._answer(204 if kind == "job-stop" else 200, None)
            return
        most = next((int(p[11:]) for p in query.split("&") if p.startswith("batch_size=")), 1)
        taken = self.worker.take(most)
        found: Any = taken if kind == "job-take-batch" else next(iter(taken), None)
        if self._client_has_left():
            self.worker.take_back(taken)
            self.close_connection = True
            return
        try:
            self._answer(200 if taken else 204, found)
        except ConnectionError:
            self.worker.take_back(taken)
            self.close_connection = True

    def _client_has_left(self) -> bool:
        """Return whether the client has closed the connection."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except ConnectionError:
            return True

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["content-length"]))
        _, kind, _, job = self.path.partition("?")[0].split("/")
        self.worker.report(kind, job, json.loads(text))
        self._answer(200, {})

    def _answer(self, status: int, body: Any) -> None:
        text = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

"""Every engine starts workers with the real SDK and uvicorn, tells what happens, and leaves nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import docker
import pytest

from flashc_backends.platform.engines import supervisor
from flashc_backends.platform.engines.base import Exited, Line, Started, WorkerKind
from flashc_backends.platform.engines.bubblewrap import find_bubblewrap
from tests.support.engines import SECONDS, left_in_docker, processes_with, staged
from tests.support.projects import ROOT

ENGINES = ("process", "warm", "bubblewrap", "docker")
PLAIN = ("process", "warm")
WEB = """
import os, signal, subprocess, sys
from fastapi import FastAPI
app = FastAPI()
print("imported")
print("a warning", file=sys.stderr)
subprocess.Popen(["sleep", "1000"], start_new_session=True)

@app.get("/seen")
async def seen():
    return {"folder": os.getcwd(), "home": os.environ["HOME"], "port": os.environ["PORT"],
            "given": os.environ.get("GIVEN"), "uid": os.getuid(), "pid": os.getpid(),
            "argv": sys.argv}

@app.post("/stubborn")
async def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

@app.post("/file")
async def file():
    with open("/runpod-volume/kept", "a") as stream:
        stream.write("x")
    return open("/runpod-volume/kept").read()

@app.get("/can-write")
async def can_write(path: str):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror

@app.post("/memory")
async def memory():
    return len(bytearray(os.urandom(1 << 20) * 400))
"""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine that this machine has."""
    if request.param == "docker":
        request.getfixturevalue("docker_host")
    if request.param == "bubblewrap" and find_bubblewrap() is None:
        assert os.environ.get("FLASHC_SANDBOX") != "required", "bubblewrap does not work here"
        pytest.skip("bubblewrap does not work here")
    return str(request.param)


def test_a_load_balancer_answers_until_it_is_stopped(
    engine: str, cache_folder: Path, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with staged(engine, cache_folder, tmp_path) as stage:
            spec = await stage.begin(WEB, environ={"GIVEN": "it"})
            assert (await stage.get("/ping")).json() == {"status": "healthy"}
            seen = (await stage.get("/seen")).json()
            if engine in PLAIN:
                assert seen["folder"] == str(spec.artifact)
                assert Path(seen["home"]).parent == tmp_path
            else:
                assert seen["folder"] == "/app"
                assert (seen["home"], seen["uid"], seen["pid"]) == ("/root", 0, 1)
            address = (await stage.event(Started)).address
            assert address is not None
            assert (seen["port"], seen["given"]) == (str(address[1]), "it")
            assert seen["argv"] == ["handler.py"]
            assert (await stage.printed("imported")).stream == "stdout"
            assert (await stage.printed("a warning")).stream == "stderr"
            await stage.engine.stop("w1", 10)
            assert (await stage.event(Exited)).code in (0, 128 + 15, -15)
            await stage.engine.stop("w1", 10)  # nothing is there any more

    asyncio.run(scene())
    assert not processes_with("sleep\0001000", str(tmp_path))


def test_a_worker_that_does_not_end_is_killed_with_all_that_it_started(
    engine: str, cache_folder: Path, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with staged(engine, cache_folder, tmp_path) as stage:
            deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\nsignal.pause()\n"
            await stage.begin(WEB + deaf)
            await stage.printed("deaf")
            began = time.monotonic()
            await stage.engine.stop("w1", 1)
            assert (await stage.event(Exited)).code in (-9, 128 + 9)
            assert 0.9 < time.monotonic() - began < 5

    asyncio.run(scene())
    assert not processes_with("sleep\0001000", str(tmp_path))


def test_what_a_crashing_worker_says_comes_before_its_end(
    engine: str, cache_folder: Path, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with staged(engine, cache_folder, tmp_path) as stage:
            await stage.begin("print('begin', end='')\nraise LookupError('no such model')\n")
            assert (await stage.event(Exited)).code == 1
            lines = [event.text for event in stage.happened if isinstance(event, Line)]
            assert "begin" in lines
            assert "LookupError: no such model" in lines
            assert isinstance(stage.happened[-1], Exited)

    asyncio.run(scene())


def test_a_queue_worker_takes_a_job_and_sends_its_result(
    engine: str, cache_folder: Path, tmp_path: Path
) -> None:
    source = "def handler(job): return {'twice': job['input']['x'] * 2}\n"

    async def scene() -> None:
        async with staged(engine, cache_folder, tmp_path) as stage:
            with job_source(stage.engine.platform_host) as results:
                host = stage.engine.platform_host
                base = f"http://{host}:{results.port}/v2/e"
                environ = {
                    "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=cpu",
                    "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=cpu",
                    "RUNPOD_AI_API_KEY": "key",
                    "RUNPOD_POD_ID": "w1",
                    "RUNPOD_SKIP_AUTO_SYSTEM_CHECKS": "true",
                    "RUNPOD_SKIP_GPU_CHECK": "true",
                }
                await stage.begin(source, kind=WorkerKind.QUEUE, environ=environ)
                assert (await stage.event(Started)).address is None
                assert await asyncio.to_thread(results.wait) == {"output": {"twice": 42}}
                await stage.engine.stop("w1", 0)
                assert (await stage.event(Exited)).code in (-9, 128 + 9)

    asyncio.run(scene())


@pytest.mark.parametrize("engine", [name for name in ENGINES if name not in PLAIN], indirect=True)
def test_a_volume_outlives_its_workers(engine: str, cache_folder: Path, tmp_path: Path) -> None:
    name = f"test-{os.getpid()}"

    async def scene() -> None:
        async with staged(engine, cache_folder, tmp_path) as stage:
            source = WEB.replace("@app.post", "@app.get")
            for number in (1, 2):
                worker = f"w{number}"
                await stage.begin(source, worker=worker, volume=name)
                assert (await stage.get("/file", worker)).json() == "x" * number
                await stage.engine.stop(worker, 0)
                await stage.event(Exited, worker)

    try:
        asyncio.run(scene())
    finally:
        if engine == "docker":
            client = docker.from_env()
            client.volumes.get(f"flashc-{name}").remove()
            client.close()


def test_a_container_can_write_to_its_own_folders_only(
    docker_host: str, cache_folder: Path, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with staged("docker", cache_folder, tmp_path) as stage:
            await stage.begin(WEB)
            for path, answer in {
                "/app/x": "Read-only file system",
                "/usr/x": "Read-only file system",
                "/tmp/x": None,
                "/root/x": None,
            }.items():
                assert (await stage.get(f"/can-write?path={path}")).json() == answer

    asyncio.run(scene())
    assert not left_in_docker(docker_host)


def test_a_container_that_uses_too_much_memory_is_killed_and_says_so(
    docker_host: str, cache_folder: Path, tmp_path: Path
) -> None:
    async def scene() -> None:
        async with staged("docker", cache_folder, tmp_path) as stage:
            await stage.begin(
                WEB + "memory = bytearray(os.urandom(1 << 20) * 400)\n", memory_mb=200
            )
            end = await stage.event(Exited)
            assert (end.code, end.oom) == (137, True)

    asyncio.run(scene())


_BESIDE = """
import asyncio, sys
from pathlib import Path
from tests.support.engines import staged

async def main(name, cache, folder):
    async with staged(name, Path(cache), Path(folder)) as stage:
        source = "import subprocess, time\\n"
        source += "subprocess.Popen(['sleep', '2000'], start_new_session=True)\\n"
        source += "print('up')\\ntime.sleep(1000)\\n"
        for worker in ("w1", "w2"):
            await stage.begin(source, worker=worker)
        for worker in ("w1", "w2"):
            await stage.printed("up", worker)
        print("ready", flush=True)
        await asyncio.sleep(1000)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_stays_when_flashc_is_killed(
    engine: str, cache_folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "ir", ROOT / "backends")))
    process = subprocess.Popen(
        [sys.executable, "-c", _BESIDE, engine, str(cache_folder), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    deadline = time.monotonic() + SECONDS
    with process, process.stdout:
        try:
            assert process.stdout.readline() == b"ready\n"
            # A process has no command line for a moment while it starts another program
            while len(processes_with("sleep\0002000", str(tmp_path))) != 2:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            # Tests in another process have supervisors too.
            mine = {n for n in processes_with(supervisor.__file__) if parent_of(n) == process.pid}
            assert mine or engine == "docker"
            process.send_signal(number)
        except BaseException:
            process.kill()  # else this block would wait for it
            raise
    deadline = time.monotonic() + SECONDS
    while (left := what_is_left(engine, tmp_path, mine)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left


def parent_of(process: int) -> int | None:
    with suppress(OSError):  # it has ended
        return int(Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[1])
    return None


def what_is_left(engine: str, folder: Path, supervisors: set[int]) -> list[str]:
    left = [str(number) for number in processes_with("sleep\0002000", str(folder))]
    left += [str(number) for number in supervisors & {*processes_with(supervisor.__file__)}]
    if engine == "docker":
        left += left_in_docker(os.environ["DOCKER_HOST"])
    return left


# A source of jobs -------------------------------------------------------------------------------


class Results:
    """One job, and what a worker sent as its result."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.is_taken = False
        self.sent: object = None
        self._arrived = threading.Event()

    def arrive(self, sent: object) -> None:
        self.sent = sent
        self._arrived.set()

    def wait(self) -> object:
        assert self._arrived.wait(SECONDS)
        return self.sent


@contextmanager
def job_source(host: str) -> Iterator[Results]:
    """A server on `host` that hands out one job."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "/job-take/" not in self.path or results.is_taken:
                time.sleep(0.5)
                self.send_response(204)
                self.end_headers()
                return
            results.is_taken = True
            self.answer(b'{"id": "job-1", "input": {"x": 21}}')

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            sent = json.loads(self.rfile.read(length))
            self.answer(b"{}")
            results.arrive(sent)

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer((host, 0), Handler)
    results = Results(int(server.server_address[1]))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield results
    finally:
        server.shutdown()
        server.server_close()

"""Measure the local platform next to the local server of the runpod SDK, and its proxy next to no proxy.

All servers run at the same time, idle but for the one that is measured; the rounds alternate between them.

What the rows of `runsync` compare is not the same work.  The server of the SDK (`--rp_serve_api`) calls the handler
inside the request: it has no queue, keeps nothing, and loses its jobs with its process.  A job of the platform is three
requests, of the client and of a worker in another process, and three commits; it survives both processes, is fenced
against lost and late workers, and is traced.

The client decides what is seen.  The load generator is a loop of raw sockets, which takes little of the processors, so
that the server's own time counts: there the server of the SDK is several times as fast.  aiohttp, which the client of
the SDK uses, takes more time per job than either server; with 32 of its connections on two processors both answered
about 1,400 jobs per second.

Both sides run an `async` handler that returns its input: 0.4 kB; 10 kB; and 0.4 kB after waiting for 5 ms, as a handler
that asks a service does.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import projects
from rows import Row

_PROGRAMS = Path(__file__).with_name("platform_programs.py")
_CLIENTS = 32
_SECONDS = 2.0  # of load in a round
_CALLS = 300  # through the proxy, and without it, in a round
_PEER = """
import asyncio, runpod

async def handler(job):
    if "wait" in job["input"]:
        await asyncio.sleep(job["input"]["wait"])
    return job["input"]

runpod.serverless.start({"handler": handler})
"""
# Sends jobs as the client of the SDK does.
_SDK_CLIENT = """
import asyncio, json, sys, time
import aiohttp

async def load(url, key, clients, seconds):
    done, end = 0, time.perf_counter() + seconds

    async def client(session):
        nonlocal done
        while time.perf_counter() < end:
            async with session.post(url, json={"input": {"text": "x" * 400}}) as answer:
                assert (await answer.json())["status"] == "COMPLETED"
            done += 1

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    print(json.dumps({"rate": done / seconds}))

asyncio.run(load(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs: its process, and the URL to which jobs are sent."""

    pid: int
    url: str
    key: str = ""
    details: dict[str, Any]

    def megabytes(self) -> float:
        """Return the resident memory of its process."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def measure_platform(ours: Path, theirs: Path, folder: Path, rounds: int) -> Iterator[Row]:
    """Measure the platform; `ours` and `theirs` are the folders of the two environments' programs."""
    project = projects.write_calling(folder / "calling")
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    command = [str(ours / "flashc"), "build", str(project), "--python-version", version]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    built = project / ".flash" / "artifact.tar.gz"
    with (
        _run_platform(ours, folder / "durable", "durable") as durable,
        _run_platform(ours, folder / "default", "default", str(built)) as default,
        _run_sdk_server(theirs, folder) as peer,
    ):
        yield from _queue_rows(ours, durable, default, peer, rounds)
        yield from _other_load_rows(ours, theirs, default, peer, rounds)
        yield _proxy_row(ours, default, rounds)
        yield _callee_row(ours, default, rounds)


def _queue_rows(
    ours: Path, durable: Server, default: Server, peer: Server, rounds: int
) -> Iterator[Row]:
    """Compare the jobs per second and the memory of the platform with those of the SDK's server."""
    idle = durable.megabytes(), peer.megabytes()
    sdk = f"{default.details['base']}/v2/{default.details['ids']['sdk']}/runsync"
    measured = {
        "durable": (durable.url, durable.key),
        "default": (default.url, default.key),
        "peer": (peer.url, peer.key),
        "sdk": (sdk, default.key),
    }
    rates: dict[str, list[float]] = {name: [] for name in measured}
    tails: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(rounds):
        for name, (url, key) in measured.items():
            seen = _measure_load(ours, url, key, "small")
            rates[name].append(seen["rate"])
            tails[name].append(seen["p99"] * 1000)
    shown = {
        name: f"{statistics.median(rates[name]):.0f}/s, p99 {statistics.median(tails[name]):.0f} ms"
        for name in measured
    }
    for name, what, mark in (
        ("durable", "`runsync`, 32 clients, durable / `--rp_serve_api` of the SDK", 1.4),
        ("default", "... safe from the end of the process only", 1.4),
        ("sdk", "... with the SDK in the worker", 0.0),
    ):
        ratio = statistics.median(rates[name]) / statistics.median(rates["peer"])
        yield Row(
            what=what,
            ours=shown[name],
            theirs=shown["peer"],
            ratio=f"{ratio:.2f} x",
            mark=f">= {mark:g} x" if mark else "for orientation",
            holds=ratio >= mark,
        )
    for when, ours_mb, theirs_mb in (
        ("idle", *idle),
        ("after the load", durable.megabytes(), peer.megabytes()),
    ):
        yield Row(
            what=f"memory of the platform, {when} / of the SDK's server",
            ours=f"{ours_mb:.0f} MB",
            theirs=f"{theirs_mb:.0f} MB",
            ratio=f"{ours_mb / theirs_mb:.2f} x",
            mark="for orientation",
            holds=True,
        )


def _other_load_rows(
    ours: Path, theirs: Path, server: Server, peer: Server, rounds: int
) -> Iterator[Row]:
    """Compare the same servers with larger jobs, with jobs that take some time, and with the SDK's client library."""
    for kind, what in (
        ("large", "... with bodies of 10 kB, safe from the end of the process only"),
        ("waiting", "... with a handler that waits for 5 ms"),
        ("aiohttp", "... sent with aiohttp, as the SDK's client does"),
    ):
        seen: dict[str, list[float]] = {"ours": [], "theirs": []}
        for _ in range(rounds):
            for side, each in (("ours", server), ("theirs", peer)):
                if kind == "aiohttp":
                    load = str(_CLIENTS), str(_SECONDS)
                    found = _run_python(theirs, "-c", _SDK_CLIENT, each.url, each.key, *load)
                else:
                    found = _measure_load(ours, each.url, each.key, kind)
                seen[side].append(found["rate"])
        mine, other = (statistics.median(rates) for rates in seen.values())
        yield Row(
            what=what,
            ours=f"{mine:.0f}/s",
            theirs=f"{other:.0f}/s",
            ratio=f"{mine / other:.2f} x",
            mark="for orientation",
            holds=True,
        )


def _measure_load(ours: Path, url: str, key: str, kind: str) -> dict[str, float]:
    """Send jobs from many clients for some seconds; return the rate and the times."""
    seen: dict[str, float] = _run_program(
        ours, "load", url, key, str(_CLIENTS), str(_SECONDS), kind
    )
    return seen


def _callee_row(ours: Path, server: Server, rounds: int) -> Row:
    """Compare a call of another endpoint's route with httpx, both in the calling worker.

    The stub's requests pass the platform; those of plain httpx go straight to the callee's worker.
    """
    url = f"{server.details['base']}/v2/{server.details['ids']['caller']}"
    worker = server.details["workers"]["callee"]
    seen = [
        _run_program(ours, "calls", url, server.key, worker, str(_CALLS)) for _ in range(rounds)
    ]
    plain, stub = (statistics.median(times) * 1000 for times in zip(*seen, strict=True))
    return Row(
        what="a load balancer's route called from another endpoint / plain httpx to its worker",
        ours=f"{stub:.2f} ms",
        theirs=f"{plain:.2f} ms",
        ratio=f"{stub / plain:.2f} x",
        mark="<= 1.5 x",
        holds=stub <= 1.5 * plain,
    )


def _proxy_row(ours: Path, server: Server, rounds: int) -> Row:
    """Compare a request through the platform's load balancer with a direct one to its worker."""
    direct = f"{server.details['workers']['web']}/double"
    proxied = f"{server.details['base']}/lb/{server.details['ids']['web']}/double"
    seen = [
        _run_program(ours, "compare", direct, proxied, server.key, str(_CALLS))
        for _ in range(rounds)
    ]
    without, through = (statistics.median(times) * 1000 for times in zip(*seen, strict=True))
    return Row(
        what="a call of a load balancer / of its worker without the platform",
        ours=f"{through:.2f} ms",
        theirs=f"{without:.2f} ms",
        ratio=f"{through / without:.2f} x",
        mark="<= 1.5 x",
        holds=through <= 1.5 * without,
    )


# Processes ----------------------------------------------------------------------------------------


def _run_program(ours: Path, *arguments: str) -> Any:
    """Run a program of `platform_programs.py`, and return what it prints."""
    return _run_python(ours, str(_PROGRAMS), *arguments)


def _run_python(programs: Path, *arguments: str) -> Any:
    """Run Python with these arguments in an environment, and return the JSON that it prints."""
    command = [str(programs / "python"), *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


@contextmanager
def _run_platform(ours: Path, folder: Path, mode: str, *built: str) -> Generator[Server]:
    """Run the platform with some endpoints while the `with` block runs."""
    with subprocess.Popen(
        [str(ours / "python"), str(_PROGRAMS), "serve", str(folder), mode, *built],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        details = json.loads(process.stdout.readline())
        yield Server(
            pid=process.pid,
            url=f"{details['base']}/v2/{details['ids']['raw']}/runsync",
            key=details["key"],
            details=details,
        )
        assert process.stdin is not None
        process.stdin.close()


@contextmanager
def _run_sdk_server(theirs: Path, folder: Path) -> Generator[Server]:
    """Run the local server of the runpod SDK while the `with` block runs."""
    path = folder / "peer.py"
    path.write_text(_PEER, "utf-8")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [
            str(theirs / "python"), str(path), "--rp_serve_api", "--rp_api_host", "127.0.0.1",
            "--rp_api_port", str(port), "--rp_log_level", "ERROR",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "RUNPOD_SKIP_GPU_CHECK": "true"},
    )  # fmt: skip
    try:
        _wait_for(port)
        yield Server(pid=process.pid, url=f"http://127.0.0.1:{port}/runsync", details={})
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    """Wait until something listens on a port.

    Raises:
        TimeoutError: nothing does within a minute.
    """
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")

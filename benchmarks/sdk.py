"""Measure the SDK in scripts: its import, next to that of `runpod-flash`, and many calls, next to plain httpx.

The calls go to a server that answers each job at once, so that the client's own time is seen.  Both clients
have 100 connections and send 100 requests at a time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

from rows import Row

_CALLS = 10_000
_IMPORT = (
    "import time; began = time.perf_counter(); {statement}; print(time.perf_counter() - began)"
)
_SERVER = """
import asyncio, socket, sys
import uvicorn

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    body = b'{"id": "job", "status": "COMPLETED", "output": 42}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
config = uvicorn.Config(app, log_level="error", access_log=False, timeout_keep_alive=60)
asyncio.run(uvicorn.Server(config).serve([listening]))
"""
_MEASURED = """
import asyncio, gc, json, os, time

def state():
    sockets = sum("socket:" in os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
                  if os.path.exists(f"/proc/self/fd/{fd}"))
    status = open("/proc/self/status").read()
    return sockets, int(status.partition("VmRSS:")[2].split()[0]) / 1024

async def main():
    await calls(200)  # connections, and what is imported late
    found = []
    for _ in range(2):
        began = time.perf_counter()
        await calls(CALLS)
        seconds = time.perf_counter() - began
        gc.collect()
        found.append([seconds, *state()])
    print(json.dumps(found))
"""
_OURS = """
from flashc import Endpoint

@Endpoint(name="double")
async def double(x: int) -> int: ...

async def calls(number):
    assert set(await asyncio.gather(*(double(x) for x in range(number)))) == {42}

asyncio.run(main())
"""
_THEIRS = """
import httpx

async def calls(number):
    slots = asyncio.Semaphore(100)
    url = os.environ["RUNPOD_ENDPOINT_BASE_URL"] + "/flash/runsync"

    async def call(x):
        async with slots:
            reply = await client.post(url, json={"input": {"x": x}}, headers={"Authorization": "Bearer k"}, timeout=100)
            return reply.json()["output"]
    assert set(await asyncio.gather(*(call(x) for x in range(number)))) == {42}

async def all_calls():
    global client
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(limits=limits) as client:
        await main()

asyncio.run(all_calls())
"""


def measure_sdk(ours: Path, theirs: Path, folder: Path, rounds: int) -> Iterator[Row]:
    """Measure the SDK; `ours` and `theirs` are the folders of the two environments' programs."""
    yield from _imports(ours, theirs, rounds)
    yield from _calls(ours, folder, rounds)


def _imports(ours: Path, theirs: Path, rounds: int) -> Iterator[Row]:
    """Measure imports; the two sides take turns."""
    statements = {
        "package": (ours, "import flashc"),
        "dataclasses": (ours, "import dataclasses"),
        "sdk": (ours, "from flashc import Endpoint"),
        "incumbent": (theirs, "import runpod_flash; runpod_flash.Endpoint"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(rounds * 3):
        for name, (programs, statement) in statements.items():
            seconds[name].append(_seconds(programs / "python", statement))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for what, name, peer, limit in (
        ("`import flashc` / `import dataclasses`", "package", "dataclasses", 1.3),
        (
            "`from flashc import Endpoint` / the same of `runpod_flash`",
            "sdk",
            "incumbent",
            1 / 30,
        ),
    ):
        ratio = medians[name] / medians[peer]
        yield Row(
            what=what,
            ours=f"{medians[name] * 1000:.1f} ms",
            theirs=f"{medians[peer] * 1000:.1f} ms",
            ratio=f"{ratio:.2f} x" if limit > 1 else f"{1 / ratio:.0f} x faster",
            mark="<= 1.3 x" if limit > 1 else ">= 30 x",
            holds=ratio <= limit,
        )


def _seconds(python: Path, statement: str) -> float:
    """Return how long a new process takes for a statement."""
    command = [str(python), "-c", _IMPORT.format(statement=statement)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _calls(ours: Path, folder: Path, rounds: int) -> Iterator[Row]:
    """Measure many calls at once from one script; the two clients take turns."""
    python = str(ours / "python")
    with subprocess.Popen([python, "-c", _SERVER], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            port = int(server.stdout.readline())
            environ = {
                **os.environ,
                "RUNPOD_ENDPOINT_BASE_URL": f"http://127.0.0.1:{port}/v2",
                "RUNPOD_API_KEY": "k",
                "FLASH_APP": "app",
            }
            found: dict[str, list[list[list[float]]]] = {"ours": [], "theirs": []}
            for _ in range(rounds):
                for name, program in (("ours", _OURS), ("theirs", _THEIRS)):
                    script = folder / f"{name}_calls.py"
                    text = _MEASURED.replace("CALLS", str(_CALLS)) + program
                    script.write_text(text, "utf-8")
                    found[name].append(_result([python, str(script)], environ))
        finally:
            server.terminate()
    yield from _rows_of_calls(found)


def _result(command: list[str], environ: dict[str, str]) -> list[list[float]]:
    """Return the figures that a script prints.

    Raises:
        RuntimeError: the script failed, so that its time means nothing.
    """
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    figures: list[list[float]] = json.loads(done.stdout)
    return figures


def _rows_of_calls(found: dict[str, list[list[list[float]]]]) -> Iterator[Row]:
    """Return the rows: the time of both clients, and the sockets and the memory after more calls."""
    seconds = {
        name: statistics.median(min(first[0], second[0]) for first, second in rounds)
        for name, rounds in found.items()
    }
    ratio = seconds["ours"] / seconds["theirs"]
    yield Row(
        what="10,000 calls with `gather` from one script / plain httpx with as many connections",
        ours=f"{seconds['ours']:.2f} s",
        theirs=f"{seconds['theirs']:.2f} s",
        ratio=f"{ratio:.2f} x",
        mark="<= 1.3 x",
        holds=ratio <= 1.3,
    )
    first, second = found["ours"][-1]
    yield Row(
        what="... sockets and memory after 10,000 calls more / after the first",
        ours=f"{second[1]:.0f}, {second[2]:.0f} MB",
        theirs=f"{first[1]:.0f}, {first[2]:.0f} MB",
        ratio=f"{second[2] / first[2]:.2f} x",
        mark="flat",
        holds=second[1] <= first[1] and second[2] <= 1.1 * first[2],
    )

"""Programs that the measurements of the platform start, in the environment in which flashc is installed.

Usage: python platform_programs.py serve FOLDER durable|default
       python platform_programs.py load URL KEY CLIENTS SECONDS
       python platform_programs.py compare URL URL KEY CALLS

`serve` runs a platform until its standard input ends.  Every program prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvloop

from flashc_backends.platform.assembly import LocalPlatform
from flashc_backends.platform.engines.process import ProcessEngine
from flashc_core.cache import open_store

_INPUT = b'{"input":{"text":"%s"}}' % (b"x" * 400)
_LANES = 32

# A worker with as little code as possible, so that the platform is measured and not the worker.
_RAW = f"""
import asyncio, json, os
from urllib.parse import urlsplit

async def lane(host, port, base, worker, key):
    reader, writer = await asyncio.open_connection(host, port)

    async def ask(method, path, body):
        writer.write(
            b"%s %s HTTP/1.1\\r\\nhost: 127.0.0.1\\r\\nauthorization: %s\\r\\ncontent-length: %d\\r\\n\\r\\n%s"
            % (method, path, key, len(body), body)
        )
        head = (await reader.readuntil(b"\\r\\n\\r\\n")).lower()
        _, _, length = head.partition(b"content-length:")
        return await reader.readexactly(int(length.split(b"\\r")[0])) if length else b""

    while True:
        taken = await ask(b"GET", base + b"/job-take/" + worker + b"?gpu=x&job_in_progress=1", b"")
        if not taken:
            continue
        job = json.loads(taken)
        path = base + b"/job-done/" + worker + b"/" + job["id"].encode() + b"?gpu=x"
        await ask(b"POST", path, json.dumps({{"output": job["input"]}}).encode())

async def main():
    url = urlsplit(os.environ["RUNPOD_WEBHOOK_GET_JOB"])
    base = url.path.partition("/job-take")[0].encode()
    worker, key = os.environ["RUNPOD_POD_ID"].encode(), os.environ["RUNPOD_AI_API_KEY"].encode()
    await asyncio.gather(*(lane(url.hostname, url.port, base, worker, key) for _ in range({_LANES})))

asyncio.run(main())
"""
_SDK = f"""
async def handler(job):
    return job["input"]

handler.max_concurrency = {_LANES}
"""
_WEB = """
from fastapi import FastAPI

app = FastAPI()

@app.post("/double")
async def double(body: dict):
    return {"x": 2 * body["x"]}
"""


async def _serve(folder: Path, *, durable: bool) -> None:
    """Run a platform with three endpoints: "raw", "sdk" and the load balancer "web"."""
    artifact = folder / "artifact"
    artifact.mkdir(parents=True)
    for name, text in (("raw", _RAW), ("sdk", _SDK), ("web", _WEB)):
        (artifact / f"handler_{name}.py").write_text(text, "utf-8")
    engine = ProcessEngine(
        cache=open_store().folder,
        folder=folder / "engine",
        volumes=folder / "volumes",
        report=lambda _text: None,
        sandbox=False,
    )
    platform = await LocalPlatform.start(engine, folder=folder / "state", durable=durable)
    try:
        resources = {
            name: {"functions": [], "workersMin": 1, "workersMax": 1, "is_load_balanced": web}
            for name, web in (("raw", False), ("sdk", False), ("web", True))
        }
        manifest: dict[str, Any] = {
            "version": "1.0",
            "python_version": f"{sys.version_info[0]}.{sys.version_info[1]}",
            "resources": resources,
        }
        ids = await platform.deploy("bench", "production", manifest, artifact)
        await platform.ready(300)
        assert platform.fleet is not None
        ((host, port),) = platform.fleet.addresses.values()
        answer = {
            "base": platform.base,
            "key": platform.key,
            "ids": ids,
            "worker": f"http://{host}:{port}",
        }
        print(json.dumps(answer), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await platform.close()


async def _load(url: str, key: str, clients: int, seconds: float) -> None:
    """Send the same job again and again; print the jobs per second and the median and 99th percentile."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {key}\r\ncontent-length: {len(_INPUT)}\r\n\r\n"
    ).encode()
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while (begun := time.perf_counter()) < end:
            writer.write(head + _INPUT)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answer.partition(b"content-length:")[2].split(b"\r")[0])
            body = await reader.readexactly(length)
            if b"COMPLETED" not in body:
                raise RuntimeError(body)
            took.append(time.perf_counter() - begun)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    rate = len(took) / (time.perf_counter() - begun)
    quantiles = statistics.quantiles(took, n=100)
    print(json.dumps({"rate": rate, "p50": quantiles[49], "p99": quantiles[98]}))


def _compare(first: str, second: str, key: str, calls: int) -> None:
    """Call two URLs in turn with httpx; print the median of each in seconds."""
    took: dict[str, list[float]] = {first: [], second: []}
    with httpx.Client(headers={"authorization": f"Bearer {key}"}, trust_env=False) as client:
        for _ in range(calls):
            for url, times in took.items():
                begun = time.perf_counter()
                answer = client.post(url, json={"x": 21})
                times.append(time.perf_counter() - begun)
                if answer.raise_for_status().json() != {"x": 42}:
                    raise RuntimeError(answer.text)
    print(json.dumps([statistics.median(times) for times in took.values()]))


def main() -> None:
    """Run the program that the command line names."""
    match sys.argv[1:]:
        case ["serve", folder, mode]:
            uvloop.run(_serve(Path(folder), durable=mode == "durable"))
        case ["load", url, key, clients, seconds]:
            uvloop.run(_load(url, key, int(clients), float(seconds)))
        case ["compare", first, second, key, calls]:
            _compare(first, second, key, int(calls))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()

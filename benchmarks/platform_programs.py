"""Programs that the measurements of the platform start, in the environment in which flashc is installed.

Usage: python platform_programs.py serve FOLDER durable|default [ARTIFACT]
       python platform_programs.py load URL KEY CLIENTS SECONDS small|large|waiting
       python platform_programs.py compare URL URL KEY CALLS
       python platform_programs.py calls URL KEY WORKER CALLS

`serve` runs a platform until its standard input ends; with an ARTIFACT of the project `projects.write_calling` this too.
`calls` has the caller of that project call its callee.  Every program prints one line of JSON.
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

_INPUTS = {
    "small": b'{"input":{"text":"%s"}}' % (b"x" * 400),
    "large": b'{"input":{"text":"%s"}}' % (b"x" * 10_000),
    "waiting": b'{"input":{"text":"%s","wait":0.005}}' % (b"x" * 400),
}
_LANES = 32

# A worker with as little code as possible, so that the platform is measured and not the worker: each of its lanes is
# what a worker with one slot is, and asks for one job at a time.
_RAW = f"""
import asyncio, json, os
from urllib.parse import urlsplit
import uvloop

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
        if "wait" in job["input"]:
            await asyncio.sleep(job["input"]["wait"])
        path = base + b"/job-done/" + worker + b"/" + job["id"].encode() + b"?gpu=x"
        await ask(b"POST", path, json.dumps({{"output": job["input"]}}).encode())

async def main():
    url = urlsplit(os.environ["RUNPOD_WEBHOOK_GET_JOB"])
    base = url.path.partition("/job-take")[0].encode()
    worker, key = os.environ["RUNPOD_POD_ID"].encode(), os.environ["RUNPOD_AI_API_KEY"].encode()
    await asyncio.gather(*(lane(url.hostname, url.port, base, worker, key) for _ in range({_LANES})))

uvloop.run(main())
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


async def _serve(folder: Path, built: Path | None, *, durable: bool) -> None:
    """Run a platform with three endpoints, "raw", "sdk" and the load balancer "web", and those of an artifact."""
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
        if built is not None:
            made = json.loads(built.with_name("flash_manifest.json").read_text("utf-8"))
            ids |= await platform.deploy("calls", "production", made, built, least_workers=1)
        await platform.wait_until_ready(300)
        answer = {
            "base": platform.base,
            "key": platform.key,
            "ids": ids,
            "workers": _addresses(platform, ids),
        }
        print(json.dumps(answer), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await platform.close()


def _addresses(platform: LocalPlatform, ids: dict[str, str]) -> dict[str, str]:
    """Return the URL of a worker of each load balancer, by the name of its resource."""
    assert platform.fleet is not None
    return {
        name: f"http://{host}:{port}"
        for name, endpoint in ids.items()
        for worker in platform.core.dispatchers[endpoint].pool.ready()
        if worker.id in platform.fleet.addresses
        for host, port in [platform.fleet.addresses[worker.id]]
    }


async def _load(url: str, key: str, clients: int, seconds: float, body: bytes) -> None:
    """Send the same job again and again; print the jobs per second and the median and 99th percentile."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    took: list[float] = []
    end = time.perf_counter() + seconds

    async def client() -> None:
        """Send jobs one after the other over one connection, until the time is over."""
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while (begun := time.perf_counter()) < end:
            writer.write(head + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answer.partition(b"content-length:")[2].split(b"\r")[0])
            result = await reader.readexactly(length)
            if b"COMPLETED" not in result:
                raise RuntimeError(result)
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


def _compare_calls(url: str, key: str, worker: str, calls: int) -> None:
    """Have the caller call its callee, and httpx send the same requests; print the median of each in seconds."""
    headers = {"authorization": f"Bearer {key}"}
    wanted = {"input": {"worker": worker, "calls": calls}}
    with httpx.Client(headers=headers, trust_env=False, timeout=300) as client:
        answer = client.post(f"{url}/runsync?wait=300000", json=wanted).raise_for_status().json()
    print(json.dumps(answer["output"]))


def main() -> None:
    """Run the program that the command line names."""
    match sys.argv[1:]:
        case ["serve", folder, mode, *built]:
            artifact = Path(built[0]) if built else None
            uvloop.run(_serve(Path(folder), artifact, durable=mode == "durable"))
        case ["load", url, key, clients, seconds, kind]:
            uvloop.run(_load(url, key, int(clients), float(seconds), _INPUTS[kind]))
        case ["compare", first, second, key, calls]:
            _compare(first, second, key, int(calls))
        case ["calls", url, key, worker, calls]:
            _compare_calls(url, key, worker, int(calls))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()

"""Measure deployments to the local platform: without a change, and from a change of code to its first answer.

`flash deploy` and `flashc deploy` deploy the same app, each from a folder of its own, to one platform
on this machine.
"""

from __future__ import annotations

import os
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import projects
from reload import ask, wait
from rows import Row

_PATIENCE = 120.0  # seconds until the platform has ended


def measure_deployments(ours: Path, theirs: Path, folder: Path, runs: int) -> Iterator[Row]:
    """Measure deployments; `ours` and `theirs` are the folders of the two environments' programs."""
    environ = {
        **os.environ,
        "FLASHC_CACHE_DIR": str(folder / "cache"),
        "FLASHC_STATE_DIR": str(folder / "deploy-state"),
        "RUNPOD_FLASH_SILENCE_DEPRECATION": "1",
        "FLASH_NO_UPDATE_CHECK": "1",
        "CI": "1",
    }
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    with _run_platform(ours / "flashc", environ) as variables:
        at_platform = {**environ, **variables}
        tools = {
            "ours": ([str(ours / "flashc"), "deploy"], folder / "deployed"),
            "theirs": ([str(theirs / "flash"), "deploy"], folder / "deployed-by-flash"),
        }
        unchanged: dict[str, float] = {}
        changed: dict[str, float] = {}
        for name, (command, place) in tools.items():
            project = projects.write_deployed(place)
            words = [*command, "--python-version", python]
            before = _list_endpoints(at_platform)
            _time(words, project, at_platform)
            made = {
                name: id for id, name in _list_endpoints(at_platform).items() if id not in before
            }
            times = [_time(words, project, at_platform) for _ in range(runs)]
            unchanged[name] = statistics.median(times)
            answers = [
                _measure_change(words, project, at_platform, made["web"], version)
                for version in range(1, runs + 1)
            ]
            changed[name] = statistics.median(answers)
    yield _row("deploy without a change / `flash deploy`", unchanged, 5)
    yield _row("change of code to its first answer / `flash deploy`", changed, 3)


def _row(what: str, times: Mapping[str, float], mark: float) -> Row:
    ratio = times["theirs"] / times["ours"]
    return Row(
        what=what,
        ours=f"{times['ours']:.2f} s",
        theirs=f"{times['theirs']:.2f} s",
        ratio=f"{ratio:.1f} x faster",
        mark=f">= {mark:g} x",
        holds=ratio >= mark,
    )


def _time(words: list[str], project: Path, environ: Mapping[str, str]) -> float:
    """Run a deployment; return how many seconds it took."""
    began = time.perf_counter()
    done = subprocess.run(words, cwd=project, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return time.perf_counter() - began


def _measure_change(
    words: list[str], project: Path, environ: Mapping[str, str], endpoint: str, version: int
) -> float:
    """Change the code and deploy it; return the seconds from the change to the first new answer."""
    url = f"{environ['RUNPOD_API_BASE_URL']}/lb/{endpoint}/version"

    def answer() -> object:
        return ask(url, _headers(environ))["version"]

    began = time.perf_counter()
    projects.set_version(project / "web.py", version)
    with ThreadPoolExecutor(1) as pool:
        command = pool.submit(_time, words, project, environ)
        wait(answer, version)
        took = time.perf_counter() - began
        command.result()
    return took


def _list_endpoints(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the names of all endpoints of the platform by their ids."""
    found: Any = ask(f"{environ['RUNPOD_API_BASE_URL']}/v2/serverless", _headers(environ))
    return {endpoint["id"]: endpoint["name"] for endpoint in found["endpoints"]}


def _headers(environ: Mapping[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {environ['RUNPOD_API_KEY']}"}


@contextmanager
def _run_platform(flashc: Path, environ: Mapping[str, str]) -> Generator[dict[str, str]]:
    """Run the platform; yield the variables that lead tools to it."""
    process = subprocess.Popen(
        [str(flashc), "platform", "--engine", "process"],
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        while "its key" not in process.stdout.readline():
            if process.poll() is not None:
                raise RuntimeError("the platform did not start")
        printed = subprocess.run(
            [str(flashc), "platform", "env"],
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        lines = re.findall(r"^export (\w+)='?(.*?)'?$", printed, re.MULTILINE)
        yield dict(lines)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_PATIENCE)
        process.stdout.close()

"""Measure how long a preview of three endpoints takes from the command to the first answers.

Both tools build the app first, with warm caches.  `flashc preview` is measured until a load balancer, a queue and a class
have answered.  `flash deploy --preview` starts its containers one after the other and waits for two seconds after each;
it is measured until the route of its load balancer has answered, and until it says that the preview runs.  Its queue
and class never answer: nothing sends them jobs.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import projects
from reload import ask, wait
from rows import Row

_PROGRAMS = Path(__file__).with_name("docker_programs.py")
_ROOT = _PROGRAMS.parent.parent
_PORT = 8000  # the one of every load balancer in a preview of `runpod-flash`
_PATIENCE = 120.0  # seconds until it has ended
_GIVEN = {"x": 21}
_WANTED = {"x": 42}
_JOBS = {"work": _GIVEN, "model": {"method": "scale", **_GIVEN}}


def measure_previews(ours: Path, theirs: Path, folder: Path, runs: int) -> Iterator[Row]:
    """Measure previews; `ours` and `theirs` are the folders of the two environments' programs."""
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    environ = {
        **os.environ,
        "FLASHC_CACHE_DIR": str(folder / "cache"),
        "FLASHC_STATE_DIR": str(folder / "state"),
        "RUNPOD_FLASH_SILENCE_DEPRECATION": "1",
        "FLASH_NO_UPDATE_CHECK": "1",
    }
    project = projects.write_previewed(folder / "previewed")
    other = projects.write_previewed(folder / "previewed-by-flash")
    with _run_docker(ours, environ, python) as daemon:
        if "missing" in daemon:
            raise RuntimeError(daemon["missing"])
        environ["DOCKER_HOST"] = daemon["address"]
        # Started from a script in the background it would ignore what ends it.
        command = ["env", "--default-signal=INT", str(theirs / "flash"), "deploy", "--preview"]
        command += ["--python-version", python]
        seen = [_measure_flash(command, other, environ) for _ in range(runs)]
        answered, said = (statistics.median(times) for times in zip(*seen, strict=True))
        shown = f"{answered:.1f} s for the load balancer, {said:.1f} s until it says so"
        for engine in ("docker", "process"):
            flashc = [str(ours / "flashc"), "preview", str(project), "--python-version", python]
            flashc += ["--engine", engine, "--no-pull", "--detach", "--format", "json"]
            _measure_flashc(
                flashc, ours, environ
            )  # makes the image, and installs the packages of workers
            took = statistics.median(_measure_flashc(flashc, ours, environ) for _ in range(runs))
            yield Row(
                what=f"preview of three endpoints to their answers, {engine} / `flash deploy --preview`",
                ours=f"{took:.1f} s for all three",
                theirs=shown,
                ratio=f"{answered / took:.1f} x faster",
                mark="for orientation",
                holds=True,
            )


def _measure_flashc(command: list[str], ours: Path, environ: Mapping[str, str]) -> float:
    """Start a preview of flashc; return the seconds until every endpoint has answered."""
    began = time.perf_counter()
    done = subprocess.run(
        command, env=environ, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    try:
        headers = {"Authorization": f"Bearer {record['key']}", "Content-Type": "application/json"}
        urls = {address["endpoint"]: address["url"] for address in record["addresses"]}

        def answers() -> object:
            """Return the answers of the three endpoints."""
            jobs = [
                ask(f"{urls[name]}/runsync", headers, json.dumps({"input": given}).encode())
                for name, given in _JOBS.items()
            ]
            route = ask(f"{urls['front']}/double", headers, json.dumps(_GIVEN).encode())
            return [route, *(job["output"] for job in jobs)]

        wait(answers, [_WANTED] * 3)
        return time.perf_counter() - began
    finally:
        stop = [str(ours / "flashc"), "preview", "stop", record["id"]]
        subprocess.run(stop, env=environ, check=True, stdout=subprocess.DEVNULL)


def _measure_flash(
    command: list[str], project: Path, environ: Mapping[str, str]
) -> tuple[float, float]:
    """Start a preview of `runpod-flash`; return the seconds to the first answer, and to its own message."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=project,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: list[float] = []
    text: list[str] = []

    def read() -> None:
        """Read what the command prints, and note when it says that it is ready."""
        assert process.stdout is not None
        for line in process.stdout:
            text.append(line)
            if "Press Ctrl+C" in line:
                said.append(time.perf_counter() - began)

    reader = Thread(target=read)
    reader.start()
    try:
        headers = {"Content-Type": "application/json"}

        def check() -> None:
            """Fail if the command has ended."""
            if process.poll() is not None:
                raise RuntimeError("".join(text))

        def answer() -> object:
            """Return the answer of the load balancer."""
            check()
            return ask(f"http://127.0.0.1:{_PORT}/double", headers, json.dumps(_GIVEN).encode())

        wait(answer, _WANTED)
        answered = time.perf_counter() - began
        while not said:
            check()
            time.sleep(0.05)
        return answered, said[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(_PATIENCE)
        reader.join()


@contextmanager
def _run_docker(ours: Path, environ: Mapping[str, str], python: str) -> Generator[dict[str, str]]:
    """Run a Docker daemon with the images of both tools while the `with` block runs."""
    with subprocess.Popen(
        [str(ours / "python"), str(_PROGRAMS), python],
        env={**environ, "PYTHONPATH": str(_ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()

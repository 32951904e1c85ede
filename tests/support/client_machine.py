"""A platform that runs, and the programs of others that use it with nothing but its variables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from tests.support.projects import ROOT

SECONDS = 120


class Machine:
    """A platform that runs, and programs that use it."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.output = folder / "output"  # of the last command, also while it runs
        self.app = folder / "app"
        self.app.mkdir()
        path = os.pathsep.join([str(ROOT), str(ROOT / "ir"), str(ROOT / "backends")])
        self.environ = {
            **os.environ,
            "HOME": str(folder),
            "PYTHONPATH": path,
            "FLASHC_STATE_DIR": str(folder / "state"),
            "FLASHC_CACHE_DIR": str(cache),
            "RUNPOD_FLASH_SILENCE_DEPRECATION": "1",
            "CI": "1",
        }

    def flashc(self, *words: str) -> list[str]:
        """Return the command line of a command of flashc."""
        return [sys.executable, "-m", "flashc", *words]

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command against the platform; return what it printed."""
        # PYTHONPATH would put flashc's modules before those of the program
        command = self.flashc("run", "--", "env", "-u", "PYTHONPATH", *words)
        with self.output.open("w") as stream:
            done = subprocess.run(
                command,
                cwd=self.app,
                env=self.environ,
                stdout=stream,
                stderr=subprocess.STDOUT,
                timeout=SECONDS,
            )
        shown = self.output.read_text()
        assert done.returncode == status, shown
        return shown

    def ours(self, *words: str, status: int = 0, **environ: str) -> str:
        """Run a command of flashc against the platform, with more variables; return its standard output."""
        changed = [f"{name}={value}" for name, value in environ.items()]
        try:
            done = subprocess.run(
                self.flashc("run", "--", "env", *changed, *self.flashc(*words)),
                cwd=self.app,
                env=self.environ,
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired as late:
            # Its own message leaves out most of what the command printed.
            parts = [part.decode() for part in (late.stdout, late.stderr) if part]
            raise AssertionError(
                f"{words} takes longer than {SECONDS} s:\n{''.join(parts)}"
            ) from late
        self.output.write_text(done.stderr)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def run_on_terminal(self, *words: str, prompt: str) -> None:
        """Run a command that wants a terminal, and say yes to its question."""
        command = self.flashc("run", "--", "env", "-u", "PYTHONPATH", *words)
        ours, its = os.openpty()
        with subprocess.Popen(
            command, cwd=self.app, env=self.environ, stdin=its, stdout=its, stderr=its
        ) as process:
            os.close(its)
            shown = ""
            while prompt not in shown:
                shown += os.read(ours, 4096).decode("utf-8", "replace")
            os.write(ours, b"y\n")
            with suppress(OSError):  # the terminal is closed when the command ends
                while more := os.read(ours, 4096):
                    shown += more.decode("utf-8", "replace")
        os.close(ours)
        assert process.returncode == 0, shown

    def client(self) -> httpx.Client:
        """Return a client with the base and the key of the printed variables."""
        text = subprocess.run(
            self.flashc("platform", "env"), env=self.environ, capture_output=True, text=True
        ).stdout
        lines = [line.removeprefix("export ").split("=", 1) for line in text.splitlines()]
        found = {name: value.strip("'") for name, value in lines}
        headers = {"authorization": f"Bearer {found['RUNPOD_API_KEY']}"}
        base = found["RUNPOD_API_BASE_URL"]
        return httpx.Client(base_url=base, headers=headers, timeout=60, trust_env=False)

    def endpoints(self) -> dict[str, str]:
        """Return the ids of all endpoints by name."""
        with self.client() as client:
            found = client.get("/v2/serverless").json()["endpoints"]
        return {endpoint["name"]: endpoint["id"] for endpoint in found}

    def runsync(self, endpoint: str, given: Any) -> Any:
        """Send a job and return its output."""
        with self.client() as client:
            reply = client.post(f"/v2/{endpoint}/runsync", json={"input": given})
            return reply.json()["output"]


@contextmanager
def platform(machine: Machine) -> Generator[None]:
    """Run the platform."""
    process = subprocess.Popen(
        machine.flashc("platform", "--engine", "process"),
        env=machine.environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        while "its key" not in process.stdout.readline():
            assert process.poll() is None
        yield
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=90) == 0
        process.stdout.close()

"""The terminals of a user who follows a page: each is a bash of its own, in which the real `flashc` and `pytest` run."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from tests.support.pytest_runs import environment

SECONDS = 300.0  # a command prints something within this time
_PROGRAMS = {
    "flashc": f'exec "{sys.executable}" -P -m flashc "$@"',
    "pytest": f'exec "{sys.executable}" -P -m pytest -p flashc.testing.plugin "$@"',
}
_MARK = "= the command has ended: "


def user_variables(home: Path) -> dict[str, str]:
    """Return the variables of a user with an empty home, who has installed flashc."""
    programs = home / "bin"
    programs.mkdir(parents=True)
    for name, text in _PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o700)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return {
        **environment(),
        "HOME": str(home),
        "PATH": path,
        "FLASHC_STATE_DIR": str(home / "state"),
        "COLUMNS": "80",
    }


class Terminal:
    """A bash that runs one command after the other; its variables and its folder stay from command to command."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._started: list[str] | None = None
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def run(self, command: str) -> tuple[str, int]:
        """Run a command; return what it prints, on both streams, and its exit code."""
        self._type(f"{{ {command}\n}} </dev/null; printf '\\n{_MARK}%d\\n' $?\n")
        printed: list[str] = []
        while not printed or not printed[-1].startswith(_MARK):
            printed.append(self._next())
        code = int(printed.pop().removeprefix(_MARK))
        return "".join(printed).removesuffix("\n"), code

    def start(self, command: str, lines: int) -> None:
        """Start a command that runs until `close`; return when it has printed this number of lines."""
        self._type(f"exec {command}\n")
        self._started = [self._next() for _ in range(lines)]

    def folder(self) -> Path:
        """Return the working directory."""
        return Path(self.run("pwd")[0].rstrip("\n"))

    def close(self) -> str:
        """End the bash, or press Ctrl+C and return what the command printed that was started."""
        assert self._bash.stdin is not None
        self._bash.stdin.close()
        try:
            if self._started is not None:
                os.killpg(self._bash.pid, signal.SIGINT)
            code = self._bash.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._bash.pid, signal.SIGKILL)
            raise
        finally:
            self._reader.join(SECONDS)
        printed = self._started or []
        while not self._lines.empty():
            printed.append(self._lines.get())
        assert code == 0, (code, printed)
        return "".join(printed)

    def _type(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(text.encode())
        self._bash.stdin.flush()

    def _next(self) -> str:
        """Return the next line that is printed."""
        try:
            line = self._lines.get(timeout=SECONDS)
        except queue.Empty:
            raise AssertionError(f"nothing is printed for {SECONDS:.0f} seconds") from None
        assert line, "the bash has ended"
        return line

    def _read(self) -> None:
        """Pass on what is printed, and an empty text at the end."""
        assert self._bash.stdout is not None
        with self._bash.stdout as stream:
            for line in stream:
                self._lines.put(line.decode())
        self._lines.put("")

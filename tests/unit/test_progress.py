"""Progress: a line on a terminal, plain lines elsewhere, and no thread that would keep processes from forking."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from flashc_backends.base import Services, Silent
from flashc_backends.dependencies.tools import run
from flashc_core.diagnostics import Sink
from tests.support.projects import ROOT, write

WORK = """
import sys, threading, time
from flashc.cli.progress import show_progress

with show_progress(True, "compiling") as progress:
    if sys.argv[1] == "long":
        time.sleep(1.1)
    progress.start("compressing", 4_000_000, "bytes")
    for _ in range(4):
        progress.advance(1_000_000)
        time.sleep(0.11)
    progress.start("resolving")
    progress.advance()
    assert threading.active_count() == 1
print("rich" in sys.modules)
"""


def on_a_terminal(arguments: list[str], **variables: str) -> tuple[str, str]:
    """Run Python with standard error on a terminal; return (standard output, what the terminal got)."""
    ours, theirs = pty.openpty()
    paths = os.pathsep.join(str(ROOT / name) for name in (".", "ir", "backends"))
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "PYTHONPATH": paths, **variables}
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=theirs, text=True, env=env
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # how Linux says that the other end of a terminal is closed
        pass
    output, _ = process.communicate()
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    return output, shown.decode()


def test_long_work_has_a_bar_with_what_is_done_and_the_time_left() -> None:
    output, shown = on_a_terminal(["-c", WORK, "long"], NO_COLOR="")
    assert output == "True\n"
    assert "compressing" in shown
    assert "3.0/4.0 MB" in shown
    assert "0:00:0" in shown
    assert "\x1b[3" in shown  # colours


def test_short_work_is_shown_without_importing_the_library() -> None:
    output, shown = on_a_terminal(["-c", WORK, "short"])
    assert output == "False\n"
    assert "compiling ..." in shown
    assert "compressing ..." in shown


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}])
def test_there_is_a_bar_without_colours(variables: dict[str, str]) -> None:
    _, shown = on_a_terminal(["-c", WORK, "long"], **variables)
    assert "3.0/4.0 MB" in shown
    assert "\x1b[3" not in shown


def test_a_terminal_that_can_not_move_its_cursor_gets_plain_lines() -> None:
    output, shown = on_a_terminal(["-c", WORK, "long"], TERM="dumb")
    assert output == "False\n"
    assert shown.splitlines() == ["compressing ...", "resolving ..."]


def test_a_build_says_what_it_does_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    app = write(
        tmp_path / "app",
        {"w.py": "from runpod_flash import Endpoint\n\n@Endpoint(name='w')\nasync def w(): ...\n"},
    )
    arguments = ["-m", "flashc", "build", str(app)]
    _, shown = on_a_terminal(arguments)
    assert "packing the artifact" in shown
    assert shown.endswith(("\r\x1b[K", "\x1b[2K"))  # how short and long work clear their line
    (app / ".flash" / "artifact.tar.gz").unlink()
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "ir", ROOT / "backends"))),
    }
    piped = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, env=env
    )
    assert piped.stderr.splitlines() == ["packing the artifact ..."]


def test_neither_the_version_nor_a_warm_check_imports_the_library(tmp_path: Path) -> None:
    app = write(
        tmp_path / "app",
        {"w.py": "from runpod_flash import Endpoint\n\n@Endpoint(name='w')\nasync def w(): ...\n"},
    )
    code = (
        "import sys\nfrom flashc.cli.main import cli\n"
        "cli.main(sys.argv[1:], standalone_mode=False)\nprint('rich' in sys.modules)"
    )
    for arguments in (["--version"], ["check", str(app)], ["check", str(app)]):
        output, _ = on_a_terminal(["-c", code, *arguments])
        assert output.endswith("False\n")


def test_the_progress_of_a_tool_counts_what_it_has_done(tmp_path: Path) -> None:
    """The tool works in an empty folder of its own, and writes where it is told to."""
    touch = f"pathlib.Path({str(tmp_path)!r}, n).touch()"
    code = f"import pathlib, time\nfor n in 'abc':\n {touch}; time.sleep(0.25)"
    seen: list[int] = []

    class Counting(Silent):
        def advance(self, amount: int = 0) -> None:
            seen.append(amount)

    services = Services(sink=Sink(), progress=Counting())
    run([sys.executable, "-c", code], services, count=lambda: len(list(tmp_path.iterdir())))
    assert sum(seen) == 3
    assert 0 in seen
    assert max(seen) < 3

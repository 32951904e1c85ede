"""Builds that are killed, or that meet a full disk: the next one gives the same bytes, and nothing of them stays."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.package_index import Package, package_index
from tests.support.profiles import examples
from tests.support.projects import ROOT, write
from tests.support.unprivileged import is_root

FILES = {
    "main.py": "from runpod_flash import Endpoint\nimport tools\n\n"
    '@Endpoint(name="w", dependencies=["alpha"])\ndef f(x: int) -> int:\n    import alpha\n    return x\n',
    "tools.py": "SIZE = 3\n",
    "data.txt": "x" * 200_000,
}
OUTPUTS = {"artifact.tar.gz", "flash_manifest.json", "provenance.json", "sbom.cdx.json"}


class Stage:
    """A project, and folders of its own for the cache and for temporary files."""

    def __init__(self, folder: Path, index: str) -> None:
        self.app = write(folder / "app", FILES)
        self.cache, self.scratch = folder / "cache", folder / "tmp"
        self.scratch.mkdir(exist_ok=True)
        self.variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "ir", ROOT / "backends"))),
            "HOME": str(folder),
            "TMPDIR": str(self.scratch),
            "FLASHC_CACHE_DIR": str(self.cache),
            "UV_DEFAULT_INDEX": index,
            "UV_CACHE_DIR": str(folder / "uv"),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flashc", *arguments],
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        with self.start(*arguments) as process:
            output, _ = process.communicate(timeout=300)
        return process.returncode, output

    def wait_for_helpers(self) -> None:
        """Wait until the tools that a killed build has started have ended too."""
        limit = time.monotonic() + 60
        while any(self._is_of_stage(each) for each in Path("/proc").glob("[0-9]*")):
            assert time.monotonic() < limit
            time.sleep(0.02)

    def _is_of_stage(self, process: Path) -> bool:
        with suppress(OSError):
            return f"TMPDIR={self.scratch}\0".encode() in (process / "environ").read_bytes()
        return False


@pytest.fixture
def index() -> Iterator[str]:
    with package_index({}, [Package("alpha")]) as (address, _):
        yield address


def test_after_killed_builds_the_next_one_gives_the_same(index: str, tmp_path: Path) -> None:
    stage = Stage(tmp_path, index)
    begin = time.monotonic()
    code, output = stage.run("build", str(stage.app))
    usual = time.monotonic() - begin
    assert code == 0, output
    artifact = stage.app / ".flash" / "artifact.tar.gz"
    expected = artifact.read_bytes()
    chance = random.Random(os.getpid())
    for _ in range(examples(4)):
        if chance.random() < 0.5:
            stage.run("cache", "clear")
        (stage.app / "tools.py").write_text(f"SIZE = {chance.random()}\n")
        with stage.start("build", str(stage.app)) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(chance.random() * usual)
            process.kill()
    stage.wait_for_helpers()
    (stage.app / "tools.py").write_text(FILES["tools.py"])
    code, output = stage.run("build", str(stage.app))
    assert code == 0, output
    assert artifact.read_bytes() == expected
    assert {path.name for path in artifact.parent.iterdir()} == OUTPUTS
    assert list(stage.scratch.iterdir()) == []


@pytest.mark.skipif(not is_root(), reason="only root can mount a small file system")
@pytest.mark.parametrize(
    ("command", "full"),
    [
        *(("build", "app/.flash"), ("build", "tmp"), ("build", "cache")),
        *(("lock", "tmp"), ("lock", "cache"), ("verify", "tmp")),
    ],
)
def test_a_full_disk_is_said_and_breaks_nothing(
    command: str, full: str, index: str, tmp_path: Path
) -> None:
    """The cache does without it; other outputs fail with one line, and what was there before stays."""
    stage = Stage(tmp_path, index)
    assert stage.run("build", str(stage.app))[0] == 0
    artifact = stage.app / ".flash" / "artifact.tar.gz"
    expected = artifact.read_bytes()
    target = artifact if command == "verify" else stage.app
    arguments = [sys.executable, "-m", "flashc", command, str(target)]
    script = (
        'mkdir -p "$0" && mount -t tmpfs -o size=16k none "$0" && '
        '(head -c 16384 /dev/zero > "$0/full" 2>/dev/null || true) && exec "$@"'
    )
    if full == "app/.flash":
        (stage.app / "tools.py").write_text("SIZE = 4\n")
        script = script.replace('mkdir -p "$0" && ', "")
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, str(tmp_path / full), *arguments],
        env=stage.variables,
        capture_output=True,
        text=True,
        cwd="/",
        timeout=300,
    )
    said = done.stdout + done.stderr
    assert done.returncode in (0, 1, 2, 3), said
    assert "bug in flashc" not in said
    assert "Traceback" not in said
    assert done.returncode == 0 or "space" in said, said
    assert artifact.read_bytes() == expected or (full != "app/.flash" and command == "build")
    (stage.app / "tools.py").write_text(FILES["tools.py"])
    assert stage.run("build", str(stage.app))[0] == 0
    assert artifact.read_bytes() == expected

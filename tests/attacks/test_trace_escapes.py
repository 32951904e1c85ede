"""What code tries to get out of `--trace`: as root and not, with namespaces and without."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.projects import ROOT, compile_files, write
from tests.support.trace_escapes import ENDINGS, ESCAPES, module_of, module_that_ends
from tests.support.tracing import needs_sandbox
from tests.support.unprivileged import NOBODY, as_nobody, is_root, without_namespaces

SURVIVOR = b"7654321"  # the argument of each process that wants to stay
CANARY = "canary-of-escapes"


@dataclass(frozen=True)
class Stage:
    """A folder of a user, outside of the folders of pytest, which other users can't enter."""

    folder: Path
    user: int

    @property
    def app(self) -> Path:
        return self.folder / "app"

    @property
    def marks(self) -> Path:
        """The folder that escapes try to write to; the user may write to it."""
        return self.folder / "marks"

    def give(self) -> None:
        """Let the user own everything."""
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, self.user, self.user)

    def check(self, *options: str, namespaces: bool = True) -> tuple[list[dict[str, str]], str]:
        """Run `flashc check --trace` as the user; return its findings and everything that it printed."""
        command = [sys.executable, "-m", "flashc", "check", str(self.app), "--trace", "--format"]
        command += ["json", *options]
        if not namespaces:
            command = without_namespaces(command, self.user)
        if self.user != os.geteuid():
            command = as_nobody(command)
        variables = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "ir", ROOT / "backends"))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(self.folder),
            "FLASHC_CACHE_DIR": str(self.folder / "cache"),
            "ATTACK_SECRET": CANARY,
        }
        done = subprocess.run(
            command, env=variables, cwd="/", capture_output=True, text=True, timeout=300
        )
        assert done.stdout.startswith("{"), done.stderr
        return json.loads(done.stdout)["diagnostics"], done.stdout + done.stderr


@pytest.fixture(params=["root", "nobody"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A stage of root, and of a user without rights; only root can take the part of another user."""
    wanted = 0 if request.param == "root" else NOBODY if is_root() else os.geteuid()
    if wanted == 0 and not is_root():
        pytest.skip("only root can try what root can do")
    folder = Path(tempfile.mkdtemp(prefix="flashc-escapes-"))
    try:
        yield Stage(folder, wanted)
    finally:
        shutil.rmtree(folder)


def files_of(stage: Stage) -> dict[str, str]:
    """Return one module for each escape."""
    cache = str(stage.folder / "cache")
    return {
        f"{name}.py": module_of(
            name, body, mark=str(stage.marks / f"flashc-{name}"), app=str(stage.app), cache=cache
        )
        for name, body in ESCAPES.items()
    }


def survivors() -> list[bytes]:
    """Return the commands of processes that an escape has started."""
    found: list[bytes] = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes())
        except OSError:
            continue
    return [command for command in found if SURVIVOR in command]


@needs_sandbox
def test_every_escape_is_held(stage: Stage) -> None:
    files = files_of(stage)
    write(stage.app, {**files, ".env": f"ATTACK_SECRET={CANARY}\n"})
    write(stage.marks, {})
    stage.marks.mkdir()
    stage.give()
    device = os.stat("/dev/full")
    found, printed = stage.check()
    assert "ESCAPED" not in printed, [d["message"] for d in found if "ESCAPED" in d["message"]]
    traced = {d["path"] for d in found if d["code"] in ("FC132", "FC133")}
    assert traced == set(files)
    assert not [d["message"] for d in found if d["code"] == "FC132"]
    assert CANARY not in printed
    assert not list(stage.marks.iterdir())
    assert not list(Path("/dev/shm").glob("flashc-*"))
    assert {p.name for p in stage.app.iterdir()} == {*files, ".env"}
    assert all((stage.app / name).read_text() == text for name, text in files.items())
    assert os.stat("/dev/full") == device
    assert not (stage.folder / "cache" / "poisoned").exists()
    assert survivors() == []


@needs_sandbox
@pytest.mark.parametrize("ending", ENDINGS)
def test_whatever_ends_or_fills_the_process_is_a_finding(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, words = ENDINGS[ending]
    if "took more" in words:
        monkeypatch.setattr("flashc.frontend.trace_process.LIMIT", 2)
    result = compile_files(tmp_path, {"worker.py": module_that_ends(body)}, trace=True)
    messages = [d.message for d in result.diagnostics if d.rule.code in ("FC132", "FC133")]
    assert len(messages) == 1, messages
    assert words in messages[0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["worker.py"]
    assert survivors() == []


@needs_sandbox
def test_without_namespaces_nothing_runs_without_the_second_word(stage: Stage) -> None:
    """With the word, the code runs, and the findings name each layer that is missing."""
    write(
        stage.app,
        {"worker.py": module_of("w", RUNS, mark=str(stage.folder / "ran"), app="", cache="")},
    )
    stage.give()
    (refused,) = (d for d in stage.check(namespaces=False)[0] if d["code"] == "FC132")
    assert "the system does not let `bwrap` make namespaces" in refused["message"]
    assert not (stage.folder / "ran").exists()
    found, printed = stage.check("--no-sandbox", namespaces=False)
    (traced,) = (d for d in found if d["code"] == "FC133")
    assert (stage.folder / "ran").exists()
    for text in (str(traced["notes"]), printed.partition("{")[0] or printed):
        for layer in ("file system", "network", "processes", "system calls"):
            assert layer in text


RUNS = "LIBC.close(LIBC.open(os.fsencode(MARK), os.O_WRONLY | os.O_CREAT, 0o644))"

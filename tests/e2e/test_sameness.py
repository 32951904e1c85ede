"""Equal inputs give equal bytes on every machine; concurrent and killed builds do no harm."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from flashc_backends.verify.checks import verify_artifact
from flashc_core.diagnostics import Sink
from tests.support.projects import EXAMPLES, ROOT

PATHS = os.pathsep.join(str(ROOT / part) for part in (".", "ir", "backends"))
OUTPUTS = ("artifact.tar.gz", "flash_manifest.json", "sbom.cdx.json", "provenance.json")
WORKER = (
    "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="w", dependencies=["text-unidecode==1.3", "markupsafe==3.0.2"])\n'
    "async def run(text: str):\n    import markupsafe\n    import text_unidecode\n    return text\n"
)


def start(
    project: Path, output: Path, *, umask: int = 0o022, **environ: str
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "flashc", "build", str(project), "--app", "app"),
            *("--python-version", "3.12", "-o", str(output)),
        ],
        env={**os.environ, "PYTHONPATH": PATHS, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.umask(umask) and None,
    )


def copy_backwards(source: Path, target: Path) -> None:
    """The same files, made in another order and at another time."""
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_file() and ".flash" not in path.parts:
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            os.utime(copy, (1_000_000_000, 1_000_000_000))


@pytest.mark.parametrize("name", ["pipeline", "packages"])
def test_equal_inputs_give_equal_bytes(name: str, tmp_path: Path) -> None:
    first = tmp_path / "one" / "app"
    second = tmp_path / "zwei" / "ein anderer Ort" / "app"
    shutil.copytree(EXAMPLES / name, first, ignore=shutil.ignore_patterns(".flash"))
    copy_backwards(EXAMPLES / name, second)
    builds = [
        start(first, first / "out", PYTHONHASHSEED="1", FLASHC_CACHE_DIR=str(tmp_path / "c1")),
        start(
            second,
            second / "out",
            umask=0o077,
            PYTHONHASHSEED="4711",
            TZ="Pacific/Kiritimati",
            LC_ALL="C",
            HOME=str(tmp_path),
            USER="somebody",
            FLASHC_CACHE_DIR=str(tmp_path / "c2"),
        ),
    ]
    assert [build.wait(300) for build in builds] == [0, 0]
    # file by file first, so that a difference names its file
    with (
        tarfile.open(first / "out" / OUTPUTS[0]) as one,
        tarfile.open(second / "out" / OUTPUTS[0]) as two,
    ):
        for mine, other in zip(one, two, strict=True):
            assert mine.get_info() == other.get_info()
            if mine.isfile():
                a, b = one.extractfile(mine), two.extractfile(other)
                assert a is not None
                assert b is not None
                assert a.read() == b.read(), mine.name
    for output in OUTPUTS:
        assert (first / "out" / output).read_bytes() == (second / "out" / output).read_bytes()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "worker.py").write_text(WORKER)
    return folder


def whole(output: Path) -> bytes:
    """The bytes of an artifact that a worker can run, without partial files next to it."""
    sink = Sink()
    verify_artifact(output / OUTPUTS[0], sink)
    assert not len(sink), [d.message for d in sink]
    assert sorted(p.name for p in output.iterdir()) == sorted(OUTPUTS)
    return (output / OUTPUTS[0]).read_bytes()


def test_twenty_builds_at_once_agree(project: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    # One resolves for all: twenty at once would measure the patience of the package index.
    assert start(project, tmp_path / "before", FLASHC_CACHE_DIR=cache).wait(300) == 0
    forget_layers(cache)
    outputs = [tmp_path / f"out{n}" if n % 2 else tmp_path / "shared" for n in range(20)]
    builds = [start(project, output, FLASHC_CACHE_DIR=cache) for output in outputs]
    assert [build.wait(300) for build in builds] == [0] * 20
    assert len({whole(output) for output in outputs}) == 1


def forget_layers(cache: str) -> None:
    for kind in ("layers", "layer-files"):
        shutil.rmtree(Path(cache, "v1", kind), ignore_errors=True)


def test_fifty_builds_killed_at_any_moment_break_nothing(project: Path, tmp_path: Path) -> None:
    cache, output = str(tmp_path / "cache"), tmp_path / "out"
    assert start(project, output, FLASHC_CACHE_DIR=cache).wait(300) == 0
    forget_layers(cache)
    begun = time.monotonic()
    (project / "worker.py").write_text(WORKER + "# again\n")
    assert start(project, output, FLASHC_CACHE_DIR=cache).wait(300) == 0
    takes = time.monotonic() - begun
    moments = random.Random(7)
    for number in range(50):
        if number % 5 == 0:
            forget_layers(cache)  # so that every stage is met, not only the end
        (project / "worker.py").write_text(WORKER + f"# {number}\n")
        build = start(project, output, FLASHC_CACHE_DIR=cache)
        time.sleep(moments.uniform(0, takes))
        build.send_signal(signal.SIGKILL)
        build.wait()
        artifact = output / OUTPUTS[0]
        sink = Sink()
        verify_artifact(artifact, sink)
        assert not len(sink), [d.message for d in sink]
    fresh = tmp_path / "fresh"
    for folder, store in ((output, cache), (fresh, str(tmp_path / "other"))):
        assert start(project, folder, FLASHC_CACHE_DIR=store).wait(300) == 0
    assert (output / OUTPUTS[0]).read_bytes() == whole(fresh)

"""`flashc verify`: an artifact that flashc made is whole, and every kind of damage is found."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.api import verify_artifact as api_verify
from flashc.cli.main import cli
from flashc_backends.artifact.artifact import BuildResult, build
from flashc_backends.base import DependencyOptions, Services
from flashc_backends.dependencies.lock import render
from flashc_backends.verify.checks import verify_artifact, verify_build
from flashc_core.cache import Store, disabled_cache
from flashc_core.diagnostics import Sink
from tests.support.archives import Files, edit, files_of, forged, put, sealed, tar_of
from tests.support.artifact_damages import DAMAGES, FILES, native
from tests.support.projects import EXAMPLES, compile_files, compile_folder, context_of, write

WORKER = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    folder = tmp_path_factory.mktemp("verify")
    compiled = compile_files(folder / "app", FILES)
    sink = Sink()
    result = build(compiled.valid, context_of(compiled.root, sink), folder / "artifact.tar.gz")
    assert result is not None, [d.message for d in sink]
    return result


def problems(artifact: Path) -> list[str]:
    sink = Sink()
    verify_artifact(artifact, sink)
    assert {d.rule.code for d in sink} <= {"FC413", "FC415"}
    return [f"{d.path}: {d.message}" for d in sink]


def problems_of_build(made: BuildResult, artifact: Path, cache: Store) -> list[str]:
    """Verify a new artifact whose own files are one piece."""
    services = Services(sink=Sink(), compiler="this", cache=cache)
    size = artifact.stat().st_size - sum(layer.piece.size for layer in made.parts.layers)
    verify_build(artifact, made.parts.layers, [size], services)
    return [d.message for d in services.sink]


def test_what_flashc_makes_is_whole(made: BuildResult) -> None:
    assert problems(made.artifact) == []
    assert [layer.contents.name for layer in made.parts.layers] == ["markupsafe", "text-unidecode"]
    assert problems_of_build(made, made.artifact, disabled_cache()) == []


@pytest.mark.parametrize("name", ["skeleton", "pipeline", "packages"])
def test_so_are_the_examples(name: str, tmp_path: Path) -> None:
    compiled = compile_folder(EXAMPLES / name)
    context = context_of(compiled.root, Sink(), dependencies=DependencyOptions(no_install=True))
    result = build(compiled.valid, context, tmp_path / "artifact.tar.gz")
    assert result is not None
    assert all(
        "neither the artifact nor the image contains it" in p for p in problems(result.artifact)
    )


def test_other_tools_read_its_members_as_one_archive(made: BuildResult, tmp_path: Path) -> None:
    shown = subprocess.run(
        ["tar", "tzf", str(made.artifact)], capture_output=True, text=True, check=True
    )
    with tarfile.open(made.artifact) as archive:
        assert archive.getnames() == shown.stdout.splitlines()
    assert "./worker.py" in shown.stdout.splitlines()


def rewritten(artifact: Path, target: Path, change: Callable[[Files], None]) -> Path:
    """The artifact with its files changed; everything that can be computed is made to fit again."""
    files = files_of(artifact.read_bytes())
    change(files)
    return forged(files, target)


def test_a_file_that_no_record_lists_is_found_by_the_identity(
    made: BuildResult, tmp_path: Path
) -> None:
    """Whatever is in no RECORD is covered: packages have no file more, the lock no other hash."""
    changes: dict[str, Callable[[Files], object]] = {
        "added": lambda f: put(f, "text_unidecode/more.py", b"X = 1\n"),
        "renamed": lambda f: f.update({"tool.py": f.pop("tools.py")}),
        "changed": lambda f: edit(f, "tools.py", b"x + x", b"x * 2"),
        "executable": lambda f: setattr(f["tools.py"][0], "mode", 0o755),
        "program of a package": lambda f: setattr(f[native(f)][0], "mode", 0o644),
        "locked": lambda f: edit(f, "requirements.txt", b"--hash=sha256:", b"--hash=sha256:0"),
    }
    for name, change in changes.items():
        files = files_of(made.artifact.read_bytes())
        change(files)
        target = tmp_path / f"{name}.tar.gz"
        target.write_bytes(sealed(tar_of(files)))
        assert any("its identity is not that of the files" in p for p in problems(target)), name


def test_a_provenance_record_tells_apart_what_is_consistent_in_itself(
    made: BuildResult, tmp_path: Path
) -> None:
    """A forger can compute all that is in an artifact, and not the record that a build has left elsewhere."""
    record = made.artifact.with_name("provenance.json")
    changed = rewritten(
        made.artifact, tmp_path / "a.tar.gz", lambda f: edit(f, "tools.py", b"x + x", b"x * 2")
    )
    assert problems(changed) == []
    assert api_verify(made.artifact).provenance == record
    assert api_verify(made.artifact, provenance=record).diagnostics == ()
    found = [d.message for d in api_verify(changed, provenance=record).diagnostics]
    assert "`a.tar.gz`: its SHA-256 is not the one in `provenance.json`" in found
    assert {message.split("`")[1] for message in found} == {
        *("_flashc/app.py", "a.tar.gz", "flash_manifest.json", "tools.py")
    }
    assert api_verify(changed).provenance is None  # there is no record next to it


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"subject": 1}', "[" * 100_000, None])
def test_what_is_no_provenance_record_is_a_finding(
    text: str | None, made: BuildResult, tmp_path: Path
) -> None:
    record = tmp_path / "provenance.json"
    if text is not None:
        record.write_text(text)
    (found,) = api_verify(made.artifact, provenance=record).diagnostics
    assert found.message.startswith("`provenance.json`: ")


def test_a_lock_is_compared_if_it_is_given(made: BuildResult, tmp_path: Path) -> None:
    lock = tmp_path / "flash.lock"
    lock.write_text(render(made.parts.lock))
    assert api_verify(made.artifact, lock=lock).diagnostics == ()
    for old, new in (("==1.3", "==1.2"), ("python: 3.12", "python: 3.13"), ("# format: 1", "")):
        lock.write_text(render(made.parts.lock).replace(old, new))
        assert len(api_verify(made.artifact, lock=lock).diagnostics) == 1, old


def test_a_distribution_inside_another_one_is_not_installed(
    made: BuildResult, tmp_path: Path
) -> None:
    record = "text_unidecode/_vendor/zipp-3.23.0.dist-info/RECORD"
    vendored = rewritten(
        made.artifact, tmp_path / "vendored.tar.gz", lambda f: put(f, record, b"one\n")
    )
    assert problems(vendored) == []


@pytest.mark.parametrize(("change", "words"), DAMAGES.values(), ids=DAMAGES)
def test_damage_is_found(
    change: Callable[[Files], None], words: str, made: BuildResult, tmp_path: Path
) -> None:
    found = problems(rewritten(made.artifact, tmp_path / "damaged.tar.gz", change))
    assert any(words in problem for problem in found), found


def test_a_handler_that_flashc_did_not_write_is_read_without_a_crash(
    made: BuildResult, tmp_path: Path
) -> None:
    def change(files: Files) -> None:
        put(files, "handler_x.py", b"MODULES = (1, 'worker')\n")
        put(files, "handler_y.py", b"MODULES = [['worker']]\n")

    assert problems(rewritten(made.artifact, tmp_path / "odd.tar.gz", change)) == []


def test_a_python_version_that_is_none_is_read_without_a_crash(
    made: BuildResult, tmp_path: Path
) -> None:
    def change(files: Files) -> None:
        edit(files, "flash_manifest.json", b'"python_version": "3.12"', b'"python_version": "?"')
        put(files, "worker.py", b"def f(:")

    (found,) = problems(rewritten(made.artifact, tmp_path / "odd.tar.gz", change))
    assert "it is made for Python 3.12" in found


def test_everything_wrong_with_a_manifest_is_said(made: BuildResult, tmp_path: Path) -> None:
    def change(files: Files) -> None:
        edit(files, "flash_manifest.json", b'"workersMax": 1', b'"workersMax": "many"')
        edit(files, "flash_manifest.json", b'"version": "1.0"', b'"version": "2.0", "more": 1')

    found = problems(rewritten(made.artifact, tmp_path / "odd.tar.gz", change))
    assert len(found) == 3, found


def test_a_stronger_hash_is_compared(made: BuildResult, tmp_path: Path) -> None:
    path = "text_unidecode/__init__.py"

    def change(files: Files) -> None:
        digest = hashlib.sha512(files[path][1]).digest()
        encoded = base64.urlsafe_b64encode(digest).rstrip(b"=")
        record = "text_unidecode-1.3.dist-info/RECORD"
        lines = files[record][1].splitlines(keepends=True)
        (old,) = [line for line in lines if line.startswith(path.encode())]
        size = old.rpartition(b",")[2]
        edit(files, record, old, path.encode() + b",sha512=" + encoded + b"," + size)

    def change_and_damage(files: Files) -> None:
        change(files)
        edit(files, path, b"def", b"DEF")

    assert problems(rewritten(made.artifact, tmp_path / "fine.tar.gz", change)) == []
    (found,) = problems(rewritten(made.artifact, tmp_path / "odd.tar.gz", change_and_damage))
    assert "its content is not the one" in found


@pytest.mark.parametrize("old", [False, True])
def test_what_is_left_to_other_endpoints_is_read_from_the_record(old: bool, tmp_path: Path) -> None:
    """Artifacts of older versions say it in the first line of their lock."""
    worker = (
        "from runpod_flash import Endpoint\n\n@Endpoint(name='a')\nasync def a(): ...\n"
        "@Endpoint(name='b', dependencies=['text-unidecode==1.3'])\n"
        "async def b():\n    import text_unidecode\n"
    )
    app = write(tmp_path / "app", {"worker.py": worker})
    built = CliRunner().invoke(cli, ["build", str(app), "--per-endpoint"])
    assert built.exit_code == 0, built.output
    made = app / ".flash" / "endpoints" / "a.tar.gz"
    assert built.stdout.endswith(f"{made.parent}/\n")

    def change(files: Files) -> None:
        record = json.loads(files.pop("_flashc/endpoint.json")[1])
        assert record == {"format": 1, "endpoint": "a", "left_to_others": ["text-unidecode"]}
        if old:
            put(files, "requirements.txt", b"# left to other endpoints: text-unidecode\n")

    assert problems(made) == []
    found = problems(rewritten(made, tmp_path / "changed.tar.gz", change))
    assert bool(found) != old


@pytest.mark.parametrize("version", ["3.13", f"{sys.version_info.major}.{sys.version_info.minor}"])
def test_a_module_that_no_worker_can_parse_is_found(version: str, tmp_path: Path) -> None:
    """Modules with newer syntax than the running Python's are not checked."""
    compiled = compile_files(tmp_path / "app", {"worker.py": WORKER}, python_version=version)
    target = tmp_path / "artifact.tar.gz"
    assert build(compiled.valid, context_of(compiled.root, Sink()), target) is not None

    def change(files: Files) -> None:
        put(files, "worker.py", b"def run(:\n")

    found = problems(rewritten(target, tmp_path / "damaged.tar.gz", change))
    older = sys.version_info[:2] < (3, 13)
    expected = (
        [] if version == "3.13" and older else ["worker.py: `worker.py`: it can't be imported: "]
    )
    assert [problem.partition("invalid")[0] for problem in found] == expected


@pytest.mark.parametrize("kind", ["cut", "twice", "no archive", "link"])
def test_broken_archives_are_findings(kind: str, made: BuildResult, tmp_path: Path) -> None:
    target = tmp_path / "broken.tar.gz"
    data = made.artifact.read_bytes()
    if kind == "cut":
        target.write_bytes(data[: len(data) // 2])
    elif kind == "no archive":
        target.write_bytes(gzip.compress(b"hello" * 1000))
    else:
        with tarfile.open(target, "w:gz") as archive:
            for name in ("a.py", "a.py"):
                info = tarfile.TarInfo(name)
                if kind == "link":
                    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                archive.addfile(info)
    assert problems(target)


def test_a_layer_that_was_not_copied_whole_is_found(made: BuildResult, tmp_path: Path) -> None:
    data = bytearray(made.artifact.read_bytes())
    data[made.parts.layers[0].piece.size // 2] ^= 1
    target = tmp_path / "flipped.tar.gz"
    target.write_bytes(data)
    assert "was not copied completely" in problems_of_build(made, target, disabled_cache())[0]


def test_a_build_is_searched_for_files_with_the_path_of_a_folder_of_a_package(
    made: BuildResult, tmp_path: Path
) -> None:
    size = sum(layer.piece.size for layer in made.parts.layers)
    files: Files = {}
    put(files, "text_unidecode", b"")
    own = gzip.compress(tar_of(files))
    target = tmp_path / "artifact.tar.gz"
    target.write_bytes(made.artifact.read_bytes()[:size] + own)
    assert (
        "`text_unidecode`: it can't be unpacked: the archive has `text_unidecode/__init__.py` too"
        in problems_of_build(made, target, disabled_cache())
    )

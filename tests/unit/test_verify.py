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
from typing import Any

import pytest
from click.testing import CliRunner

from flashc.api import verify_artifact as api_verify
from flashc.cli.main import cli
from flashc_backends.artifact import artifact
from flashc_backends.artifact.artifact import BuildResult, build
from flashc_backends.base import DependencyOptions, Draft, Services
from flashc_backends.dependencies.lock import render
from flashc_backends.manifest.manifest import manifest_draft
from flashc_backends.verify.checks import verify_artifact, verify_build
from flashc_core.cache import Store, disabled_cache
from flashc_core.diagnostics import Sink
from flashc_ir.program import Program
from tests.support.archives import Files, edit, files_of, forged, put, sealed, tar_of
from tests.support.projects import EXAMPLES, compile_files, compile_folder, context_of, write

FILES = {
    "worker.py": "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="w", dependencies=["text-unidecode==1.3", "markupsafe==3.0.2"])\n'
    "async def run(text: str):\n    import markupsafe\n    import text_unidecode\n"
    "    from tools import twice\n    return twice(text)\n",
    "tools.py": "import json, torch\n\ndef twice(x): return x + x\n",
}


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


def _own(files: Files) -> None:
    files["worker.py"][0].uid = 1000


def _run_as_owner(files: Files) -> None:
    files["worker.py"][0].mode = 0o4755


def _later(files: Files) -> None:
    files["worker.py"][0].mtime = 0


def _open_to_all(files: Files) -> None:
    files["worker.py"][0].mode = 0o666


def _gnu(files: Files) -> None:
    files["worker.py"][0].type = tarfile.CONTTYPE


def _other_entry(files: Files, change: Callable[[bytes, bytes], tuple[bytes, bytes]]) -> None:
    """Change the hash and the size that a RECORD lists for a module."""
    record = "text_unidecode-1.3.dist-info/RECORD"
    (line,) = [
        each
        for each in files[record][1].splitlines()
        if each.startswith(b"text_unidecode/__init__.py")
    ]
    path, hashed, size = line.split(b",")
    edit(files, record, line, b",".join((path, *change(hashed, size))))


def _native(files: Files) -> str:
    return next(name for name in files if name.endswith(".so"))


DAMAGES: dict[str, tuple[Callable[[Files], object], str]] = {
    "a file of a package is gone": (
        lambda f: f.pop("text_unidecode/__init__.py"),
        "and it is not there",
    ),
    "a file of a package is changed": (
        lambda f: edit(f, "text_unidecode/__init__.py", b"def", b"DEF"),
        "its content is not the one",
    ),
    "a locked package is missing": (
        lambda f: [f.pop(n) for n in list(f) if n.startswith("text_unidecode")],
        "`text-unidecode` is locked, but not in the archive",
    ),
    "another version is locked": (
        lambda f: edit(f, "requirements.txt", b"text-unidecode==1.3", b"text-unidecode==1.2"),
        "is locked as 1.2, and in the archive as 1.3",
    ),
    "a package is not locked": (
        lambda f: put(f, "requirements.txt", b""),
        "it is in the archive, but not locked",
    ),
    "a library is for another machine": (
        lambda f: put(f, _native(f), b"\x7fELF" + b"\x02" * 14 + b"\xb7\x00" + b"x" * 50),
        "it is not made for x86_64",
    ),
    "a library is for another Python": (
        lambda f: put(
            f, "lib/x.cpython-310-x86_64-linux-gnu.so", b"\x7fELF" + b"\2" * 14 + b"\x3e\0"
        ),
        "it is made for Python 3.10",
    ),
    "a module is missing": (lambda f: f.pop("worker.py"), "needs the module `worker`"),
    "a function is missing": (
        lambda f: edit(f, "worker.py", b"def run", b"def walk"),
        "which is not defined there",
    ),
    "a handler is missing": (
        lambda f: f.pop("handler_w.py"),
        "this handler of `w`, and the file is missing",
    ),
    "a handler names no modules": (
        lambda f: edit(f, "handler_w.py", b"('worker',)", b"5"),
        "`handler_w.py`: its `MODULES` are not the names of modules",
    ),
    "a handler names what is not there": (
        lambda f: edit(f, "handler_w.py", b"('worker',)", b"('worker', 'gone')"),
        "it imports the module `gone`, which is not in the archive",
    ),
    "a handler is another's": (
        lambda f: edit(f, "handler_w.py", b"'w'", b"'v'"),
        "it is not the handler of `w`",
    ),
    "an import leads nowhere": (
        lambda f: edit(f, "tools.py", b"import json", b"import json, nowhere"),
        "`nowhere` is imported in line 1 of `tools.py`",
    ),
    "a module has a null byte": (
        lambda f: put(f, "worker.py", b"def run(): ...\n\0"),
        "`worker.py`: it can't be imported: ",
    ),
    "a part of the runtime is gone": (
        lambda f: f.pop("_flashc/queue.py"),
        "`handler_w.py`: it imports `_flashc.queue`, which is not in the archive",
    ),
    "a part that another one needs is gone": (
        lambda f: f.pop("_flashc/jobs.py"),
        "`_flashc/queue.py`: it imports `_flashc.jobs`, which is not in the archive",
    ),
    "a RECORD is empty": (
        lambda f: put(f, "text_unidecode-1.3.dist-info/RECORD", b""),
        "it does not list itself",
    ),
    "a name has a line break": (lambda f: put(f, "a\nb.txt", b""), "can't be printed"),
    "a file runs as its owner": (_run_as_owner, "special permissions"),
    "the manifest is gone": (lambda f: f.pop("flash_manifest.json"), "no manifest"),
    "the manifest is not JSON": (
        lambda f: put(f, "flash_manifest.json", b"{"),
        "`flash_manifest.json`: it is not JSON",
    ),
    "the manifest nests without end": (
        lambda f: put(f, "flash_manifest.json", b"[" * 100_000),
        "`flash_manifest.json`: it is not JSON",
    ),
    "the manifest is not an object": (
        lambda f: put(f, "flash_manifest.json", b"[]"),
        "[] is not of type 'object' (at `$`)",
    ),
    "a resource is not one": (
        lambda f: edit(f, "flash_manifest.json", b'"workersMax": 1', b'"workersMax": "many"'),
        "'many' is not of type 'integer' (at `$.resources.w.workersMax`)",
    ),
    "a RECORD can't be read": (
        lambda f: put(f, "text_unidecode-1.3.dist-info/RECORD", b"one\n"),
        "`text_unidecode-1.3.dist-info/RECORD`: it is not a RECORD that can be read",
    ),
    "a RECORD has a weak hash": (
        lambda f: edit(
            f, "text_unidecode-1.3.dist-info/RECORD", b"__init__.py,sha256=", b"__init__.py,md5="
        ),
        "its content is not the one",
    ),
    "the record of an endpoint is not one": (
        lambda f: put(f, "_flashc/endpoint.json", b'{"format": 2}'),
        "`_flashc/endpoint.json`: 'endpoint' is a required property (at `$`)",
    ),
    "a path climbs out": (lambda f: put(f, "../x.py", b""), "leads out of the folder"),
    "a path is absolute": (lambda f: put(f, "/x.py", b""), "leads out of the folder"),
    "a secret goes along": (lambda f: put(f, "conf/.env.production", b"K=1"), "credentials"),
    "a worker's module is overwritten": (lambda f: put(f, "handler.py", b""), "worker image"),
    "files have owners": (_own, "belongs to a user"),
    "a file has another time": (_later, "modification time is not the one"),
    "a file can be written by all": (_open_to_all, "its header in the archive is not one"),
    "a file has another header": (_gnu, "its header in the archive is not one"),
    "a module of the runtime is changed": (
        lambda f: edit(f, "_flashc/queue.py", b"def", b"def "),
        "`_flashc/queue.py`: it is not a file of the runtime of flashc",
    ),
    "the runtime has a file more": (
        lambda f: put(f, "_flashc/more.py", b""),
        "`_flashc/more.py`: it is not a file of the runtime of flashc",
    ),
    "a constant of the app is code": (
        lambda f: edit(f, "_flashc/app.py", b"= {}", b"= dict()"),
        "`_flashc/app.py`: it is not a file of the runtime of flashc",
    ),
    "the app has another time limit": (
        lambda f: edit(f, "_flashc/app.py", b"float] = {}", b"float] = {'w': 1.5}"),
        "it has another time limit for `w` than the manifest",
    ),
    "the app names another resource": (
        lambda f: edit(f, "_flashc/app.py", b"str] = {}", b"str] = {'w': 'v'}"),
        "it names a resource that the manifest does not have",
    ),
    "another version of flashc made it": (
        lambda f: edit(f, "_flashc/__init__.py", b"'0.", b"'900."),
        "only the version that made it can verify it",
    ),
    "no version of flashc made it": (
        lambda f: put(f, "_flashc/__init__.py", b""),
        "does not name the version of flashc",
    ),
    "a handler does more": (
        lambda f: edit(f, "handler_w.py", b"from _flashc", b"import os\nfrom _flashc"),
        "it is not the handler that flashc writes",
    ),
    "a handler takes more jobs": (
        lambda f: edit(f, "handler_w.py", b"MAX_CONCURRENCY = 1", b"MAX_CONCURRENCY = 2"),
        "it is not the handler that flashc writes",
    ),
    "a handler imports a module more": (
        lambda f: edit(f, "handler_w.py", b"('worker',)", b"('worker', 'tools')"),
        "its `MODULES` are not those of the manifest",
    ),
    "the manifest is written otherwise": (
        lambda f: edit(f, "flash_manifest.json", b'  "version"', b'   "version"'),
        "its text is not the one that flashc writes",
    ),
    "a stub has code": (
        lambda f: put(f, "_flashc/stubs/x.py", b"import os\n"),
        "its line 1 is not part of a stub",
    ),
    "a RECORD lists no hash": (
        lambda f: _other_entry(f, lambda hashed, size: (b"", size)),
        "its content is not the one",
    ),
    "a RECORD lists another size": (
        lambda f: _other_entry(f, lambda hashed, size: (hashed, size + b"0")),
        "its size is not the one",
    ),
    "METADATA is another's": (
        lambda f: put(f, "text_unidecode-1.3.dist-info/METADATA", b"Name: other\nVersion: 1.3\n\n"),
        "it describes another distribution",
    ),
    "metadata have no RECORD": (
        lambda f: put(f, "other-1.0.dist-info/METADATA", b"Name: other\nVersion: 1.0\n\n"),
        "has no RECORD",
    ),
}


def test_a_file_that_no_record_lists_is_found_by_the_identity(
    made: BuildResult, tmp_path: Path
) -> None:
    """Whatever is in no RECORD is covered: packages have no file more, the lock no other hash."""
    changes: dict[str, Callable[[Files], object]] = {
        "added": lambda f: put(f, "text_unidecode/more.py", b"X = 1\n"),
        "renamed": lambda f: f.update({"tool.py": f.pop("tools.py")}),
        "changed": lambda f: edit(f, "tools.py", b"x + x", b"x * 2"),
        "executable": lambda f: setattr(f["tools.py"][0], "mode", 0o755),
        "program of a package": lambda f: setattr(f[_native(f)][0], "mode", 0o644),
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


WORKER = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
)


@pytest.mark.parametrize(
    "arguments",
    [
        ["build"],
        ["build", "--per-endpoint"],
        ["emit", "--target", "artifact"],
        ["emit", "--target", "artifact", "--output", "out"],
        ["size"],
        ["size", "--why", "x"],
    ],
    ids=" ".join,
)
def test_an_artifact_that_fails_verification_is_refused_whoever_asked_for_it(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unprintable = "conf/a\nb.txt"  # no check before the build looks at it
    app = write(tmp_path / "app", {"worker.py": WORKER, unprintable: ""})
    monkeypatch.chdir(tmp_path)
    command, *options = arguments
    refused = CliRunner().invoke(cli, [command, str(app), *options])
    assert refused.exit_code == 1
    assert "FC413" in refused.stderr
    assert "its name contains characters that can't be printed" in refused.stderr
    assert refused.stdout == ""
    assert not list(tmp_path.rglob("*.tar.gz"))
    (app / unprintable).unlink()
    assert CliRunner().invoke(cli, [command, str(app), *options]).exit_code == 0


def test_an_endpoints_artifact_is_verified_on_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The artifact of all endpoints is fine here; that of the endpoint lacks what its manifest names."""
    app = write(tmp_path / "app", {"worker.py": WORKER})
    real = manifest_draft

    def another_module(
        program: Program, *more: Any, only: str | None = None, **options: Any
    ) -> Draft:
        draft = real(program, *more, only=only, **options)
        if only is None:
            return draft
        return Draft(path=draft.path, content=draft.read().replace(b'"worker"', b'"other"'))

    monkeypatch.setattr(artifact, "manifest_draft", another_module)
    refused = CliRunner().invoke(cli, ["build", str(app), "--per-endpoint"])
    assert refused.exit_code == 1
    assert "needs the module `other`" in refused.stderr
    assert not (app / ".flash" / "endpoints" / "w.tar.gz").exists()


def test_size_explains_an_artifact_that_is_too_large_and_refuses_it(tmp_path: Path) -> None:
    files = {"worker.py": WORKER, "pyproject.toml": '[tool.flashc]\nsize-budget = "1 kB"\n'}
    app = write(tmp_path / "app", files)
    refused = CliRunner().invoke(cli, ["size", str(app)])
    assert refused.exit_code == 1
    assert "FC414" in refused.stderr
    assert "the project" in refused.stdout

"""What the artifact holds, and that the same inputs give the same bytes."""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import os
import tarfile
from pathlib import Path

import pytest

from flashc_backends import archive
from flashc_backends.artifact.parts import own_drafts
from flashc_backends.base import Draft
from flashc_backends.files.project_files import draft_project
from flashc_backends.files.runtime_files import stripped
from flashc_core.diagnostics import Sink
from tests.support.builds import TWO, build_all, build_files, worker
from tests.support.projects import EXAMPLES, ROOT, compile_files, compile_folder, write

LB = 'from runpod_flash import Endpoint\n\napi = Endpoint(name="api")\n\n@api.get("/x")\nasync def x(): return 1\n'


def members(target: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(target) as opened:
        return {member.name: member for member in opened}


def test_an_artifact_holds_project_handlers_runtime_lock_and_manifest(tmp_path: Path) -> None:
    files = {"worker.py": worker(), "data/table.csv": "1,2\n", "notes.md": "not shipped"}
    codes, target = build_files(tmp_path, files)
    found = members(target)
    assert codes == []
    assert {"./worker.py", "./data/table.csv", "./handler_w.py", "./_flashc/queue.py"} <= set(found)
    assert {"./flash_manifest.json", "./requirements.txt"} <= set(found)
    assert "./notes.md" not in found
    assert json.loads((target.parent / "flash_manifest.json").read_text())["resources"]["w"]


def test_members_belong_to_nobody_and_have_no_time(tmp_path: Path) -> None:
    _, target = build_files(tmp_path, {"worker.py": worker()})
    for member in members(target).values():
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
        assert (member.mtime, member.mode) == (315532800, 0o644)
    with gzip.open(target) as stream:
        assert stream.read(2)
    assert target.read_bytes()[4:8] == b"\0\0\0\0"


def test_two_builds_in_two_folders_are_byte_identical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folder, umask, time zone, locale and file times make no difference."""
    files = {
        "worker.py": worker(', dependencies=["text-unidecode==1.3"]'),
        "b.txt": "b",
        "a.txt": "a",
    }
    _, first = build_files(tmp_path / "one", files)
    old = os.umask(0o077)
    try:
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        monkeypatch.setenv("LC_ALL", "C")
        reordered = dict(reversed(files.items()))
        compile_files(tmp_path / "a" / "much" / "longer" / "path" / "app", reordered)
        os.utime(tmp_path / "a/much/longer/path/app/a.txt", (1, 1))
        _, second = build_files(tmp_path / "a" / "much" / "longer" / "path", reordered)
    finally:
        os.umask(old)
    assert sorted(members(first)) == sorted(members(second))
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (first, second)]
    assert digests[0] == digests[1]


def test_dependencies_are_locked_with_hashes_for_the_workers_python(tmp_path: Path) -> None:
    codes, target = build_files(
        tmp_path,
        {"worker.py": worker(', dependencies=["markupsafe==3.0.2", "torch"]')},
        python_version="3.13",
    )
    assert codes == []
    with tarfile.open(target) as opened:
        stream = opened.extractfile("./requirements.txt")
        assert stream is not None
        lock = stream.read().decode()
    assert "markupsafe==3.0.2" in lock
    assert "--hash=sha256:" in lock
    assert "http" not in lock
    found = members(target)
    assert any(name.endswith("cpython-313-x86_64-linux-gnu.so") for name in found)
    assert not any("torch" in name or "/bin/" in name or "__pycache__" in name for name in found)


def test_pip_tools_locks_for_the_running_interpreter_only(tmp_path: Path) -> None:
    import sys

    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    files = {"worker.py": worker(', dependencies=["text-unidecode==1.3"]')}
    codes, target = build_files(tmp_path / "a", files, "pip-tools", python_version=running)
    assert codes == []
    assert "./text_unidecode/__init__.py" in members(target)
    codes, _ = build_files(tmp_path / "b", files, "pip-tools", python_version="3.10")
    assert codes == ["FC410"]


def test_the_manifest_of_one_endpoint_says_that_it_calls_others(tmp_path: Path) -> None:
    app, output = write(tmp_path / "app", {"worker.py": TWO}), tmp_path / "out"
    assert not build_all(app, output)
    calls = {}
    for resource in ("a", "b"):
        with tarfile.open(output / "endpoints" / f"{resource}.tar.gz") as opened:
            stream = opened.extractfile("./flash_manifest.json")
            assert stream is not None
            for name, entry in json.load(stream)["resources"].items():
                calls[resource, name] = entry["makes_remote_calls"]
    assert calls == {("a", "a"): True, ("b", "b"): False}


def test_secrets_of_the_environment_stay_references(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "hunter2-is-secret")
    text = "import os\n" + worker(
        ', env={"TOKEN": os.environ["MY_TOKEN"], "URL": f"https://x/{os.getenv(\'MY_TOKEN\')}", "A": "1"}'
    )
    codes, target = build_files(tmp_path, {"worker.py": text})
    assert codes == []
    with gzip.open(target) as stream:
        assert b"hunter2" not in stream.read()
    entry = json.loads((target.parent / "flash_manifest.json").read_text())["resources"]["w"]
    assert entry["env"] == {"A": "1"}
    assert entry["env_references"] == {
        "TOKEN": [{"variable": "MY_TOKEN"}],
        "URL": [{"text": "https://x/"}, {"variable": "MY_TOKEN", "default": "None"}],
    }


def test_an_app_of_the_examples_has_the_same_bytes_as_ever(tmp_path: Path) -> None:
    """Not a golden of bytes, which would change with every release: two processes, two hash seeds."""
    import subprocess
    import sys

    digests = set()
    for seed in ("1", "2"):
        target = tmp_path / seed / "artifact.tar.gz"
        command = [sys.executable, "-m", "flashc", "build", str(EXAMPLES / "pipeline")]
        command += ["--output", str(target), "--python-version", "3.12"]
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        subprocess.run(command, env=env, check=True, capture_output=True)
        digests.add(hashlib.sha256(target.read_bytes()).hexdigest())
    assert len(digests) == 1
    assert compile_folder(EXAMPLES / "pipeline").codes == []


@pytest.mark.parametrize(
    ("files", "absent", "present"),
    [
        ({"w.py": worker("")}, {"routes", "dispatch", "client", "wire", "stubs/w"}, {"queue"}),
        ({"w.py": worker(""), "v.py": worker("").replace('"w"', '"v"')}, {"routes"}, {"dispatch"}),
        ({"w.py": worker(""), "v.py": worker("").replace('"w"', '"v"')}, {"stubs/w"}, set()),
        ({"w.py": worker(""), "m.py": "from w import run\n"}, {"routes"}, {"stubs/w", "dispatch"}),
        ({"w.py": LB}, {"queue", "streams", "arguments", "dispatch"}, {"routes"}),
        ({"w.py": worker("") + "def later(): return Endpoint(id='x')\n"}, {"routes"}, {"client"}),
    ],
)
def test_only_what_the_app_can_need_of_the_runtime_goes_along(
    files: dict[str, str], absent: set[str], present: set[str], tmp_path: Path
) -> None:
    compiled = compile_files(tmp_path, files)
    shipped = draft_project(compiled.valid, compiled.root, Sink())
    assert shipped is not None
    names = {
        draft.path.removeprefix("_flashc/").removesuffix(".py")
        for draft in own_drafts(compiled.valid, shipped)
        if draft.path.startswith("_flashc/")
    }
    assert not absent & names
    assert present <= names


RUNTIME = ROOT / "backends" / "flashc_backends" / "runtime"


@pytest.mark.parametrize("path", sorted(RUNTIME.rglob("*.py")), ids=lambda path: path.name)
def test_the_runtime_travels_without_docstrings_and_otherwise_as_it_is(path: Path) -> None:
    source = path.read_text("utf-8")
    plain = ast.parse(source)
    for node in ast.walk(plain):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            if ast.get_docstring(node) is not None:
                empty: list[ast.stmt] = [] if isinstance(node, ast.Module) else [ast.Pass()]
                node.body = node.body[1:] or empty
    assert ast.unparse(ast.parse(stripped(source))) == ast.unparse(plain)
    assert "#" not in stripped(source).replace('"#"', "")


def test_the_compressed_bytes_are_these_on_every_machine(tmp_path: Path) -> None:
    """A golden: another digest here means that the same inputs give another artifact than before."""
    words = [hashlib.sha256(str(n % 977).encode()).hexdigest()[: n % 13] for n in range(2_000_000)]
    target = tmp_path / "x.tar.gz"
    archive.write_archive(target, [Draft(path="words", content="".join(words).encode())], [], 0)
    data = target.read_bytes()
    assert len(data) == 5003389
    assert hashlib.sha256(data).hexdigest() == (
        "5582120fcaa20e21197452b1f6f2de720255ec8b31999aaf3ee2f6db5209bdda"
    )
    with tarfile.open(target) as opened:
        content = opened.extractfile("./words")
        assert content is not None
        assert content.read().decode() == "".join(words)

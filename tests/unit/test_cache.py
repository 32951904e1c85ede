"""The cache changes how long a command takes, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.api.check import check_project
from flashc.cli.main import cli
from flashc.project.workspace import open_workspace
from flashc_core.cache import Store, digest
from flashc_core.diagnostics import Diagnostic
from tests.support.projects import compile_folder, write

WORKER = (
    "import os\nfrom runpod_flash import Endpoint\n\n"
    '@Endpoint(name="w-" + os.getenv("STAGE_OF_TEST", "dev"), worker=1)\n'
    "async def run(x: int): return x\n"
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(folder=tmp_path / "cache")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "app", {"worker.py": WORKER})


def codes(root: Path, store: Store, **options: object) -> list[str]:
    return [d.rule.code for d in checked(root, store, **options)]


def checked(root: Path, store: Store, **options: object) -> tuple[Diagnostic, ...]:
    return check_project(open_workspace(root, options, cache=store)).diagnostics


def entries(store: Store) -> set[Path]:
    """The files of the cache; one that is written again is another file."""
    return {file for file in store.folder.rglob("*") if file.is_file()}


def test_a_second_check_says_the_same_without_compiling(project: Path, store: Store) -> None:
    first = checked(project, store, python_version="3.12")
    assert first == compile_folder(project).diagnostics
    assert first
    code = (
        "import sys\nfrom flashc.api.check import check_project\n"
        "from flashc.project.workspace import open_workspace\nfrom flashc_core.cache import Store\n"
        "from pathlib import Path\n"
        f"workspace = open_workspace(Path({str(project)!r}), {{'python_version': '3.12'}},\n"
        f"                           cache=Store(folder=Path({str(store.folder)!r})))\n"
        "print(len(check_project(workspace).diagnostics), 'libcst' in sys.modules,\n"
        "      'flashc.compile' in sys.modules)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    again = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert again.stdout.split() == [str(len(first)), "False", "False"]


def test_a_finding_about_a_file_goes_when_its_cause_goes(project: Path, store: Store) -> None:
    link = project / "data"
    link.symlink_to(project / "nowhere")
    assert "FC010" in codes(project, store)
    link.unlink()
    assert "FC010" not in codes(project, store)


def change_a_file(project: Path, _: pytest.MonkeyPatch) -> dict[str, object]:
    write(project, {"worker.py": WORKER.replace("worker=1", "workers=1")})
    return {}


def add_a_file(project: Path, _: pytest.MonkeyPatch) -> dict[str, object]:
    write(project, {"os.py": ""})
    return {}


def ignore_a_file(project: Path, _: pytest.MonkeyPatch) -> dict[str, object]:
    write(project, {".flashignore": "worker.py\n"})
    return {}


def set_a_variable(_: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("STAGE_OF_TEST", "no/slash")
    return {}


def write_dotenv(project: Path, _: pytest.MonkeyPatch) -> dict[str, object]:
    write(project, {".env": "STAGE_OF_TEST=no/slash\n"})
    return {}


def choose_an_option(_: Path, __: pytest.MonkeyPatch) -> dict[str, object]:
    return {"python_version": "2.7"}


@pytest.mark.parametrize(
    "change",
    [change_a_file, add_a_file, ignore_a_file, set_a_variable, write_dotenv, choose_an_option],
)
def test_whatever_matters_makes_a_new_result(
    change: object, project: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes(project, store)
    options = change(project, monkeypatch)  # type: ignore[operator]
    assert codes(project, store, **options) == codes(
        project, Store(folder=project.parent / "empty"), **options
    )
    kept = entries(store)
    codes(project, store, **options)
    assert entries(store) == kept  # and that one is kept too


def test_a_spoiled_entry_is_a_miss(project: Path, store: Store) -> None:
    before = codes(project, store)
    for file in store.folder.rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-40] + b"x" * 40)
    assert codes(project, store) == before


def test_a_folder_that_can_not_be_written_is_no_cache(project: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert codes(project, Store(folder=blocked)) == codes(project, Store(folder=blocked)) != []


def test_what_has_not_been_used_for_the_longest_time_goes_first(tmp_path: Path) -> None:
    store = Store(folder=tmp_path, limit=250)
    for age, key in enumerate(("oldest", "older", "newest")):
        store.write("kind", key, b"x" * 64)
        os.utime(tmp_path / "v1" / "kind" / key[:1] / key, (1000 + age, 1000 + age))
    assert store.read("kind", "oldest") is not None  # which makes it the newest
    store.prune()
    assert store.read("kind", "older") is None
    assert store.read("kind", "newest") == store.read("kind", "oldest") == b"x" * 64


def test_large_entries_are_checked_too(tmp_path: Path) -> None:
    store, source = Store(folder=tmp_path / "cache"), tmp_path / "layer"
    source.write_bytes(os.urandom(3_000_000))
    store.write("layers", "key", source)
    piece = store.find("layers", "key")
    assert piece is not None
    copy = tmp_path / "copy"
    with copy.open("wb") as target:
        piece.copy_to(target)
    assert copy.read_bytes() == source.read_bytes()
    path = tmp_path / "cache" / "v1" / "layers" / "k" / "key"
    path.write_bytes(path.read_bytes()[:-1])
    assert store.find("layers", "key") is None


def test_an_entry_in_the_place_of_another_one_is_a_miss(tmp_path: Path) -> None:
    store = Store(folder=tmp_path)
    store.write("kind", "key", b"x")
    entry = (tmp_path / "v1" / "kind" / "k" / "key").read_bytes()
    for kind, key in (("kind", "kez"), ("other", "key")):
        place = tmp_path / "v1" / kind / key[:1] / key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(entry)
        assert store.read(kind, key) is None
        assert store.find(kind, key) is None


def test_an_entry_that_is_in_use_can_be_removed(tmp_path: Path) -> None:
    store = Store(folder=tmp_path / "cache")
    store.write("layers", "key", b"x" * 3_000_000)
    piece = store.find("layers", "key")
    assert piece is not None
    store.clear()
    assert store.find("layers", "key") is None
    with (tmp_path / "copy").open("wb") as target:
        piece.copy_to(target)
    assert (tmp_path / "copy").stat().st_size == 3_000_000
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


def test_keys_do_not_run_together() -> None:
    assert len({digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("ab", "c", "")}) == 4


def test_the_cache_tells_what_it_holds_and_empties_itself_only(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    write(folder, {"precious.txt": "stays"})
    monkeypatch.setenv("FLASHC_CACHE_DIR", str(folder))
    CliRunner().invoke(cli, ["check", str(project)])
    shown = CliRunner().invoke(cli, ["cache", "info"]).output
    assert "checks" in shown
    assert str(folder) in shown
    assert CliRunner().invoke(cli, ["cache", "clear"]).exit_code == 0
    assert "checks" not in CliRunner().invoke(cli, ["cache", "info"]).output
    assert (folder / "precious.txt").read_text() == "stays"

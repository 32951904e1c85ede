"""A project is read in parts, on several processors, and from memory; none of it can be seen in the result."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from flashc import fragments
from flashc.compile import compile_project
from flashc.frontend import fragment
from flashc.options import Options
from flashc_backends.processes import on_all_processors
from flashc_backends.store import Store
from flashc_ir.diagnostics import Diagnostic, Sink
from flashc_ir.program import Program
from tests.support.projects import write

WORKER = """\
import os
from pathlib import Path
import settings
from runpod_flash import Endpoint

NAME = "w-" + settings.STAGE + os.getenv("SUFFIX_OF_TEST", "") + (
    Path(__file__).parent / "name.txt"
).read_text()

@Endpoint(name=NAME)
async def run(x: int): return x
"""
OTHER = """\
import os
from runpod_flash import Endpoint

@Endpoint(name="other-" + os.getenv("STAGE_OF_TEST", "dev"), worker=1)
async def run(x: int): return x
"""
FILES = {
    "worker.py": WORKER,
    "other.py": OTHER,
    "settings.py": "import deeper\nSTAGE = deeper.STAGE\n",
    "deeper.py": "import os\nos.environ['STAGE_OF_TEST'] = 'x'\nSTAGE = 'prod'\n",
    "name.txt": "-1",
}


def result(root: Path, store: Store | None) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    sink = Sink()
    return compile_project(root, Options(python_version="3.12"), sink, store=store), tuple(sink)


def names(root: Path, store: Store | None) -> list[str]:
    seen: list[Program] = []
    options = Options(python_version="3.12")
    compile_project(root, options, Sink(), lambda _, program: seen.append(program), store)
    return [endpoint.name for endpoint in seen[-1].deployed()]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "app", FILES)


def test_the_second_time_nothing_is_read(
    root: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = result(root, store)

    def fail(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(fragment, "read_parts", fail)
    assert result(root, store) == first
    assert [d.rule.code for d in first[1]] == ["FC101"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"worker.py": WORKER.replace("w-", "v-")}, "v-prod-1"),
        ({"settings.py": "STAGE = 'dev'\n"}, "w-dev-1"),
        ({"deeper.py": "STAGE = 'deep'\n"}, "w-deep-1"),
        ({"name.txt": "-2"}, "w-prod-2"),
        ({"settings/__init__.py": "STAGE = 'package'\n"}, "w-package-1"),
        ({"SUFFIX_OF_TEST": "-s"}, "w-prod-s-1"),
    ],
)
def test_whatever_a_part_was_read_from_makes_it_be_read_again(
    change: dict[str, str],
    expected: str,
    root: Path,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert names(root, store) == ["other-dev", "w-prod-1"]
    for name, text in change.items():
        if "." in name:
            write(root, {name: text})
        else:
            monkeypatch.setenv(name, text)
    assert names(root, store) == ["other-dev", expected]
    assert result(root, store) == result(root, None)


def test_a_variable_that_one_worker_sets_is_not_set_in_another(root: Path) -> None:
    assert "other-dev" in names(root, None)
    write(root, {"other.py": "from deeper import STAGE\n" + OTHER})
    assert "other-x" in names(root, None)


def test_parts_that_reach_into_each_other_are_read_as_one(tmp_path: Path, store: Store) -> None:
    worker = "from runpod_flash import Endpoint\napi = Endpoint(name='{0}')\n"
    route = "@api.get('/{0}')\nasync def {0}(): return 1\n"
    files = {f"workers/{n}.py": worker.format(n) + route.format(n) for n in "ab"}
    files["more.py"] = (
        "import importlib\nimport runpod_flash\n"
        "for name in ('a', 'b'):\n    api = importlib.import_module('workers.' + name).api\n"
        "@api.post('/more')\nasync def more(): return 1\n"
    )
    root = write(tmp_path / "app", files)
    for _ in range(2):
        program, found = result(root, store)
        assert [d.rule.code for d in found] == ["FC306"]
        assert program is not None
        assert [len(getattr(e, "routes", ())) for e in program.endpoints] == [1, 2]


def test_many_modules_are_read_on_all_processors(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        "from runpod_flash import Endpoint\n@Endpoint(name='w{0}', wrong=1)\ndef f(x): return x\n"
    )
    root = write(tmp_path / "app", {f"w{n}.py": text.format(n) for n in range(80)})
    alone = result(root, None)
    monkeypatch.setattr(fragments, "_PAYS", 0)
    assert result(root, store) == result(root, store) == alone
    assert len(alone[1]) == 80


def test_processes_are_forked_only_where_no_thread_is_lost() -> None:
    mine = str(os.getpid()).encode()

    def here(_: int) -> bytes:
        return str(os.getpid()).encode()

    forks = (
        sys.platform == "linux"
        and threading.active_count() == 1
        and len(os.sched_getaffinity(0)) > 1
    )
    assert (mine not in set(on_all_processors(here, 4))) == forks
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    assert set(on_all_processors(here, 4)) == {mine}
    done.set()
    thread.join()


def test_an_error_in_another_process_is_raised_here() -> None:
    def fail(number: int) -> bytes:
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        list(on_all_processors(fail, 4))


def test_what_a_killed_process_leaves_is_done_here() -> None:
    mine = os.getpid()

    def work(number: int) -> bytes:
        if number == 5 and os.getpid() != mine:
            os.kill(os.getpid(), signal.SIGKILL)
        return str(number).encode()

    assert list(on_all_processors(work, 9)) == [str(number).encode() for number in range(9)]

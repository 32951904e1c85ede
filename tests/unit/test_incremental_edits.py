"""A cache filled by one state of a project changes nothing about the next one, whatever way leads from edit to worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flashc.compile import compile_project
from flashc.incremental import batches, limits, summaries
from flashc_core.cache import Store
from flashc_core.diagnostics import Diagnostic
from flashc_ir.program import Program
from tests.support.edited_programs import EDITS, Edit, worker
from tests.support.projects import compile_workspace, opened, write

# They run the same code hundreds of times, which measuring makes three times slower.
pytestmark = pytest.mark.no_cover

API = (
    "from runpod_flash import Endpoint\napi = Endpoint(name='api')\n"
    "@api.get('/a')\nasync def a(): return 1\n"
)


def names(program: Program) -> str:
    return " ".join(sorted(endpoint.name for endpoint in program.deployed))


def compiled(root: Path, store: Store | None) -> tuple[str, tuple[Diagnostic, ...], Program | None]:
    seen: list[Program] = []
    workspace = opened(root, store)
    sink = workspace.sink()
    program = compile_project(workspace, sink, lambda _, each: seen.append(each)).program
    return names(seen[-1]), tuple(sink), program


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_edit_is_seen_whatever_leads_to_it(edit: Edit, tmp_path: Path) -> None:
    store = Store(folder=tmp_path / "cache")
    root = write(tmp_path / "app", edit.files)
    assert compiled(root, store)[0] == edit.before
    write(root, {edit.path: edit.text})
    after = compiled(root, store)
    assert after[0] == edit.after
    assert after == compiled(root, None)
    write(root, edit.files)
    assert compiled(root, store) == compiled(root, None)


@pytest.mark.parametrize("last", ["", "from plain import X\n", "from other import X\n"])
def test_a_route_belongs_to_the_module_that_adds_it_whatever_is_imported_later(
    last: str, tmp_path: Path
) -> None:
    files = {
        "a.py": API,
        "b.py": "from a import api\n@api.get('/b')\nasync def b(): return 1\n" + last,
        "plain.py": "X = 1\n",
        "other.py": "import runpod_flash\nX = 1\n",
    }
    program = compile_workspace(opened(write(tmp_path, files))).valid
    (endpoint,) = program.endpoints
    assert [route.path for route in getattr(endpoint, "routes", ())] == ["/a", "/b"]


def test_a_route_that_a_plain_module_adds_belongs_to_its_importers(tmp_path: Path) -> None:
    files = {
        "a.py": API,
        "b.py": "import runpod_flash\nfrom plain import X\n",
        "plain.py": "import importlib\nX = 1\nname = 'a'\napi = importlib.import_module(name).api\n"
        "@api.get('/p')\nasync def p(): return 1\n",
    }
    seen: list[Program] = []
    workspace = opened(write(tmp_path, files))
    compile_project(workspace, workspace.sink(), lambda _, program: seen.append(program))
    (endpoint,) = seen[-1].endpoints
    assert [route.path for route in getattr(endpoint, "routes", ())] == ["/a", "/p"]


def test_findings_of_a_plain_module_come_and_go_with_its_imports(tmp_path: Path) -> None:
    """The worker's own summary stays as it is: nothing that it asked for changes."""
    files = {
        "worker.py": worker("'w-' + V", "from n import V"),
        "n.py": "V = '1'\n",
        "k.py": "from broken import Q\n",
        "broken.py": "raise ValueError('x')\n",
    }
    store, root = Store(folder=tmp_path / "cache"), write(tmp_path / "app", files)
    for text, expected in (
        ("V = '1'\n", []),
        ("V = '1'\nfrom k import Q\n", ["FC127"]),
        ("V = '1'\n", []),
    ):
        write(root, {"n.py": text})
        found = compile_workspace(opened(root, store))
        assert found.codes == expected
        assert found.diagnostics == compile_workspace(opened(root)).diagnostics


def test_a_finding_in_another_module_moves_with_its_lines(tmp_path: Path) -> None:
    files = {
        "worker.py": "from n import make\n@make('w')\nasync def run(x: int): return x\n",
        "n.py": "from runpod_flash import Endpoint\ndef make(name):\n"
        "    return Endpoint(name=name, wrong=1)\n",
    }
    store, root = Store(folder=tmp_path / "cache"), write(tmp_path / "app", files)
    lines: list[str] = []
    for text in (files["n.py"], "# a comment\n" + files["n.py"]):
        write(root, {"n.py": text})
        found = compile_workspace(opened(root, store))
        assert found.diagnostics == compile_workspace(opened(root)).diagnostics
        lines.append(str(found.found("FC101").location).split(":")[1])
    assert lines == ["3", "4"]


# Limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("modules_of_a_batch", [1, 16])
def test_whether_modules_are_read_together_does_not_depend_on_the_cache(
    modules_of_a_batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read together, the workers see the variable that the first of them sets; the limit says whether they are."""
    monkeypatch.setattr(limits, "_FREE", 0)
    monkeypatch.setattr(limits, "_OF_A_MODULE", 3)
    monkeypatch.setattr(batches, "_MODULES_OF_A_BATCH", modules_of_a_batch)
    files = {f"m{n}.py": worker(f"'m{n}-' + X", f"from m{n + 1} import X") for n in range(1, 9)}
    files["m9.py"] = "import os\nX = os.getenv('STAGE_OF_TEST', 'none')\n"
    first = "import os\nos.environ['STAGE_OF_TEST'] = 'x'\nfrom m1 import X"
    files["m0.py"] = worker("'m0-' + X", first)
    cut = {"m5.py": worker("'m5-' + X", "X = 'none'")}
    store, root = Store(folder=tmp_path / "cache"), write(tmp_path / "app", files)
    seen: list[str] = []
    for state in (cut, files, cut, files):
        write(root, state)
        found = compiled(root, store)
        assert found == compiled(root, None) == compiled(root, store)
        seen.append(found[0])
    assert "m8-none" in seen[0]
    assert "m8-x" in seen[1]
    assert seen[2:] == seen[:2]


def test_a_cache_keeps_a_few_states_of_a_module(tmp_path: Path) -> None:
    """An edit that is taken back is known again, and a long day's edits do not fill the cache."""
    store, root = Store(folder=tmp_path / "cache"), tmp_path / "app"
    sizes: list[int] = []
    for number in (*range(100, 120), 119, 118):
        write(root, {"worker.py": worker(f"'w-{number}'", "")})
        assert compiled(root, store)[0] == f"w-{number}"
        entries = (tmp_path / "cache").rglob("summaries/**/*")
        sizes.append(sum(path.stat().st_size for path in entries if path.is_file()))
    assert sizes[5] > sizes[0] > 0
    assert sizes[-1] == sizes[5]


@pytest.mark.parametrize("length", [130, 250])
def test_a_chain_of_imports_may_be_longer_than_a_stack_is_deep(length: int, tmp_path: Path) -> None:
    """What a module says, and whether its text is valid, does not depend on who imports it."""
    files = {f"m{n}.py": f"from m{n + 1} import X\n" for n in range(length)}
    files |= {f"m{length}.py": "X = '1'\n", "worker.py": worker("'w-' + X", "from m0 import X")}
    store, root = Store(folder=tmp_path / "cache"), write(tmp_path / "app", files)
    middle = length // 2
    for text in (files[f"m{middle}.py"], "X = '2'\n", files[f"m{middle}.py"]):
        write(root, {f"m{middle}.py": text})
        found = compiled(root, store)
        assert found == compiled(root, None)
        assert {diagnostic.rule.code for diagnostic in found[1]} <= {"FC104"}


# Early cut-off --------------------------------------------------------------------------------------

CONFIG = "STAGE = 'prod'\nREGION = 'eu'\nUNUSED = 1\n"
TOOLS = "def label(x): return x + '-1'\ndef later(): return 1\nclass Settings:\n    size = 1\n"
SHARING = {
    "config.py": CONFIG,
    "tools.py": TOOLS,
    "a.py": worker("label('a-' + config.STAGE)", "import config\nfrom tools import label, later"),
    "b.py": worker("'b-' + REGION", "from config import REGION"),
    "c.py": worker("'c'", ""),
}


def _here(
    work: Callable[[int], bytes], count: int, least: int = 0, prefork: object = None
) -> Iterator[bytes]:
    """Do in this process what several would do, so that the test sees what is parsed."""
    yield from map(work, range(count))


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"config.py": CONFIG + "# a comment\n"}, "config.py"),
        ({"config.py": CONFIG.replace("UNUSED = 1", "UNUSED = 2")}, "config.py"),
        ({"config.py": CONFIG + "MORE = 1\n"}, "config.py"),
        ({"config.py": CONFIG.replace("eu", "us")}, "b.py config.py"),
        ({"config.py": CONFIG.replace("prod", "test")}, "a.py config.py tools.py"),
        ({"config.py": "# a line more\n" + CONFIG}, "a.py b.py config.py tools.py"),
        ({"tools.py": TOOLS.replace("later(): return 1", "later(): return 2")}, "tools.py"),
        ({"tools.py": TOOLS.replace("size = 1", "size = 2")}, "tools.py"),
        ({"tools.py": TOOLS.replace("x + '-1'", "x + '-2'")}, "a.py config.py tools.py"),
        ({"a.py": SHARING["a.py"].replace("return x", "return 2")}, "a.py config.py tools.py"),
        ({"c.py": SHARING["c.py"].replace("return x", "return 2")}, "c.py"),
    ],
)
def test_an_edit_parses_the_modules_that_it_can_reach(
    edit: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module whose reading asks for something that changed is parsed, with what it imports."""
    monkeypatch.setattr(summaries, "on_all_processors", _here)
    store, root = Store(folder=tmp_path / "cache"), write(tmp_path / "app", SHARING)
    compiled(root, store)
    for number, state in enumerate((edit, SHARING, edit)):
        write(root, state)
        workspace = opened(root, store)
        found = compile_workspace(workspace)
        sources = workspace.project.sources.items()
        parsed = [path for path, source in sources if "_parsed" in vars(source)]
        assert " ".join(sorted(parsed)) == (expected if number == 0 else "")
        assert found.program == compile_workspace(opened(root)).program

"""The law of imports: a module whose import flashc passes over changes nothing outside of itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flashc.project.discover import discover
from flashc.project.import_effects import may_act
from flashc_core.cache import Store
from tests.support.profiles import examples
from tests.support.projects import Compiled, compile_files, compile_workspace, opened, write

STATE = """
NAME = "a"
ITEMS = ["a"]
TABLE = {"k": "a"}
class Kept:
    value = "a"
def put(item):
    ITEMS.append(item)
def read():
    return NAME
"""
STATEMENTS = (
    "state.NAME = 'b'", "state.ITEMS.append('b')", "state.TABLE['k'] = 'b'", "state.Kept.value = 'b'",
    "state.put('b')", "X = state.read()", "X = state.NAME", "X = state.ITEMS", "X = state.ITEMS + ['b']",
    "X, Y = state.ITEMS, 1", "X: str = state.NAME", "X.append('b') if isinstance(X, list) else None",
    "X = [state.ITEMS.append(i) for i in 'bc']", "def use(): state.put('b')", "use()", "Z = use",
    "def use(): return state.NAME", "W = len(state.ITEMS)", "list(map(state.put, 'b'))",
    "class Local(state.Kept): pass", "class Local: kept = state.ITEMS", "Local.kept.append('b')",
    "for state.NAME in ['b']: pass", "with open('/dev/null') as state.NAME: pass",
    "try:\n    state.NAME = 'b'\nfinally:\n    pass", "if X:\n    del state.TABLE['k']",
    "import os\nos.environ['CHANGED'] = 'b'", "import math\nR = math.sqrt(4)", "del state.TABLE['k']",
    "state.ITEMS += ['b']", "from state import ITEMS as I\nI.append('b')", "from state import *\nput('b')",
    "def late():\n    import state as s\n    s.NAME = 'b'", "late()", "U = f'{state.NAME}'", "(V := state.ITEMS)",
    "import functools\n@functools.lru_cache\ndef cached(): return state.NAME", "@state.put\ndef given(): pass",
    "T = lambda: state.put('b')", "T()", "print(state.NAME)", "import third", "import sys\nsys.path = sys.path",
    "match 1:\n    case n if state.ITEMS.append(n): pass", "match state.ITEMS:\n    case m: m.append('b')",
    "try:\n    raise ValueError\nexcept (state.put('b'), ValueError)[1]: pass",
    "try:\n    pass\nexcept (state.put('b'), ValueError)[1]: pass", "match 1:\n    case state.Kept.value: pass",
    "S = {**state.TABLE}", "S = state.TABLE if state.NAME else None", "S['k'] = 'b'",
)  # fmt: skip
SEEN = """
import json, os, state
def seen(): return [state.NAME, state.ITEMS, state.TABLE, state.Kept.value, os.environ.get("CHANGED")]
before = json.dumps(seen())
try:
    import other
except BaseException as error:
    print(json.dumps("failed"))
else:
    print(json.dumps(before == json.dumps(seen())))
"""


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(STATEMENTS), min_size=2, max_size=4), st.booleans())
def test_an_import_that_is_passed_over_changes_nothing(body: list[str], third: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_import(Path(folder), body, third)


@pytest.mark.parametrize("statement", STATEMENTS)
def test_an_import_of_one_statement_that_is_passed_over_changes_nothing(
    tmp_path: Path, statement: str
) -> None:
    check_import(tmp_path, [statement], third=True)


def check_import(folder: Path, body: list[str], third: bool) -> None:
    """Check that Python finds no effect of a module on others if its import is passed over."""
    text = "import state\nX = None\n" + "\n".join(body) + "\n"
    files = {
        "state.py": STATE,
        "other.py": text,
        "third.py": "import state\nstate.NAME = 'c'\n" if third else "N = 1\n",
        "seen.py": SEEN,
    }
    root = write(folder, files)
    if may_act(opened(root).project, "other"):
        return
    run = subprocess.run(
        [sys.executable, "seen.py"], cwd=root, capture_output=True, text=True, check=True
    )
    # Python may refuse the text: that is no effect on other modules
    assert run.stdout.splitlines()[-1] in ("true", '"failed"'), text


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_order_of_the_questions_changes_no_answer(data: st.DataObject) -> None:
    modules = [f"m{number}" for number in range(6)]
    a_few = st.frozensets(st.sampled_from(modules), max_size=3)
    imports = {name: data.draw(a_few, label=f"imports of {name}") for name in modules}
    acting = data.draw(a_few, label="modules that act")
    files = {
        f"{name}.py": "".join(f"import {each}\n" for each in sorted(imports[name]))
        + ("raise ValueError\n" if name in acting else "")
        for name in modules
    }
    with tempfile.TemporaryDirectory() as folder:
        project = opened(write(Path(folder), files)).project
        for name in data.draw(st.permutations(modules), label="asked"):
            reached = {name}
            for _ in modules:
                reached |= {each for known in reached for each in imports[known]}
            assert may_act(project, name) == bool(reached & acting)


def test_a_module_that_a_project_gets_while_an_editor_is_open_may_act(tmp_path: Path) -> None:
    before = discover(write(tmp_path, {"other.py": "import later\n"}))
    assert not may_act(before, "other")
    write(tmp_path, {"later.py": "raise ValueError\n"})
    assert may_act(discover(tmp_path, previous=before), "other")


HEAD = "import os, state\nfrom runpod_flash import Endpoint\n"
CASES = [
    ("import other", {"other.py": "import state\nstate.NAME = 'b'\n"}, "b"),
    ("import other", {"other.py": "import third\n", "third.py": "import state\nstate.NAME = 'b'\n"}, "b"),
    ("import pkg.other as o", {"pkg/__init__.py": "", "pkg/other.py": "import state\nstate.NAME = 'b'\n"}, "b"),
    ("from pkg import other", {"pkg/__init__.py": "", "pkg/other.py": "import state\nstate.NAME = 'b'\n"}, "b"),
    ("from pkg.sub import n", {"pkg/__init__.py": "import state\nstate.NAME = 'b'\n", "pkg/sub.py": "n = 1\n"}, "b"),
    ("import importlib\nimportlib.import_module('other')", {"other.py": "import state\nstate.NAME = 'b'\n"}, "b"),
    ("__import__('other')", {"other.py": "import state\nstate.NAME = 'b'\n"}, "b"),
    ("import other", {"other.py": "def go():\n    import state\n    state.NAME = 'b'\ngo()\n"}, "b"),
    ("import other", {"other.py": "import state\ndef go():\n    state.NAME = 'b'\n"}, "a"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "files", "name"), CASES)
def test_what_an_import_changes_is_seen(
    tmp_path: Path, statement: str, files: dict[str, str], name: str
) -> None:
    worker = f"{HEAD}{statement}\n\n@Endpoint(name=state.NAME)\nasync def run(): return 1\n"
    compiled = compile_files(tmp_path, {**files, "state.py": STATE, "worker.py": worker})
    assert names(compiled) == [name]


def test_a_variable_that_an_import_sets_is_known(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "import os\nos.environ['FIRST'] = 'a'\n",
        "other.py": "import os\nos.environ['SECOND'] = 'b'\n",
        "pkg/worker.py": "import os, other\nfrom runpod_flash import Endpoint\n"
        "@Endpoint(name=os.environ['FIRST'] + os.environ['SECOND'])\nasync def run(): return 1\n",
    }
    assert names(compile_files(tmp_path, files)) == ["ab"]


def test_an_import_that_surely_fails_is_an_error(tmp_path: Path) -> None:
    worker = f"{HEAD}import other\n@Endpoint(name='w')\nasync def run(): return 1\n"
    files = {"other.py": "raise ValueError('no')\n", "state.py": STATE, "worker.py": worker}
    assert compile_files(tmp_path, files).codes == ["FC127"]


def names(compiled: Compiled) -> list[str | None]:
    return [getattr(endpoint, "name", None) for endpoint in compiled.valid.endpoints]


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(st.sampled_from(STATEMENTS), max_size=2), min_size=2, max_size=4))
def test_an_edit_that_gives_an_import_an_effect_or_takes_it_away_is_noticed(
    edits: list[list[str]],
) -> None:
    worker = f"{HEAD}import other\n@Endpoint(name=state.NAME)\nasync def run(): return 1\n"
    files = {"state.py": STATE, "third.py": "import state\nstate.NAME = 'c'\n", "worker.py": worker}
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        for body in edits:
            text = "import state\nX = None\n" + "\n".join(body) + "\n"
            root = write(Path(folder), {**files, "other.py": text})
            kept = compile_workspace(opened(root, Store(folder=Path(cache))))
            fresh = compile_workspace(opened(root))
            assert kept.diagnostics == fresh.diagnostics
            assert kept.program == fresh.program
    assert os.environ.get("CHANGED") is None

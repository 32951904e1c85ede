"""A project is read in parts, on several processors, and from memory; none of it can be seen in the result."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.compile import compile_project
from flashc.incremental import summaries
from flashc_core.cache import Store
from flashc_core.diagnostics import Diagnostic
from flashc_ir.program import Program
from tests.support.projects import compile_workspace, opened, write

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
    compiled = compile_workspace(opened(root, store))
    return compiled.program, compiled.diagnostics


def names(root: Path, store: Store | None) -> list[str]:
    seen: list[Program] = []
    workspace = opened(root, store)
    compile_project(workspace, workspace.sink(), lambda _, program: seen.append(program))
    return [endpoint.name for endpoint in seen[-1].deployed]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(folder=tmp_path / "cache")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write(tmp_path / "app", FILES)


def test_the_second_time_nothing_is_parsed(root: Path, store: Store) -> None:
    first = result(root, store)
    workspace = opened(root, store)
    compile_workspace(workspace)
    parsed = [
        path for path, source in workspace.project.sources.items() if "_parsed" in vars(source)
    ]
    assert parsed == []
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
    monkeypatch.setattr(summaries, "_MIN_PARALLEL_SIZE", 0)
    assert result(root, store) == result(root, store) == alone
    assert len(alone[1]) == 80


def test_a_worker_sees_what_its_own_imports_do_and_nothing_else(tmp_path: Path) -> None:
    """Each worker imports its own modules only: what another worker changes is not changed for it."""
    worker = "{0}\nfrom runpod_flash import Endpoint\n@Endpoint(name={1})\ndef {2}(x): return x\n"
    stage = "os.getenv('STAGE_OF_TEST', 'none')"
    for sharing in ("import cfg", "if 1: import cfg", ""):
        files = {
            "cfg.py": "",
            "a.py": worker.format(
                f"import os\n{sharing}\nos.environ['STAGE_OF_TEST'] = 'a'", "'a'", "f"
            ),
            "b.py": worker.format(f"import os\n{sharing}", f"'b-' + {stage}", "g"),
        }
        root = write(tmp_path / sharing.replace(" ", "-").replace(":", ""), files)
        assert names(root, None) == ["a", "b-none"]
    for importing in ("import cfg", "if 1: import cfg"):
        files = {
            "cfg.py": "TABLE = {}\n",
            "a.py": worker.format(f"{importing}\ncfg.TABLE['x'] = 'a'", "'a'", "f"),
            "b.py": worker.format(importing, "'b-' + cfg.TABLE.get('x', 'none')", "g"),
        }
        found = names(write(tmp_path / f"{len(importing)}", files), None)
        assert found == ["a", "b-none"]


@pytest.mark.parametrize(
    ("name", "content"), [("name.txt", "-2"), ("empty.py", OTHER.replace(", worker=1", ""))]
)
def test_what_changes_between_two_looks_is_not_remembered(
    name: str, content: str, tmp_path: Path, store: Store
) -> None:
    worker = (
        "from pathlib import Path\nfrom runpod_flash import Endpoint\n"
        "NAME = 'w' + (Path(__file__).parent / 'name.txt').read_text()\n"
        "@Endpoint(name=NAME)\ndef run(x): return x\n"
    )
    files = {"worker.py": worker, "name.txt": "-1", "empty.py": ""}
    root = write(tmp_path / "app", files)
    workspace = opened(root, store)
    write(root, {name: content})
    compile_workspace(workspace)
    write(root, {name: files[name]})
    assert result(root, store) == result(root, None)
    assert names(root, store) == ["w-1"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("name='a', workers=(0, 10**30)", ["FC108"]),
        ("name='a', execution_timeout_ms=10**30", ["FC108"]),
        ("name='a', max_concurrency=2**70", ["FC108"]),
        ("name='a', gpu_count=10**5000", ["FC108"]),
        ("name='a\\ud800'", ["FC102"]),
        ("name='a', env={'A': '\\ud800'}", ["FC102"]),
        ("name='a', env={'\\ud800': 'A'}", ["FC102"]),
        ("name='a', **{'\\ud800': 1}", ["FC101"]),
        ("name=os.environ.get('\\ud800', 'a')", []),
    ],
)
def test_what_no_document_can_express_is_reported(
    arguments: str, expected: list[str], tmp_path: Path
) -> None:
    text = f"import os\nfrom runpod_flash import Endpoint\n@Endpoint({arguments})\ndef f(x):\n    '\\ud800'\n"
    assert [d.rule.code for d in result(write(tmp_path, {"w.py": text}), None)[1]] == expected


@pytest.mark.parametrize(
    "value", ["True", "10**30", "-(10**400)", "2**63", "'\\ud800'", "chr(0xdfff)"]
)
def test_odd_values_in_annotations_and_markers_are_no_crash(value: str, tmp_path: Path) -> None:
    text = f"""
import os
from enum import Enum
from typing import Annotated, Literal
from fastapi import Path, Query
from pydantic import BaseModel, Field
from runpod_flash import Endpoint, NetworkVolume
ODD = {value}
class Kind(Enum):
    A = ODD
class Order(BaseModel):
    kind: Kind = Kind.A
    count: int = Field(default=ODD, ge=ODD, le=ODD, multiple_of=ODD, alias=ODD, description=ODD)
    text: str = Field(default=ODD, min_length=ODD, pattern=ODD, title=ODD, examples=[ODD])
if os.environ.get(ODD):
    pass
api = Endpoint(name="api", cpu="cpu3c-1-2", workers=(1, 2))
@api.get("/health")
async def health(size: Annotated[int, Query(ge=ODD, alias=ODD, description=ODD)] = ODD): return size
@api.post("/order")
async def order(body: Order, kind: Literal[1, "a"] = ODD): return body
@Endpoint(name="w", volume=NetworkVolume(name="v", size=10, datacenter=ODD))
async def run(x: int = ODD, y: Kind = Kind.A): return x
"""
    root = write(tmp_path, {"w.py": text})
    found = {d.rule.code for d in result(root, None)[1]}
    assert found <= {"FC102"}, found


def test_a_chain_that_is_too_long_is_a_finding(tmp_path: Path) -> None:
    chain = "".join(f"    elif x == {n}: pass\n" for n in range(1500))
    files = {"w.py": f"{OTHER}def g(x):\n    if x: pass\n{chain}"}
    assert "FC005" in [d.rule.code for d in result(write(tmp_path, files), None)[1]]


def test_endpoints_in_functions_are_seen_whatever_ends_a_line(tmp_path: Path) -> None:
    text = (
        OTHER.replace(", worker=1", "")
        + "def make():\n    @Endpoint(name='in')\n    def f(x): return x\n"
    )
    for end in ("\n", "\r\n", "\r"):
        root = write(tmp_path, {"w.py": text.replace("\n", end).encode()})
        assert [d.rule.code for d in result(root, None)[1]] == ["FC120"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data", "w-True"),
        ("data/x.txt", "w-True"),
        ("nothing", "w-False"),
        ("n" * 300, "w-False"),
    ],
)
def test_what_is_there_is_what_workers_have(path: str, expected: str, tmp_path: Path) -> None:
    text = (
        "from pathlib import Path\nfrom runpod_flash import Endpoint\n"
        f"@Endpoint(name='w-' + str((Path(__file__).parent / '{path}').exists()))\ndef f(x): return x\n"
    )
    root = write(tmp_path, {"w.py": text, "data/x.txt": "", "tests/t.txt": ""})
    assert names(root, None) == [expected]
    ignored = write(tmp_path, {"w.py": text.replace(path, "tests")})
    assert [d.rule.code for d in result(ignored, None)[1]] == ["FC104"]

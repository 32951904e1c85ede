"""What an edit touches: the endpoints whose workers hold something that it changes, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.compile import compile_project
from flashc.project.workspace import open_workspace
from flashc_backends.artifact.parts import Parts, collect_parts
from flashc_backends.base import Context, DependencyOptions, ProjectAccess, Services
from flashc_backends.preview.contents import contents_of
from flashc_backends.preview.trees import Trees
from flashc_core.cache import disabled_cache
from flashc_ir.program import Program
from tests.support.projects import write

HEAD = "from runpod_flash import Endpoint\n\n"
FILES = {
    "web.py": HEAD
    + 'api = Endpoint(name="web", cpu="cpu3c-1-2")\n\n'
    + '@api.get("/double")\nasync def double(x: int) -> int:\n'
    + "    from work import work\n    return await work(x)\n",
    "work.py": HEAD
    + "from helpers.numbers import twice\n\n"
    + '@Endpoint(name="work", cpu="cpu3c-1-2")\nasync def work(x: int) -> int:\n'
    + "    return twice(x)\n",
    "other.py": HEAD
    + '@Endpoint(name="other", cpu="cpu3c-1-2")\nasync def other(x: int) -> int:\n'
    + "    return x\n",
    "helpers/__init__.py": "",
    "helpers/numbers.py": "from .factors import TWO\n\ndef twice(x):\n    return TWO * x\n",
    "helpers/factors.py": "TWO = 2\n",
    "unused.py": "X = 1\n",
    "data.txt": "a\n",
}


def compiled(root: Path) -> tuple[Program, Parts]:
    workspace = open_workspace(root, {"python_version": "3.12"}, cache=disabled_cache())
    sink = workspace.sink()
    program = compile_project(workspace, sink).program
    assert program is not None
    context = Context(
        project=ProjectAccess(root=root),
        services=Services(sink=sink, cache=disabled_cache()),
        dependency_options=DependencyOptions(no_install=True),
    )
    parts = collect_parts(program, context, root.parent, forecast=False)
    assert parts is not None
    return program, parts


def touched(root: Path, path: str, before: str, after: str) -> set[str]:
    old = contents_of(*compiled(root))
    file = root / path
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")
    new = contents_of(*compiled(root))
    return {name for name in new if new[name] != old.get(name)}


@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [
        ("other.py", "return x", "return x + 1", {"other"}),
        ("web.py", "await work(x)", "await work(x + 1)", {"web"}),
        ("work.py", "return twice(x)", "return twice(x) + 1", {"work"}),
        ("work.py", "x: int", "x: int = 1", {"work", "web"}),  # the caller's stub has a default
        ("helpers/factors.py", "2", "3", {"work"}),
        ("helpers/__init__.py", "", "A = 1\n", {"work"}),
        ("unused.py", "1", "2", set()),
        ("data.txt", "a", "b", set()),  # no code names it
        ("other.py", 'cpu="cpu3c-1-2"', 'cpu="cpu3c-2-4"', set()),  # the platform compares that
    ],
)
def test_an_edit_touches(
    tmp_path: Path, path: str, before: str, after: str, expected: set[str]
) -> None:
    root = write(tmp_path / "app", FILES)
    assert touched(root, path, before, after) == expected


FILE = {"texts/list.csv": "a\n", "texts/blob.bin": "a\n", "names.toml": "file = 'list.csv'\n"}


@pytest.mark.parametrize(
    "code",
    [
        'open("texts/list.csv").read()',
        'open(b"texts/list.csv").read()',
        'Path(__file__).parent.joinpath("texts", "list.csv").read_text()',
        'Path("texts") / str(x)',
        'open(f"{x}.csv").read()',
        'open(f"texts/l{x}st.csv")',
        'open("list" + str(x))',
        'os.system("cat texts/list.csv")',
        '[*Path("x").rglob("*.c??")]',
        "os.listdir(str(x))",
        "[*Path(str(x)).parent.iterdir()]",
        'os.chdir(".")',
        "read_all(glob(str(x)))",
        'open("names.toml").read()',  # which names the file
        'open("/app/texts/{}.csv".format(x))',
        'open("texts/%s.csv" % x)',
        'open("texts/%d" % x)',
        '[*Path("x").match("l???.csv")]',
    ],
)
def test_a_file_touches_the_endpoints_whose_code_may_open_it(tmp_path: Path, code: str) -> None:
    other = FILES["other.py"].replace("    return x", f"    {code}\n    return x")
    root = write(tmp_path / "app", {**FILES, **FILE, "other.py": other})
    assert touched(root, "texts/list.csv", "a", "b") == {"other"}


def test_a_file_that_a_variable_or_an_imported_module_names_touches_the_endpoint(
    tmp_path: Path,
) -> None:
    other = FILES["other.py"].replace('2")', '2", env={"LIST": "/app/texts/list.csv"})')
    factors = FILES["helpers/factors.py"] + 'NAMES = ("blob.bin",)\n'
    changed = {"other.py": other, "helpers/factors.py": factors}
    root = write(tmp_path / "app", {**FILES, **FILE, **changed})
    assert touched(root, "texts/list.csv", "a", "b") == {"other"}
    assert touched(root, "texts/blob.bin", "a", "b") == {"work"}
    assert touched(root, "names.toml", "file", "path") == set()


def test_a_module_that_imports_by_a_computed_name_may_hold_everything(tmp_path: Path) -> None:
    other = FILES["other.py"].replace(
        "    return x", "    import importlib\n    return importlib.import_module(str(x)).X"
    )
    root = write(tmp_path / "app", {**FILES, "other.py": other})
    assert touched(root, "unused.py", "1", "2") == {"other"}


def test_a_new_endpoint_touches_no_other(tmp_path: Path) -> None:
    root = write(tmp_path / "app", FILES)
    old = contents_of(*compiled(root))
    write(root, {"new.py": FILES["other.py"].replace('"other"', '"new"')})
    new = contents_of(*compiled(root))
    assert new.keys() - old.keys() == {"new"}
    assert {name: new[name] for name in old} == old


def test_a_tree_is_the_unpacked_artifact_and_large_files_are_copied_once(tmp_path: Path) -> None:
    root = write(tmp_path / "app", {**FILES, "big.bin": b"x" * 1_000_001})
    _, parts = compiled(root)
    trees = Trees(tmp_path / "trees")
    first, second = trees.write(parts), trees.write(parts)
    for tree in (first, second):
        found = {str(p.relative_to(tree)): p for p in tree.rglob("*") if p.is_file()}
        assert found.keys() == {draft.path for draft in parts.drafts}
        assert all(found[draft.path].read_bytes() == draft.read() for draft in parts.drafts)
    assert (first / "big.bin").samefile(second / "big.bin")
    assert not (first / "big.bin").samefile(root / "big.bin")

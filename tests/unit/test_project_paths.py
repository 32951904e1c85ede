"""Test what is known about paths that start at `__file__`."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import pytest

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import Known, NotConcrete, Unknown, concrete
from flashc.project.project import Project
from flashc.syntax.parse import parse
from tests.support.projects import opened


def evaluated(expression: str, path: str) -> object:
    """Return the value of an expression in the module at `path`; the class `Unknown` if it is not known."""
    text = f"from pathlib import Path\nimport os\nv = {expression}\n"
    syntax = parse(path, "m", False, text)
    project = Project(
        root=Path("/nowhere"), files=(), modules={"m": path}, packages=frozenset(), exclusions=()
    )
    machine = Interpreter(project=project, load={"m": syntax}.get, environment={})
    machine.evaluate_module("m")
    assert not machine.failed
    value = machine.frames["m"].names["v"]
    return value.value if isinstance(value, Known) else type(value)


@pytest.mark.parametrize(
    ("expression", "path", "expected"),
    [
        ("Path(__file__).name", "m.py", "m.py"),
        ("Path(__file__).stem", "a/m.py", "m"),
        ("Path(__file__).suffix", "a/m.py", ".py"),
        ("Path(__file__).parent.name", "a/m.py", "a"),
        ("Path(__file__).parents[0].name", "a/m.py", "a"),
        ("Path(__file__).parents[1]", "a/m.py", ProjectPath(".")),
        ("Path(__file__).parent.exists()", "m.py", True),
        ("Path(__file__).parent.is_file()", "m.py", False),
        ("os.path.dirname(os.path.dirname(__file__))", "a/m.py", ProjectPath(".", text=True)),
        ("(Path(__file__).parent / '..' / 'x.txt').resolve().name", "a/m.py", "x.txt"),
        # The folder in which the app lies, and the folders above it, differ between machines.
        ("Path(__file__).parent.name", "m.py", Unknown),
        ("Path(__file__).parent.stem", "m.py", Unknown),
        ("Path(__file__).parent.suffix", "m.py", Unknown),
        ("Path(__file__).parent.parent", "m.py", Unknown),
        ("Path(__file__).parents[1]", "m.py", Unknown),
        ("Path(__file__).parents[-1]", "a/m.py", Unknown),
        ("len(Path(__file__).parents)", "m.py", Unknown),
        ("Path(__file__).parts[0]", "m.py", Unknown),
        ("str(Path(__file__).parent)", "m.py", Unknown),
        ("os.path.dirname(os.path.dirname(__file__))", "m.py", Unknown),
        ("os.path.basename(os.path.dirname(__file__))", "m.py", Unknown),
        # Python keeps `..` as a part, so it is the last part, and its parent is `a/b`.
        ("(Path(__file__).parent / 'b' / '..').name", "a/m.py", Unknown),
        ("(Path(__file__).parent / 'b' / '..').parent", "a/m.py", Unknown),
    ],
)
def test_paths_of_the_project(expression: str, path: str, expected: object) -> None:
    assert evaluated(expression, path) == expected


_FILES = (
    "a/x.json",
    "a/y.json",
    "a/.hidden.json",
    "a/deep/er/z.json",
    "a/deep/n.txt",
    "a/code/m.py",
    "m.py",
)


@pytest.mark.parametrize(
    "expression",
    [
        "sorted(p.name for p in (Path(__file__).parent / 'a').glob('*.json'))",
        "sorted(p.name for p in (Path(__file__).parent / 'a').glob('*'))",
        "sorted(p.name for p in (Path(__file__).parent / 'a').glob('**/*.json'))",
        "[p.name for p in sorted((Path(__file__).parent / 'a').glob('[xy].json'))]",
        "[p.name for p in (Path(__file__).parent / 'a').glob('?.json') if p.stem == 'x']",
        "sorted(p.name for p in Path(__file__).parent.glob('a/*/*.txt'))",
        "sorted(p.name for p in (Path(__file__).parent / 'a').iterdir())",
        "[p.name for p in (Path(__file__).parent / 'none').glob('*')]",
        "[p.name for p in (Path(__file__).parent / 'a').glob('*.txt')]",
        "len([p for p in (Path(__file__).parent / 'a').glob('*.json')])",
        "sorted(os.listdir(os.path.join(os.path.dirname(__file__), 'a')))",
        "len(os.listdir(Path(__file__).parent / 'a' / 'deep'))",
        "sorted(os.path.basename(p) for p in glob.glob(os.path.join(os.path.dirname(__file__), 'a', '*.json')))",
        "[os.path.isdir(os.path.join(os.path.dirname(__file__), n)) for n in ('a', 'm.py', 'zz')]",
        "[os.path.isfile(os.path.join(os.path.dirname(__file__), n)) for n in ('a', 'm.py', 'zz')]",
        "[(Path(__file__).parent / n).is_dir() for n in ('a', 'm.py', 'zz')]",
        "[len(list(g)) + len(list(g)) for g in [(Path(__file__).parent / 'a').glob('x.json')]]",
        "[sorted(p.name for p in g) + sorted(g) for g in [(Path(__file__).parent / 'a').glob('*.json')]]",
    ],
)
def test_listed_files_are_those_that_python_lists(expression: str, tmp_path: Path) -> None:
    for name in _FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1", encoding="utf-8")
    names = {"Path": Path, "os": os, "glob": glob, "__file__": str(tmp_path / "m.py")}
    expected = eval(expression, names)
    assert listed(expression, tmp_path) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "sorted(p.name for p in Path(__file__).parent.glob('*.py'))",  # packages lie there, too
        "sorted(p.name for p in Path(__file__).parent.rglob('*.json'))",
        "sorted(p.name for p in (Path(__file__).parent / 'a').rglob('*'))",  # __pycache__
        "sorted(p.name for p in (Path(__file__).parent / 'a' / 'code').iterdir())",
        "sorted(p.name for p in Path(__file__).parent.glob('a/*/*'))",
        "sorted(p.name for p in (Path(__file__).parent / 'a').rglob('*.*'))",
        "sorted(os.path.basename(p) for p in glob.glob(os.path.join(os.path.dirname(__file__), 'a', '*', '*')))",
        "[p.name for p in (Path(__file__).parent / 'a').glob('*.json')]",  # the order differs
        "sorted(p.name for p in (Path(__file__).parent / 'b').glob('*'))",  # not in the artifact
    ],
)
def test_what_a_worker_may_list_otherwise_is_unknown(expression: str, tmp_path: Path) -> None:
    for name in (*_FILES, "b/kept.txt", "b/prod.env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1", encoding="utf-8")
    assert listed(expression, tmp_path) is None


def listed(expression: str, root: Path) -> object:
    """Return the value of an expression in `m.py` of a project; None if it is not known."""
    text = f"from pathlib import Path\nimport glob\nimport os\nv = {expression}\n"
    syntax = parse("m.py", "m", False, text)
    machine = Interpreter(project=opened(root).project, load={"m": syntax}.get, environment={})
    machine.evaluate_module("m")
    value = machine.frames["m"].names["v"]
    try:
        return concrete(value)
    except NotConcrete:
        return None

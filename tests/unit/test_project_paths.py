"""Test what is known about paths that start at `__file__`."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.values import Known, ProjectPath, Unknown
from flashc.project.project import Project
from flashc.syntax.parse import parse


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

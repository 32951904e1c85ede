"""`Known` is a promise: where unknown code decides what runs, the names that it may change are unknown.

In each program `lib` is outside the project.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.values import Known, NotConcrete, Value, concrete
from flashc.project.project import Project
from flashc.syntax.parse import parse


def evaluated(text: str) -> Interpreter:
    syntax = parse("m.py", "m", False, text)
    project = Project(
        root=Path("/nowhere"), files=(), modules={"m": "m.py"}, packages=frozenset(), exclusions=()
    )
    machine = Interpreter(project=project, load={"m": syntax}.get, environment={})
    machine.evaluate_module("m")
    return machine


def known(value: Value | None) -> object:
    """Return what a value is known to be, `...` where that is not known."""
    if not isinstance(value, Known):
        return ...
    try:
        return concrete(value)
    except NotConcrete:
        return ...


@pytest.mark.parametrize(
    "program",
    [
        # Branches
        "x = 1\nif lib.flag: x = 2",
        "x = 1\ndef f():\n    global x\n    if lib.flag: x = 2\nf()",
        "x = 1\ndef f():\n    if lib.flag: globals()['x'] = 2\nf()",
        "def f():\n    y = 1\n    def g():\n        nonlocal y\n        if lib.flag: y = 2\n    g()\n    return y\nx = f()",
        "class A:\n    v = 1\nif lib.flag: A.v = 2\nx = A.v",
        "x = [1, 2]\nif lib.flag: del x[0]",
        # Loops
        "x, y = 1, 1\nfor _ in lib.items:\n    x, y = y, 2",
        "x, y = 1, 1\nwhile lib.more():\n    x, y = y, 2",
        "x = 0\nfor i in [1, 2, 3]:\n    if lib.flag: break\n    x = i",
        "x = 0\nfor i in [1, 2, 3]:\n    if lib.flag: continue\n    x = i",
        "x = 0\nwhile x < 3:\n    if lib.flag: break\n    x += 1",
        "x = 0\nfor i in [1]:\n    if lib.flag: break\nelse:\n    x = 1",
        "x = 0\nfor i in [1, 2]:\n    for j in [1, 2]:\n        if lib.flag: break\n    else:\n        x = i",
        "x = 1\nfor x, y in lib.items: pass",
        "def f():\n    for i in lib.items:\n        return 1\n    return 2\nx = f()",
        "def f():\n    while lib.flag:\n        return 1\n    return 2\nx = f()",
        "def f():\n    for i in [1, 2]:\n        if lib.flag: return i\n    return 3\nx = f()",
        # What follows a `return` that may happen
        "v = {'a': 1}\ndef f():\n    if lib.flag: return\n    v['a'] = 2\nf()\nx = v['a']",
        "v = {'a': 1}\ndef f():\n    for i in lib.items:\n        if i: return\n    v['a'] = 2\nf()\nx = v['a']",
        "v = {'a': 1}\ndef f():\n    while lib.flag:\n        return\n    v['a'] = 2\nf()\nx = v['a']",
        "v = {'a': 1}\ndef f():\n    try:\n        return lib.g()\n    except OSError:\n        v['a'] = 2\nf()\nx = v['a']",
        "v = {'a': 1}\ndef f():\n    for i in [1, 2]:\n        if lib.flag: continue\n        v['a'] = i\nf()\nx = v['a']",
        "v = {'a': 1}\ndef f():\n    try:\n        if lib.flag: return\n    finally:\n        if lib.flag: v['a'] = 2\nf()\nx = v['a']",
        "def f():\n    if lib.flag: return 1\nx = f()",
        "def f():\n    for i in [1, 2]:\n        if lib.flag: return 1\n    if lib.flag: return 1\nx = f()",
        "def f(n):\n    if lib.flag: return n\n    1 // 0\n    return 1\nx = [f(1), 2] if lib.flag else 3",
        # Functions that call themselves an unknown number of times
        "def f(n):\n    if lib.flag: return 1\n    return n * f(n - 1)\nx = f(3)",
        "v = {}\ndef f(n):\n    v[n] = 1\n    if lib.flag: f(n + 1)\nf(0)\nx = len(v)",
        "y = 1\ndef g():\n    global y\n    y = 2\ndef f(n):\n    if n == 1: g()\n    elif lib.flag: f(n + 1)\nf(0)\nx = y",
        "class A:\n    y = 1\ndef f(n):\n    if n == 1: A.y = 2\n    elif lib.flag: f(n + 1)\nf(0)\nx = A.y",
        "class A:\n    def __init__(self): self.y = 1\n    def f(self, n):\n        if n == 1: self.y = 2\n        elif lib.flag: self.f(n + 1)\na = A()\na.f(0)\nx = a.y",
        "import os\nos.environ['K'] = 'a'\ndef f(n):\n    if n == 1: os.environ['K'] = 'b'\n    elif lib.flag: f(n + 1)\nf(0)\nx = os.environ['K']",
        "v = [1]\nf = lambda n: v.append(n) if n == 1 else lib.flag and f(n + 1)\nf(0)\nx = len(v)",
        # Expressions
        "x = 1\nif lib.flag and (x := 2): pass",
        "x = 1\nlib.flag or (x := 2)",
        "x = 1\ny = (x := 2) if lib.flag else 0",
        "x = [1]\ny = x.append(2) if lib.flag else None",
        "x = [1]\nlib.flag and x.append(2)",
        # Exceptions
        "try:\n    v = lib.g()\nexcept lib.E:\n    x = 1\nelse:\n    x = 2",
        "x = 1\ntry:\n    lib.g()\n    x = 2\nexcept Exception:\n    pass",
        "def f():\n    try:\n        lib.g()\n    except Exception:\n        return 2\n    return 1\nx = f()",
        "def f():\n    try:\n        lib.g()\n        return 1\n    except Exception:\n        pass\n    return 2\nx = f()",
        "x = []\nfor i in [1, 2]:\n    try:\n        lib.g()\n    except lib.E:\n        continue\n    x.append(i)",
        "import contextlib\nx = 1\nwith contextlib.suppress(Exception):\n    lib.g()\n    x = 2",
        "import contextlib\ndef f():\n    with contextlib.suppress(Exception):\n        lib.g()\n        return 1\n    return 2\nx = f()",
        "v = {'a': 1}\ntry:\n    lib.g()\n    v['a'] = 2\nexcept Exception:\n    pass\nx = v['a']",
        "v = {'a': 1}\ntry:\n    if lib.flag: raise KeyError\n    v['a'] = 2\nexcept KeyError:\n    pass\nx = v['a']",
        "v = []\ndef f():\n    lib.g()\n    v.append(1)\ntry:\n    f()\nexcept Exception:\n    pass\nx = len(v)",
        "import contextlib\nv = [0]\nwith contextlib.suppress(OSError):\n    lib.g()\n    v += [1]\nx = len(v)",
        "class A:\n    v = 1\ntry:\n    lib.g()\n    A.v = 2\nexcept Exception as e:\n    print(e)\nx = A.v",
        "import os\nos.environ['K'] = 'a'\ntry:\n    lib.g()\n    os.environ['K'] = 'b'\nexcept Exception:\n    pass\nx = os.environ['K']",
        "v = [1]\ndef f():\n    try:\n        lib.g()\n        v.append(2)\n    except lib.E:\n        if lib.flag: return\n        raise\nf()\nx = len(v)",
        "v = [1]\ndef f():\n    try:\n        lib.g()\n        v.append(2)\n    except lib.E:\n        raise\n    finally:\n        return\nf()\nx = len(v)",
        # What unknown code gets
        "y = [1]\nlib.run((y,))\nx = y[0]",
        "y = [1]\nlib.run({'a': y})\nx = y[0]",
        "y = [1]\nlib.run(y.append)\nx = y[0]",
        "class A:\n    def __init__(self): self.v = 1\na = A()\nlib.run([a])\nx = a.v",
        # Enums with members that are not known
        "from enum import Enum\nclass A(Enum):\n    X = lib.v\n    Y = 1\nx = len(A)",
    ],
)
def test_what_unknown_code_decides_is_unknown(program: str) -> None:
    machine = evaluated(f"import lib\n{program}\n")
    assert known(machine.frames["m"].names["x"]) is ...
    assert not machine.failed


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("x = 1\nif lib.flag: y = 2", 1),
        ("if lib.flag: x = 2\nelse: x = 2", 2),
        ("x = 1\nfor _ in lib.items: y = 2", 1),
        ("x = 1\nfor i in [1, 2]:\n    if lib.flag: break\n    y = i", 1),
        ("x = 0\nfor i in [1, 2]:\n    x += i\n    if lib.flag: continue", 3),
        ("x = 1\nlib.flag and lib.g()", 1),
        ("x = True or lib.flag", True),
        ("x = 1\ntry:\n    lib.g()\nexcept lib.E:\n    pass", 1),
        ("try:\n    import lib2\n    x = 1\nexcept ImportError:\n    x = 2", 1),
        ("def f():\n    try:\n        lib.g()\n        return 1\n    except lib.E:\n        raise\nx = f()", 1),
        ("try:\n    lib.g()\n    x = 1\nexcept lib.E as e:\n    raise RuntimeError from e", 1),
        ("v = {'a': 1}\ntry:\n    v['a'] = 2\n    lib.g()\nexcept lib.E:\n    pass\nx = v['a']", 2),
        ("v = {'a': 1}\ntry:\n    lib.g()\n    v['a'] = 2\nexcept lib.E:\n    raise\nx = v['a']", 2),
        ("import sys\nv = [1]\ntry:\n    lib.g()\n    v.append(2)\nexcept lib.E:\n    sys.exit(3)\nx = len(v)", 2),
        ("def f():\n    if lib.flag: return 'a'\n    lib.g()\n    return 'a'\nx = f()", "a"),
        ("def f():\n    while True:\n        if lib.flag: return 1\nx = f()", 1),
        ("def f():\n    while lib.flag: lib.g()\n    else: return 1\nx = f()", 1),
        ("while True:\n    if lib.flag: break\nx = 1", 1),
        ("def f(n): return 1 if n < 2 else n * f(n - 1)\nx = 0\nif lib.flag: y = f(5)\nx = f(4)", 24),
        ("y = {'a': 1}\ndef f(p):\n    for q in p.iterdir():\n        if q.is_dir(): f(q)\nf(lib.root)\nx = y['a']", 1),
        ("x = 1\ndef f(n):\n    if lib.flag: f(n)\nf(1)", 1),
        ("x = 1\nwith lib.manager():\n    x = 2", 2),
        ("import contextlib\nwith contextlib.suppress(Exception):\n    x = 2", 2),
        ("y = 1\nlib.run(y, 'text')\nx = y", 1),
        ("x = 1\nglobals().update({'x': 2})", 2),
        ("x = 1\nglobals()['x'] = 2", 2),
        ("import os\nos.environ.update({'K': 'b'}, L='c')\nx = os.environ['K'] + os.environ['L']", "bc"),
        ("import os\nos.environ.setdefault('K', 'b')\nos.environ['K'] = 'c'\nx = os.environ['K']", "c"),
        ("import os\nos.environ['K'] = 'a'\nos.environ.setdefault('K', 'b')\nx = os.environ['K']", "a"),
        ("from enum import Enum\nclass A(Enum):\n    Y = 1\n    def f(self): return lib.v\nx = len(A)", 1),
        ("from dataclasses import dataclass, field\n@dataclass(frozen=True)\nclass A:\n    v: list = field(default_factory=list)\n    n: int = field(default=3)\nx = (A().v, A().n)", ([], 3)),
        ("from enum import Enum, auto\nclass A(Enum):\n    X = auto()\n    Y = auto()\nx = A.Y.value", 2),
    ],
)  # fmt: skip
def test_what_unknown_code_does_not_touch_is_known(program: str, expected: object) -> None:
    machine = evaluated(f"import lib\n{program}\n")
    assert known(machine.frames["m"].names["x"]) == expected
    assert not machine.failed


@pytest.mark.parametrize(
    "program",
    [
        "import os\nos.environ['K'] = 'a'\nos.environ.pop('K')\nx = os.environ.get('K', 'none')",
        "import os\nos.environ['K'] = 'a'\ndel os.environ['K']\nx = os.environ.get('K', 'none')",
        "import os\nos.environ['K'] = 'a'\nos.environ.clear()\nx = os.environ.get('K', 'none')",
        "import os\nos.environ['K'] = 'a'\nos.environ.update(lib.all)\nx = os.environ.get('K')",
        "from enum import Enum\nclass A(Enum):\n    X = 1\nx = A.all()",
    ],
)
def test_what_flashc_does_not_follow_is_unknown(program: str) -> None:
    machine = evaluated(f"import lib\n{program}\n")
    assert known(machine.frames["m"].names["x"]) is ...

"""Names that nothing defines, in the modules of workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_core.source import Span
from tests.support.projects import compile_files

WORKER = 'from runpod_flash import Endpoint\n@Endpoint(name="w")\nasync def run(x: int): return x\n'

AT_IMPORT = {
    "in an expression": "TOTAL = sum(SIZEZ)\n",
    "a decorator": "@appp.get('/x')\ndef f(): pass\n",
    "a default": "def f(x=SIZEZ): pass\n",
    "a default of a lambda": "f = lambda x=SIZEZ: x\n",
    "an annotation": "def f(x: itn): pass\n",
    "an annotation of a result": "def f() -> itn: pass\n",
    "an annotation inside another": "def f(x: list[itn] | None): pass\n",
    "an annotation in a class": "class C:\n    x: itn = 1\n",
    "a base": "class C(Bass): pass\n",
    "a body of a class": "class C:\n    x = SIZEZ\n",
    "a class in a class": "class C:\n    class D:\n        x = SIZEZ\n",
    "the iterable of a comprehension": "x = [y for y in SIZEZ]\n",
    "an iterable": "for x in SIZEZ: pass\n",
    "a test": "if SIZEZ: pass\n",
    "a with": "with SIZEZ: pass\n",
    "a target's object": "sizez.x = 1\n",
    "an item's object": "sizez['x'] = 1\n",
    "an augmented assignment": "sizez += 1\n",
    "a deletion": "del sizez\n",
    "a raised name": "x = 1\nassert sizez\n",
    "an f-string": "x = f'{sizez}'\n",
    "before its import": "x = os.sep\nimport os\n",
    "before its assignment": "x = y\ny = 1\n",
    "its own assignment": "x = x\n",
    "its own annotation": "def f(x: f): pass\n",
    "its own class": "class C:\n    x: C\n",
    "before its function": "x = f()\ndef f(): return 1\n",
    "a module without an import": "x = os.environ\n",
    "a body of a try": "try:\n    x = sizez\nexcept KeyError: pass\n",
    "Python 2": "x = unicode('a')\n",
}
LATER = {
    "a function": "def f(): return sizez\n",
    "a decorated function": "import functools\n@functools.cache\n@functools.wraps(\n    len\n)\n"
    "def f(\n    x,\n): return sizez\n",
    "a decorated method": "class C:\n    @staticmethod\n    async def f(): return sizez\n",
    "a method": "class C:\n    x = 1\n    def f(self): return self.x + sizez\n",
    "a name of the class in a method": "class C:\n    size = 1\n    def f(self): return size\n",
    "a function in a function": "def f():\n    def g(): return sizez\n    return g\n",
    "a lambda": "f = lambda: sizez\n",
    "a name of the class in a comprehension": "class C:\n    xx = [1]\n    ys = [xx for _ in xx]\n",
    "an element of a comprehension": "x = [sizez for _ in (1, 2)]\n",
    "a condition of a generator": "x = list(y for y in (1, 2) if sizez)\n",
    "a comprehension in a function": "def f(x): return {y: sizez for y in x}\n",
    "a comprehension in a comprehension": "x = [[sizez for z in y] for y in ()]\n",
    "a target outside of its comprehension": "x = [yy for yy in ()]\ndef f(): return yy\n",
    "a branch": "import os\nif os.name == 'x':\n    y = sizez\n",
    "code that is not for type checkers": "import typing\nif not typing.TYPE_CHECKING:\n    x = sizez\n",
    "a loop": "for x in (1, 2):\n    y = sizez\n",
    "the second operand": "x = 1 and sizez\n",
    "a function called top": "def top(): return sizez\n",
    "an import in another function": "def f():\n    import os\ndef g(): return os.sep\n",
    "a target in another function": "def f():\n    yy = 1\ndef g(): return yy\n",
    "a handler": "def f():\n    try:\n        pass\n    except Eror: pass\n",
}
SILENT = {
    "a later definition": "def f(): return g()\ndef g(): return 1\n",
    "a global of a function": "def f():\n    global x\n    x = 1\nf()\ny = x\n",
    "a branch that defines it": "import os\nif os.name: x = 1\nelse: x = 2\ny = x\n",
    "a loop that defines it": "for x in (1, 2): pass\ny = x\n",
    "a handler that defines it": "try:\n    import json\nexcept ImportError:\n    json = None\nx = json\n",
    "a pattern": "match 1:\n    case [a, *b] | {'x': a, **b}: pass\n    case c: d = c\n",
    "a walrus": "if (n := 1) > 0: m = n\n",
    "a walrus in a comprehension": "x = [(y := 1) for _ in range(2)]\nz = y\n",
    "a name after as": "with open(__file__) as f: g = f\n",
    "a builtin": "x = [len, ExceptionGroup, __name__, __file__, __doc__, __spec__, exit]\n",
    "a method's class": "class C:\n    def f(self): return __class__, super().f\n",
    "the names of a class": "class C:\n    a = 1\n    b = a\n    c: a = __qualname__, __module__\n",
    "a comprehension's own names": "x = {a: b for a, b in {}.items() if a for c in b}\n",
    "a comprehension in comprehensions": "x = [[a + b for b in a] for a in [] for c in a if c]\n",
    "a lambda in a comprehension": "x = [lambda y=a: (a, y) for a in []]\n",
    "a comprehension in a lambda": "x = lambda a: [(a, b) for b in a]\n",
    "a comprehension in a class": "class C:\n    a = [b for b in range(3)]\n    c = a\n",
    "a comprehension in a method": "class C:\n    def f(self, a): return [(self, a, b) for b in a]\n",
    "a nested function's names": "def f(a):\n    b = 1\n    def g(): return a, b\n    return g\n",
    "an annotation that is a string": "def f(x: 'itn') -> 'itn': pass\n",
    "an annotation in a function": "def f():\n    x: itn = 1\n    return x\n",
    "postponed annotations": "",
    "code for type checkers": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    x = itn\n",
    "code for type checkers by another name": "import typing as t\nif t.TYPE_CHECKING:\n    x = itn\n",
    "code for a script": "if __name__ == '__main__':\n    sizez()\n",
    "a handler for NameError": "try:\n    unicode\nexcept NameError:\n    unicode = str\n",
    "a handler for all": "try:\n    x = sizez\nexcept:\n    x = 1\n",
    "a branch for Python 2": "import sys\nif sys.version_info < (3,):\n    text = unicode\n",
    "globals": "globals()['sizez'] = 1\nx = sizez\n",
    "vars of a module": "import sys\nvars(sys.modules[__name__])['sizez'] = 1\nx = sizez\n",
    "exec": "exec('sizez = 1')\nx = sizez\n",
    "all names of a module": "from os.path import *\nx = join('a', 'b')\n",
    "parameters of types": "def f[T](x: T) -> T: return x\nclass C[T]: pass\ntype X[T] = list[T]\ny = f, C, X\n",
    "a function called top": "def top(size):\n    other = size\n    return other\n",
}


def _found(root: Path, text: str, *, first: str = "") -> list[tuple[str, str, str]]:
    """The findings about names in a module that a worker imports: code, severity, path."""
    files = {"worker.py": f"import helper\n{WORKER}", "helper.py": first + text}
    codes = ("FC127", "FC328", "FC304")
    return [
        (d.rule.code, d.severity.value, d.path)
        for d in compile_files(root, files).diagnostics
        if d.rule.code in codes
    ]


@pytest.mark.parametrize("kind", AT_IMPORT)
def test_a_name_that_is_missing_at_import_is_an_error(kind: str, tmp_path: Path) -> None:
    assert _found(tmp_path / "a", AT_IMPORT[kind]) == [("FC127", "error", "helper.py")]
    files = {"worker.py": f"{WORKER}\n{AT_IMPORT[kind]}"}
    assert "FC127" in compile_files(tmp_path / "b", files).codes


@pytest.mark.parametrize("kind", LATER)
def test_a_name_that_is_missing_later_is_a_warning(kind: str, tmp_path: Path) -> None:
    assert _found(tmp_path, LATER[kind]) == [("FC328", "warning", "helper.py")]


@pytest.mark.parametrize("kind", SILENT)
def test_a_name_that_may_be_defined_is_no_finding(kind: str, tmp_path: Path) -> None:
    assert _found(tmp_path, SILENT[kind]) == []


def test_postponed_annotations_are_not_evaluated(tmp_path: Path) -> None:
    text = "def f(x: itn) -> itn: pass\nclass C:\n    x: itn\ny: itn\n"
    assert _found(tmp_path, text, first="from __future__ import annotations\n") == []


def test_the_place_and_the_cure_are_shown(tmp_path: Path) -> None:
    files = {"worker.py": f"{WORKER}\nLENGTHS = [1]\nTOTAL = 'é' + max(LENGTH)\n"}
    problem = compile_files(tmp_path, files).found("FC127")
    assert problem.location == Span("worker.py", 6, 19, 6, 25)
    assert problem.help[0] == "did you mean `LENGTHS`?"


IMPORTS = {
    "a name of a module": ("from shared import SIZEZ", "the module `shared` defines no `SIZEZ`"),
    "a name of a package": ("from pkg import missing", "the module `pkg` defines no `missing`"),
    "a relative one": ("from pkg.user import x", "the module `pkg.part` defines no `nothing`"),
    "in a function": ("def f():\n    from shared import SIZEZ", "the module `shared` defines no"),
}
FINE = {
    "a name": "from shared import SIZES",
    "a name that is imported there": "from shared import os",
    "a submodule": "from pkg import part",
    "a file that is no module": "from pkg import native",
    "names of every module": "from shared import __file__, __name__, __doc__",
    "all names": "from shared import *",
    "a module that makes names": "from lazy import anything",
    "a module with all names of another": "from stars import anything",
    "an import that may fail": "try:\n    from shared import SIZEZ\nexcept ImportError:\n    SIZEZ = 1",
    "code for type checkers": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shared import SIZEZ",
}
OTHERS: dict[str, str | bytes] = {
    "shared.py": "import os\nSIZES = [os.sep]\n",
    "pkg/__init__.py": "",
    "pkg/part.py": "x = 1\n",
    "pkg/user.py": "from .part import nothing\nx = 1\n",
    "pkg/native.so": b"\x7fELF",
    "lazy.py": "def __getattr__(name): return name\n",
    "stars.py": "from os.path import *\n",
}


@pytest.mark.parametrize("kind", IMPORTS)
def test_an_import_of_a_name_that_a_module_lacks_is_an_error(kind: str, tmp_path: Path) -> None:
    line, message = IMPORTS[kind]
    files = {**OTHERS, "worker.py": f"{line}\n{WORKER}"}
    assert message in compile_files(tmp_path, files).found("FC304").message


@pytest.mark.parametrize("kind", FINE)
def test_an_import_of_a_name_that_a_module_may_have_is_none(kind: str, tmp_path: Path) -> None:
    files = {**OTHERS, "worker.py": f"{FINE[kind]}\n{WORKER}"}
    assert "FC304" not in compile_files(tmp_path, files).codes

"""Special methods of the project's classes do what they do in Python: each program is run by both."""

from __future__ import annotations

import contextlib
import io

import pytest

from tests.unit.test_uncertainty import evaluated, known

_HEAD = """
log = []
class A:
    def __init__(self, v=1): self.v, self.items = v, {}
    def did(self, what):
        log.append(what)
        return what
"""

# Methods of A, and statements that cause their calls; `a` is an instance, and `r` the result.
_FOLLOWED = {
    "+": ("def __add__(self, o): return self.did('add') + o", "r = a + '1'"),
    "+ reflected": ("def __radd__(self, o): return o + self.did('radd')", "r = '1' + a"),
    "+ refused": (
        "def __add__(self, o):\n        self.did('add')\n        return NotImplemented\n"
        "    def __radd__(self, o): return self.did('radd')",
        "class B(A):\n    def __radd__(self, o): return self.did('b')\nr = [a + B(), B() + B(2) if 0 else 1, sum([a]) ]",
    ),
    "sum": ("def __radd__(self, o): return self.did('radd')", "r = sum([a])"),
    "@": ("def __matmul__(self, o): return self.did('@')", "r = a @ 3"),
    ">>": ("def __rshift__(self, o): return o", "r = a >> 3"),
    "|": ("def __or__(self, o): return self.did(o)", "r = a | 3"),
    "-": ("def __neg__(self): return self.did('neg')", "r = -a"),
    "+=": ("def __iadd__(self, o):\n        self.v += o\n        return self", "b = a\na += 4\nr = b.v"),
    "+= other": ("def __iadd__(self, o): return 'x'", "b = a\na += 4\nr = a, b.v"),
    "+= by +": ("def __add__(self, o): return self.did(o)", "a += 4\nr = a"),
    "==": ("def __eq__(self, o): return self.did('eq') == o", "r = a == 'eq', 3 == a"),
    "!=": ("def __eq__(self, o): return self.did('eq') == o", "r = a != 'eq'"),
    "!= own": ("def __ne__(self, o): return bool(self.did('ne'))", "r = a != 3"),
    "<": ("def __lt__(self, o): return bool(self.did('lt'))", "r = a < 3, 3 > a"),
    "in": ("def __contains__(self, o): return self.did(o) == 2", "r = 1 in a, 2 in a, 2 not in a"),
    "if": ("def __bool__(self): return self.did('bool') == ''", "r = 1 if a else 2"),
    "if by len": ("def __len__(self): return len(log)", "r = not a, bool(a), len(a)"),
    "and": ("def __bool__(self): return self.did('bool') == ''", "r = (a and 3).v"),
    "a[k]": ("def __getitem__(self, k): return self.did(k)", "r = a['x'], a[1, 2]"),
    "a[k] =": ("def __setitem__(self, k, v): self.items[k] = v", "a['x'] = 4\nr = a.items['x']"),
    "a[k] +=": (
        "def __getitem__(self, k): return 5\n    def __setitem__(self, k, v): self.v = v",
        "a['x'] += 4\nr = a.v",
    ),
    "del a[k]": ("def __delitem__(self, k): self.did(k)", "del a['x']\nr = 1"),
    "for": ("def __iter__(self): return iter([self.did('iter'), 2])", "r = [x for x in a]"),
    "list": ("def __iter__(self): return iter([self.did('iter'), 2])", "r = list(a), dict(zip(a, a))"),
    "unpack": ("def __iter__(self): return iter([self.did('iter'), 2])", "p, q = a\nr = [p, *a]"),
    "next": (
        "def __iter__(self):\n        self.v = 0\n        return self\n    def __next__(self):\n"
        "        self.v += 1\n        if self.v > 3: raise StopIteration\n        return self.did(self.v)",
        "r = list(a), next(iter(a)), next(a)",
    ),
    "for by a[k]": (
        "def __getitem__(self, k):\n        if k > 2: raise IndexError\n        return self.did(k)",
        "r = list(a)",
    ),
    "reversed": ("def __reversed__(self): return iter([self.did('r')])", "r = list(reversed(a))"),
    "str": ("def __str__(self): return self.did('str')", "r = str(a), f'{a}', f'{a!s:>5}'"),
    "repr": ("def __repr__(self): return self.did('repr')", "r = str(a), repr(a), f'{a}', f'{a!r}', f'{a=}'"),
    "format": ("def __format__(self, s): return self.did('f') + s", "r = f'{a:>3}', format(a, 'x')"),
    "print": ("def __str__(self): return self.did('str')", "print(a)\nr = 1"),
    "int": ("def __int__(self): return len(self.did('int'))", "r = int(a)"),
    "abs": ("def __abs__(self): return self.did('abs')", "r = abs(a)"),
    "a()": ("def __call__(self, x, *, y=1): return self.did((x, y))", "r = a(3), a(3, y=4), callable(a)"),
    "with": (
        "def __enter__(self): return self.did('in')\n    def __exit__(self, *e): self.did(len(e))",
        "with a as q, A() as z: log.append(0)\nr = q, z",
    ),
    "with error": (
        "def __enter__(self): return self\n    def __exit__(self, *e): self.did('out')",
        "r = 0\ntry:\n    with a:\n        r = 1\n        raise KeyError\nexcept KeyError:\n    r += 2",
    ),
    "with error suppressed": (
        "def __enter__(self): return self\n    def __exit__(self, *e): return bool(self.did('out'))",
        "r = 0\nwith a:\n    r = 1\n    raise KeyError\nr += 1",
    ),
    "with return": (
        "def __enter__(self): return self\n    def __exit__(self, *e): self.v = 5",
        "def f():\n    with a: return a.v\nr = f(), a.v",
    ),
    "descriptor": (
        "def __get__(self, i, o): return self.did('get')",
        "class H:\n    q = A()\nr = H().q",
    ),
    "derived": ("def __len__(self): return 3", "class B(A): pass\nr = len(B())"),
    "named tuple": (
        "pass",
        "from typing import NamedTuple\nclass N(NamedTuple):\n    x: int = 1\n"
        "    def __bool__(self): return False\n    def __len__(self): return 7\nr = bool(N()), len(N())",
    ),
}  # fmt: skip

# Flashc does not know what these give, so that it does not know what the methods change either.
_NOT_FOLLOWED = {
    "sorted": ("def __lt__(self, o): return bool(self.did('lt'))", "r = len(sorted([a, a]))"),
    "max": ("def __gt__(self, o): return bool(self.did('gt'))", "r = max(a, a).v"),
    "in a list": ("def __eq__(self, o): return bool(self.did('eq'))", "r = a in [1]"),
    "remove": ("def __eq__(self, o): return bool(self.did('eq'))", "l = [1]\nl.remove(a)\nr = l"),
    "%": ("def __str__(self): return self.did('str')", "r = '%s' % a"),
    "% several": ("def __str__(self): return self.did('str')", "r = '%s' % (a,)"),
    ".format": ("def __str__(self): return self.did('str')", "r = '{}'.format(a)"),
    "index": ("def __index__(self): return len(self.did('i'))", "r = [5, 6][a]"),
    "path": ("def __fspath__(self): return self.did('/x')", "import os\nr = os.path.join(a, 'b')"),
    "generator": ("def __iter__(self):\n        yield self.did('y')", "r = list(a)"),
    "context manager": (
        "pass",
        "import contextlib\n@contextlib.contextmanager\ndef m():\n    log.append('in')\n    yield 3\n"
        "    log.append('out')\nwith m() as q: r = q",
    ),
    "coroutine": (
        "pass",
        "import asyncio\nasync def g(): log.append(1)\nasync def f(): await g()\nr = asyncio.run(f())",
    ),
    "decorated": (
        "pass",
        "import atexit\ndef d(f): return f\n@atexit.register\ndef f(): log.append(1)\nr = f()",
    ),
    "__getattr__": ("def __getattr__(self, k): return self.did(k)", "r = a.other"),
    "__setattr__": (
        "def __setattr__(self, k, v): log.append(k)",
        "a.other = 1\nr = 1",
    ),
    "setter": (
        "@property\n    def p(self): return 1\n    @p.setter\n    def p(self, v): log.append(v)",
        "a.p = 5\nr = 1",
    ),
    "__set__": (
        "def __get__(self, i, o): return 1\n    def __set__(self, i, v): log.append(v)",
        "class H:\n    q = A()\nh = H()\nh.q = 3\nr = 1",
    ),
    "unknown operand": ("def __radd__(self, o): return self.did('radd')", "import random\nr = random.random() + a"),
}  # fmt: skip


def _outcomes(method: str, statements: str) -> list[tuple[object, object]]:
    """Return what flashc knows and what Python has of the result and of the calls."""
    text = f"{_HEAD}    {method}\na = A()\n{statements}\nend = list(log)\n"
    names: dict[str, object] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(text, names)
    machine = evaluated(text)
    assert not machine.failed
    return [(known(machine.frames["m"].names.get(name)), names[name]) for name in ("r", "end")]


@pytest.mark.parametrize(("method", "statements"), _FOLLOWED.values(), ids=_FOLLOWED)
def test_the_result_and_the_effects_are_known(method: str, statements: str) -> None:
    for ours, expected in _outcomes(method, statements):
        assert ours == expected


@pytest.mark.parametrize(("method", "statements"), _NOT_FOLLOWED.values(), ids=_NOT_FOLLOWED)
def test_what_is_not_followed_is_not_taken_to_be_known(method: str, statements: str) -> None:
    for ours, expected in _outcomes(method, statements):
        assert ours is ... or ours == expected


def test_a_model_without_such_a_method_is_true() -> None:
    machine = evaluated(
        "from pydantic import BaseModel\nclass S(BaseModel):\n    gpu: str = 'any'\n"
        "s = None or S()\nr = (s or S(gpu='A')).gpu, 1 if s else 2\n"
    )
    assert known(machine.frames["m"].names["r"]) == ("any", 1)

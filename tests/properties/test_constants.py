"""The laws of the evaluator, on generated programs of constants.

1. `Known(v)` implies that Python itself computes `v`, and a failure that is certain is one of Python's.
2. Nothing that Python computes from constants alone comes out `Unknown`.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.values import Known, NotConcrete, Unknown, Value, concrete
from flashc.project.project import Project
from flashc.syntax.parse import parse
from tests.support.constant_programs import constant_programs
from tests.support.profiles import examples

PROGRAMS = settings(
    max_examples=examples(800),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_LARGE = 50_000


def evaluated(text: str) -> Interpreter:
    """Return a machine that has executed `text` as the module `m`."""
    syntax = parse("m.py", "m", False, text)
    tree = Project(
        root=Path("/nowhere"), files=(), modules={"m": "m.py"}, packages=frozenset(), exclusions=()
    )
    machine = Interpreter(project=tree, load={"m": syntax}.get, environment={})
    machine.evaluate_module("m")
    return machine


def forgets_annotations() -> bool:
    """Return whether this Python raises NameError for a first annotation inside `match`, as it did before 3.11.4."""
    try:
        exec("match 0:\n    case _:\n        x: int = 0\n", {"__name__": "m"})
    except NameError:
        return True
    return False


FORGETS_ANNOTATIONS = forgets_annotations()


def computed(text: str) -> dict[str, Any] | None:
    """Return the names that Python itself computes; None if it raises."""
    names: dict[str, Any] = {"__name__": "m"}
    if FORGETS_ANNOTATIONS:
        names["__annotations__"] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(compile(text, "m.py", "exec", dont_inherit=True), names)
        except Exception:  # whatever a generated program raises, it computes nothing then
            return None
    return {name: value for name, value in names.items() if not name.startswith("__")}


def is_plain(value: object, around: tuple[object, ...] = ()) -> bool:
    """Return whether a value consists of constants only, and has a size that flashc follows.

    `around` are the containers that contain the value.  A container that contains itself is not plain.
    """
    if any(value is each for each in around):
        return False
    inside = (*around, value)
    match value:
        case str() | bytes():
            return len(value) < _LARGE
        case bool() | int() | float() | complex() | None:
            return True
        case list() | tuple() | set() | frozenset():
            named = isinstance(value, tuple) and type(value) is not tuple
            return not named and len(value) < _LARGE and all(is_plain(v, inside) for v in value)
        case dict():
            return all(is_plain(k) and is_plain(v, inside) for k, v in value.items())
        case _:
            return False


def shown(value: object) -> object:
    """Return a value with its types, so that `1`, `1.0` and `True` differ."""
    match value:
        case list() | tuple():
            return type(value).__name__, [shown(item) for item in value]
        case set() | frozenset():
            return type(value).__name__, sorted((shown(item) for item in value), key=repr)
        case dict():
            return "dict", [(shown(k), shown(v)) for k, v in value.items()]
        case _:
            return type(value).__name__, repr(value)


def why(value: Value | None) -> str:
    """Describe a value for the message of a failing test."""
    if isinstance(value, Unknown):
        return f"unknown, because {value.reason} (line {value.origin.line})"
    return f"known as a {type(value.value).__name__}" if isinstance(value, Known) else "there"


def part_unknown(value: Value | None) -> str | None:
    """Describe the part of a value that is not known; None if all of it is."""
    if not isinstance(value, Known):
        return why(value)
    try:
        concrete(value, unordered=True)
    except NotConcrete as problem:
        return why(problem.part)
    return None


def check(text: str, *, complete: bool) -> None:
    expected = computed(text)
    if expected is None:
        event("Python raises")
        return
    machine = evaluated(text)
    if machine.stopped:
        assert any(isinstance(v, (list, str)) and len(v) > 1000 for v in expected.values()), text
        event("it grows past what flashc follows")
        return
    failed = {name: str(error) for name, error in machine.failed.items()}
    assert not failed, f"{text}\nPython does not raise: {failed}"
    names = machine.frames["m"].names
    for name, value in expected.items():
        if not is_plain(value):
            continue
        if complete:
            assert name in names, f"{text}\n{name} is not bound"
        ours = names.get(name)
        unknown = part_unknown(ours)
        if unknown is not None:
            assert not complete, f"{text}\n{name} = {value!r}, not {unknown}"
            continue
        assert ours is not None
        found = concrete(ours, unordered=True)
        assert shown(found) == shown(value), f"{text}\n{name} = {value!r}, not {found!r}"


@given(constant_programs(wild=True))
@example("a = []\na.append(a)\nb = {1: a}\n")
@PROGRAMS
def test_known_is_what_python_computes(text: str) -> None:
    check(text, complete=False)


@given(constant_programs(wild=False))
@PROGRAMS
def test_nothing_computed_from_constants_is_unknown(text: str) -> None:
    check(text, complete=True)


# Python raises ZeroDivisionError here; flashc does not know the order of a set.
_DOUBT = "1 // [*{0, 1}][0]"


@pytest.mark.parametrize(
    "text",
    [
        "v = 5\ntry:\n    del missing\n    v = 0\nexcept NameError:\n    pass\n",
        "try:\n    del missing\nexcept NameError:\n    v = 1\nelse:\n    {}['no']\n",
        f"try:\n    {_DOUBT}\nexcept Exception:\n    v = 1\nelse:\n    {{}}['no']\n",
        f"try:\n    {_DOUBT}; {{}}['no']\nexcept ArithmeticError:\n    v = 1\nexcept KeyError:\n    v = 2\n",
        f"v = 1\ntry:\n    {_DOUBT}; v = 2; {{}}['no']\nexcept Exception:\n    pass\n",
        f"import contextlib\nv = 1\nwith contextlib.suppress(Exception): {_DOUBT}; v = 2; {{}}['no']\n",
        *(
            f"v = 1\ntry:\n    {text}\n    v = 2\nexcept Exception:\n    pass\n"
            for text in (
                "a = ([],); a[0] += [1]",
                "a = (1,); a[0] = 2",
                "a = {1}; a[0] = 2",
                "a = 7; a[0] = 2",
                "a = (1,); del a[0]",
                "a = [1]; a['x'] = 1",
                "a = [1]; a.x = 1",
                "a = None; del a['x']",
                "a = [1]; del a['x']",
            )
        ),
        *(
            f"v = [1, 0]\ntry:\n    a = (1,); a[0] = 2\nexcept Exception:\n    pass\nelse:\n    {text}\n"
            for text in ("v.sort()", "v.append(3)", "v[0] = 7", "v += [1]", "v.reverse()", "v = 2")
        ),
        f"import contextlib\nwith contextlib.suppress(ArithmeticError): {_DOUBT}; {{}}['no']\n",
        "class A: pass\na = A()\nv = 5\ntry:\n    del a.missing\n    v = 0\nexcept AttributeError:\n    pass\n",
    ],
)
def test_programs_that_once_broke_a_law(text: str) -> None:
    check(text, complete=False)


# What assigning to or deleting an item or an attribute does: the object, or its class, decides.
_STORES = (
    "class A:\n    def __init__(self): self.d = {}\n    def __setitem__(self, k, v): self.d[k] = v\na = A(); a['x'] = 1; v = a.d\n",
    "class A:\n    def __init__(self): self.d = {'x': 1}\n    def __delitem__(self, k): del self.d[k]\na = A()\ndel a['x']; v = a.d\n",
    "class A:\n    def __setattr__(self, k, v): object.__setattr__(self, k, v + 1)\na = A(); a.x = 1; v = a.x\n",
    "class A:\n    @property\n    def x(self): return 7\n    @x.setter\n    def x(self, v): self.y = v\na = A(); a.y = 0; a.x = 1; v = a.y; w = a.x\n",
    "class A:\n    @property\n    def x(self): return 7\na = A()\nv=1\ntry:\n    a.x = 1\n    v = 2\nexcept Exception: pass\n",
    "class A:\n    __slots__ = ('y',)\na = A()\nv=1\ntry:\n    a.x = 1\n    v = 2\nexcept Exception: pass\n",
    "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass A:\n    x: int = 0\na = A()\nv=1\ntry:\n    a.x = 1\n    v = 2\nexcept Exception: pass\nw = a.x\n",
    "from typing import NamedTuple\nclass A(NamedTuple):\n    x: int = 0\na = A()\nv=1\ntry:\n    a.x = 1\n    v = 2\nexcept Exception: pass\nw = a.x\n",
    "from typing import NamedTuple\nclass A(NamedTuple):\n    x: list = []\na = A([])\nv=1\ntry:\n    a[0] += [1]\n    v = 2\nexcept Exception: pass\nw = a.x\n",
    "rows = [[1],[2],[3],[4]]\nrows.pop()[0] += 1\nv = rows\n",
    "it = iter([[1],[2],[3],[4]])\nnext(it)[0] += 1\nv = next(it)\n",
    "ks = [0,1,2]\nxs=[1,2,3]\nxs[ks.pop()] += 5\nv = xs; w = ks\n",
    "class A:\n    xs = []\na = A()\na.xs += [1]\nA.xs = [9]\nv = a.xs\n",
    "v=1\ntry:\n    a = [1]\n    a['x':] = [1]\n    v = 2\nexcept Exception: pass\n",
    "class A:\n    x = 1\ndel A.x\nv = hasattr(A, 'x')\n",
    "v=1\ntry:\n    len[0] = 1\n    v = 2\nexcept Exception: pass\n",
    "v=1\ntry:\n    len.x = 1\n    v = 2\nexcept Exception: pass\n",
    "import math\nv=1\ntry:\n    math[0] = 1\n    v = 2\nexcept Exception: pass\n",
    "x = 1\ndel globals()['x']\ntry:\n    v = x\nexcept NameError: v = 2\n",
    "import os\nv = 1\ntry:\n    os.environ['x'] = 1\n    v = 2\nexcept TypeError: pass\n",
    "e = ValueError('a')\ne.x = 1\nv = e.x\ne.args = (3,)\nw = e.args\n",
    "u = [*{0, 1}][0]\nv=1\ntry:\n    u[0] = 1\n    v = 2\nexcept Exception: pass\n",
    "u = [*{0, 1}][0]\nv=1\ntry:\n    u.x = 1\n    v = 2\nexcept Exception: pass\n",
    "u = [*{0, 1}][0]\nv=1\ntry:\n    d = {}\n    d[[u]] = 1\n    v = 2\nexcept Exception: pass\n",
    "u = [*{0, 1}][0]\nv=1\ntry:\n    a = [1]\n    a[0:1] = u\n    v = 2\nexcept Exception: pass\n",
    "u = [*{0, 1}][0]\nv=1\ntry:\n    a = []\n    a += u\n    v = 2\nexcept Exception: pass\n",
    "u = [*{0, 1}][0]\nv=1\ntry:\n    a = {}\n    a |= u\n    v = 2\nexcept Exception: pass\n",
    "u = [*{0, 1}][0]\nx = 1\ndef f():\n    global x\n    if u + 1 > 1: del x\nf()\ntry:\n    v = x\nexcept NameError: v = 2\n",
    "u = [*{0, 1}][0]\nclass A:\n    x = 1\nif u < 1: del A.x\ntry:\n    v = A.x\nexcept AttributeError: v = 2\n",
    "u = [*{0, 1}][0]\nx=1\nif u < 1: del globals()['x']\ntry: v = x\nexcept NameError: v = 5\n",
    "u = [*{0, 1}][0]\nclass A:\n    x = [1]\na=A()\nif u<1: a.x += [2]\nA.x = 5\nv = a.x\n",
    "u = [*{0, 1}][0]\nclass A:\n    def __setitem__(self,k,v): raise ValueError\na=A()\nv=1\ntry:\n    a[0]=1\n    v=2\nexcept ValueError: pass\n",
    "class B(list): pass\na=B()\nv=1\ntry:\n    a['x']=1\n    v=2\nexcept TypeError: pass\n",
    "class D:\n    def __set__(self,i,v): i.__dict__['y'] = 9\n    def __get__(self,i,o): return 4\nclass B:\n    x = D()\na=B()\na.x=1\nv=a.x\n",
    "class B:\n    def __getattribute__(self,k): return 5\na=B()\na.x=1\nv=a.x\n",
    "v=1\ntry:\n    with None: pass\n    v=2\nexcept (TypeError, AttributeError): pass\n",
    "a=([1],)\nv=1\ntry:\n    a[0] *= 2\n    v=2\nexcept TypeError: pass\nw=a\n",
    "a=({1},)\nv=1\ntry:\n    a[0] |= {2}\n    v=2\nexcept TypeError: pass\nw=a\n",
    "rows=[[1,2],[3,4]]\ndel rows.pop()[0]\nv=rows\n",
)


@pytest.mark.parametrize("text", _STORES)
def test_storing_and_deleting_obey_the_law(text: str) -> None:
    check(text, complete=False)


_HOOKS = (
    "class B:\n    registry = []\n    def __init_subclass__(cls, **kw):\n        super().__init_subclass__()\n        B.registry.append(cls.__name__)\nclass C(B): pass\nclass D(C): pass\nv = B.registry\n",
    "class B:\n    def __init_subclass__(cls, size=1): cls.size = size\nclass C(B, size=4): pass\nv = C.size\n",
    "class B:\n    @classmethod\n    def __init_subclass__(cls): cls.x = 5\nclass C(B): pass\nv = C.x\n",
    "import abc\nclass B(metaclass=abc.ABCMeta):\n    x = 1\nv = B.x\n",
    "class M(type):\n    def __new__(m, n, b, d): d['x'] = 9; return super().__new__(m, n, b, d)\nclass B(metaclass=M):\n    x = 1\nv = 2\n",
    "class Q:\n    def __enter__(self): return self\n    def __exit__(self, *a): return True\nv = 1\nwith Q():\n    v = 2\n    1 // 0\n    v = 3\n",
    "class B: pass\na = B()\nsetattr(a, 'x', 3)\nv = hasattr(a, 'x')\n",
    "class B: pass\na=B()\nvars(a)['x']=1\nv=hasattr(a,'x')\n",
    "class B:\n    def __init_subclass__(cls): cls.x=5\nclass C(B):\n    x=1\nv=C.x\n",
    "class M(type):\n    x=1\nclass B(metaclass=M): pass\ntry: v=B.x\nexcept AttributeError: v=0\n",
    "class M(type):\n    def __new__(m, n, b, d): d['x'] = 9; return super().__new__(m, n, b, d)\nclass B(metaclass=M):\n    x = 1\nv = B.x\n",
)


@pytest.mark.parametrize("text", _HOOKS)
def test_what_classes_and_context_managers_decide_obeys_the_law(text: str) -> None:
    check(text, complete=False)


def test_an_assigned_constant_of_another_module_is_unknown() -> None:
    machine = evaluated("import math\nbefore = math.pi\nmath.pi = 3\nv = math.pi\n")
    assert isinstance(machine.frames["m"].names["before"], Known)
    assert isinstance(machine.frames["m"].names["v"], Unknown)


# The libraries of configurations: what they compute is the same on every machine.
_LIBRARIES = (
    "from pathlib import Path, PurePosixPath\nv = str(Path('/a') / 'b' / '../c')\np = Path('/a', 'b.tar.gz'); w = f'{p!s:>14}{p!r}{p}'\nx = repr(Path('/a'))\ny = [p.name for p in Path('/a/b/c').parents]\nz = Path('/a/b.txt').with_suffix('.md').as_posix(); a = Path('a') / 'b' == Path('a/b')\nb = str([Path('x'), PurePosixPath('y')])\n",
    "import os.path\nfrom os.path import join as j\nv = j('/a', 'b', '/c', 'd')\nw = os.path.dirname('/a/b/'), os.path.basename('/a/b'), os.path.normpath('a/../b//c')\nx = os.path.abspath('/a/../b')\ny = os.path.split('/a/b'); z = os.path.isabs('a')\n",
    "from functools import cache, lru_cache, cached_property, reduce\ncalls = []\n@cache\ndef f(a, b=1):\n    calls.append(a)\n    return [a, b]\nv = f(1); v.append(9); w = f(1); x = f(1, b=1)\n@lru_cache(maxsize=None)\ndef g(): return {'a': len(calls)}\ng()['a'] = 7\ny = g()\nclass A:\n    n = 0\n    @cached_property\n    def p(self):\n        A.n += 1\n        return A.n\na = A(); z = a.p + a.p\nr = reduce(lambda p, q: p * 10 + q, [1, 2, 3], 4)\n",
    "from functools import lru_cache\n@lru_cache\ndef f(a): return a\nv = (f(1), f(1.0), f(True), f('1'))\nw = f.cache_info().hits\n",
    "import hashlib, json, base64\nv = hashlib.sha256(json.dumps({'b': 1, 'a': [2]}, sort_keys=True).encode()).hexdigest()[:8]\nw = base64.b64encode(b'x').decode()\nx = hashlib.md5().hexdigest()\ny = json.dumps({'a': 1}, separators=(',', ':'))\n",
    "from datetime import timedelta\nv = int(timedelta(minutes=2).total_seconds())\nw = (timedelta(hours=1) * 2 + timedelta(seconds=5)).seconds\nx = timedelta(days=1) > timedelta(hours=23)\ny = str(timedelta(1))\n",
    "from types import SimpleNamespace as S\nv = S(a=1, b=[2])\nv.b.append(3); v.c = 4\nw = v.a, v.b, v.c\n",
    "from typing import Literal, get_args\nSize = Literal['a', 'b']\nv = get_args(Size)[1]\nw = get_args(Literal[7])\n",
    "from dataclasses import dataclass, field, asdict\n@dataclass\nclass A:\n    name: str = field(init=False)\n    stem: str = 'x'\n    def __post_init__(self):\n        self.name = self.stem + '-gpu'; self.more = 1\nv = asdict(A('y')); w = list(asdict(A()))\n",
    "import tomllib\nv = tomllib.loads('[a]\\nb = 2')\n",
    "import sys\nv = 1 if sys.version_info >= (3, 8) else 2\nw = 1 if sys.version_info < (3,) else 2\n",
    "import configparser\np = configparser.ConfigParser()\np.read_string('[w]\\nName = x\\nn = 2\\n[DEFAULT]\\nidle=3\\nd = %(idle)s0\\n[o]\\nyes=on\\n')\nc = p['w']\nv = c['NAME'], c.getint('n'), p.getint('w', 'idle'), p.sections(), 'w' in p, 'zz' in p, 'Name' in c, c.get('zz', 'q'), c.get('zz'), c.getint('zz', 4)\nw = p.get('w', 'zz', fallback=5), p.getboolean('o', 'yes'), dict(c), list(p), p.items('w'), {**c}, c['d'], p.options('o')\nx = [len(c), len(p), bool(p), {s: dict(p[s]) for s in p.sections()}, [k for k in c], [(k, t) for k, t in c.items()]]\np.set('w', 'name', 'y'); y = c['name'], p.has_option('w', 'no'), p.defaults()\n",
    "import configparser\np = configparser.RawConfigParser(allow_no_value=True, delimiters=('=',))\np.optionxform = str\np.read_dict({'A': {'Key': 'a:%b', 'n': 1}})\nv = dict(p['A']), p.has_option('A', 'key')\np.add_section('B'); w = p.sections()\n",
    "from collections import ChainMap\na, b = {'a': 1}, {'a': 2, 'b': 3}\nc = ChainMap(a, b)\nv = c['a'], c['b'], c.get('z', 9), dict(c), list(c), 'b' in c, len(c), sorted(c.items()), {**c}, bool(ChainMap())\nk = c.keys()\na['z'] = 7; w = c['z'], list(k), list(ChainMap(c, {'q': 1}))\nc['b'] = 5; x = a, b\ndef f(**kw): return kw\ny = f(**c)\n",
    "import csv, io\nv = list(csv.reader(io.StringIO('a,b\\n1,\"2\\n3\"\\n')))\nw = [r['a'] for r in csv.DictReader(['a;b', '1;2'], delimiter=';')]\nr = csv.reader(['x,y', '1,2']); h = next(r); x = [dict(zip(h, row)) for row in r]; y = list(r)\nf = io.StringIO('a\\nb\\n'); z = f.read(), f.read()\nq = list(csv.DictReader(io.StringIO('1,2,3'), fieldnames=['a', 'b'], restkey='more'))\ns = io.BytesIO(b'a\\nb').readlines()\n",
    "from string import Template\nimport string\nv = Template('$a-x${b}').substitute(a='t', b=2), Template('$a $z').safe_substitute({'a': 1}), string.capwords('a b')\n",
    "import re\nv = re.sub('[^a-z0-9]+', '-', 'Ab cD'.lower()), re.match(r'(\\d+)\\.(\\d+)', '3.12.1').groups(), re.match('a', 'b'), [m.group(1) for m in re.finditer('(.)x', 'axbx')]\np = re.compile('a+', re.I | re.M); w = p.findall('aAba'), re.split(r'[,;]\\s*', 'a, b;c'), re.escape('a.b'), p.pattern, re.sub('A', 'b', 'aA', flags=re.I), p.sub('x', 'aab', count=1)\nm = re.search(r'(?P<v>\\d+)', 'x12'); x = m['v'], m.group('v'), m[0], m.span(), bool(m), m.start(), m.groupdict(), m.string\ny = bool(re.fullmatch(r'(\\w+)-\\1', 'ab-ab')), re.subn('(a)', r'<\\1>', 'aa'), [*map(str.strip, re.split('\\n', ' a \\n b'))]\nlog = []\ndef f(m): log.append(m.group()); return m[0].upper()\nz = re.sub('[ab]', f, 'xaby'), re.sub('x*', lambda m: '-', 'axb', count=2), log\n",
    "from datetime import date, datetime\nd = date(2024, 2, 29); v = d.year, d.isoformat(), d.weekday(), datetime(2024, 1, 1, 5).hour\n",
    "import shlex, zlib, ast, math, urllib.parse as u\nv = shlex.split('a \"b c\"'), zlib.crc32(b'x'), ast.literal_eval('[1, (2,)]'), math.prod(x for x in [2, 3]), u.quote('a b/c', safe=''), u.urlencode({'a': 1}), u.urljoin('https://a/b', 'c')\nw = 1\ntry:\n    w = ast.literal_eval('1 +')\nexcept SyntaxError:\n    pass\n",
    "v = 'xy'.translate(str.maketrans('x', 'z')), bytes.fromhex('00ff'), int.from_bytes(b'ab', 'big', signed=True), float.fromhex('0x1p3'), dict.fromkeys('ab', 1)\n",
    "import copy\nclass A:\n    def __init__(self): self.x = 1; self.items = [1]\na = A(); b = copy.copy(a); b.x = 2; b.items.append(2); c = copy.deepcopy(a); c.items.append(3)\nv = a.x, a.items, b.x, c.items\n",
    "v = sorted(x + 1 for x in {1, 2}), sorted([str(x) for x in {1, 2} if x > 0]), len([x for x in {1, 2}]), set(x for x in {3, 4}), min(x for x in {5, 6})\n",
)


@pytest.mark.parametrize("text", _LIBRARIES)
def test_libraries_compute_what_python_computes(text: str) -> None:
    unfollowed = ("cache_info", "lru_cache\n@lru_cache\ndef f(a)", "except SyntaxError")
    check(text, complete=not any(part in text for part in unfollowed))


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nv = 1\ntry:\n    sys.exit(3)\n    v = 2\nexcept Exception:\n    v = 3\nexcept SystemExit:\n    v = 4\n",
        "v = 1\ntry:\n    exit()\nexcept BaseException:\n    v = 2\n",
        "import sys\nfrom pathlib import Path\nv = 1 if sys.version_info >= (3, 12) else 2\nw = Path('x').exists()\n",
        "from pathlib import Path\nv = 1\ntry:\n    Path('/nowhere/at/all').mkdir()\n    v = 2\nexcept OSError:\n    v = 3\n",
        "from pathlib import Path\nv = 1\ntry:\n    Path('/a').relative_to('/b')\n    v = 2\nexcept ValueError:\n    v = 3\n",
        "log = []\ndef f(x): log.append(x); return x\nv = sorted(f(x) for x in {1, 2})\nn = len(log)\n",
        "log = []\nv = [log.append(x) for x in {1, 2}]\nn = len(log)\nm = {y: log.append(y) for y in {1, 2} for z in [3]}\nk = len(log)\n",
        "import configparser\nv = 1\np = configparser.ConfigParser()\ntry:\n    p.read_string('no section')\n    v = 2\nexcept configparser.Error:\n    v = 3\nw = p.sections()\n",
        "import configparser\np = configparser.ConfigParser()\np['a'] = {'b': 'c'}\nv = p['a']['b']\np['a']['b'] = 'd'\nw = p['a']['b']\ndel p['a']\nx = 'a' in p\n",
        "import configparser\np = configparser.ConfigParser()\np.read_string('[a]')\ndef f(q): q.add_section('b')\nlist(map(f, [p]))\nv = p.sections()\n",
        "from collections import ChainMap\na = {'x': 1}\nc = ChainMap({}, a)\nc.update(x=2); v = c['x'], a['x']\nc |= {'y': 1}; w = c.maps[0]\nd = c.new_child({'x': 5}); x = d['x']\ndel c['x']; y = c['x']\nz = c == dict(c), isinstance(c, dict)\n",
        "import copy\nclass A:\n    def __copy__(self): return 5\nv = copy.copy(A())\nfrom collections import ChainMap\na = ChainMap({'x': 1}); b = copy.copy(a); b['x'] = 2; w = a['x']\n",
        "import csv\nr = csv.DictReader(['a,b', '1,2'])\nv = r.fieldnames\nw = [d['a'] for d in r]\n",
        "import csv\nv = 1\ntry:\n    csv.reader(5)\n    v = 2\nexcept TypeError:\n    v = 3\n",
        "import re\nv = 1\ntry:\n    re.compile('(')\n    v = 2\nexcept re.error:\n    v = 3\n",
        "import re\nlog = []\ndef f(m): log.append(m.group()); return 'x'\nv = re.sub('a', f, 'aa')\nw = len(log)\n",
        "import re\nv = 1\ntry:\n    re.search('a', 'ba').group(3)\n    v = 2\nexcept IndexError:\n    v = 3\n",
    ],
)
def test_what_depends_on_the_machine_is_unknown(text: str) -> None:
    check(text, complete=False)


@pytest.mark.parametrize(
    "text",
    [
        "import re\nv = re.search('(a+)+b', 'a' * 40)\n",
        "import re\nv = re.search('(a|aa)+$', 'a' * 60 + 'b')\n",
        "import re\nv = re.match(r'(\\w+\\s?)*!', 'word ' * 30)\n",
        "import re\nv = re.sub('x*x*x*x*x*x*y', '', 'x' * 500)\n",
        "import re\nv = [re.search('a*a*a*b', 'a' * 200) for i in range(10 ** 5)]\n",
        "import re\nv = re.sub('.', 'x' * 4_000, 'y' * 4_000)\n",
        "from string import Template\nv = Template('$a' * 20_000).substitute(a='x' * 20_000)\n",
        "import textwrap\nv = textwrap.indent('a\\n' * 20_000, 'x' * 20_000)\n",
        "import json\nv = json.dumps([1], indent=10 ** 9)\n",
        "import ast\nv = ast.literal_eval('[' * 10_000)\n",
    ],
)
def test_what_would_take_long_is_unknown(text: str) -> None:
    begun = time.process_time()
    found = evaluated(text).frames["m"].names.get("v")
    assert not isinstance(found, Known)
    assert time.process_time() - begun < 20


@st.composite
def class_programs(draw: st.DrawFn) -> str:
    """Return a program of classes that inherit from each other, and reads their attributes."""
    lines: list[str] = []
    names = [f"C{number}" for number in range(draw(st.integers(2, 7)))]
    for number, name in enumerate(names):
        bases = draw(
            st.lists(st.sampled_from(names[:number]), unique=True, max_size=3)
            if number
            else st.just([])
        )
        own = draw(st.sets(st.sampled_from("xyz")))
        lines.append(f"class {name}({', '.join(bases)}):")
        lines += [f"    {attribute} = '{name}.{attribute}'" for attribute in sorted(own)] or [
            "    pass"
        ]
    lines += [
        f"{name}_{attribute} = getattr({name}, '{attribute}', None)\n"
        f"{name}_object_{attribute} = getattr({name}(), '{attribute}', None)"
        for name in names
        for attribute in "xyz"
    ]
    return "\n".join(lines) + "\n"


@PROGRAMS
@given(class_programs())
def test_attributes_come_from_the_class_from_which_python_takes_them(text: str) -> None:
    check(text, complete=True)

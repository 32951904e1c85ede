"""Programs and data that would need endless time or memory: each gets a result or a finding, within limits."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc.api import check_project
from flashc.project.ignore import IgnoreRules
from flashc.project.project_texts import ProjectTexts
from flashc.report.text import render
from tests.support.fuzzing import limits
from tests.support.projects import compile_files, opened, write

WORKER = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
)
_N = 2000
NESTED = {
    "attributes": "x = a" + ".a" * _N,
    "decorators": "@a" + ".a" * _N + "\ndef f(): pass",
    "many decorators": "@a\n" * _N + "def f(): pass",
    "not": "x = " + "not " * _N + "1",
    "signs": "x = " + "-+~" * (_N // 3) + "1",
    "calls": "x = a" + "()" * (_N // 4),
    "arguments": "x = " + "a(" * _N + "1" + ")" * _N,
    "subscripts": "x = a" + "[0]" * (_N // 4),
    "sums": "x = 1" + " + 1" * _N,
    "powers": "x = 1" + "**1" * (_N // 2),
    "parentheses": "x = " + "(" * _N + "1" + ")" * _N,
    "brackets": "x = " + "[" * _N + "]" * _N,
    "dicts": "x = " + "{1: " * _N + "1" + "}" * _N,
    "lambdas": "x = " + "lambda: " * (_N // 2) + "1",
    "conditions": "x = " + "1 if 1 else " * (_N // 2) + "1",
    "elif": "if a: pass\n" + "elif a: pass\n" * (_N // 2),
    "comparisons": "x = 1" + " < 1" * _N,
    "and": "x = 1" + " and 1" * _N,
    "targets": "x = " * _N + "1",
    "dotted import": "import a" + ".a" * _N,
    "unpacking": "x = " + "[*" * _N + "[]" + "]" * _N,
    "walrus": "(" * _N + "x := 1" + ")" * _N,
    "f-strings": "x = " + "f'{" * 3 + "1" + "}'" * 3,
    "strings": "x = " + "'a' " * _N,
    "annotations": "x: " + "a[" * _N + "1" + "]" * _N,
    "blocks": "".join(" " * depth + "if a:\n" for depth in range(99)) + " " * 99 + "pass",
    "functions": "".join(" " * depth + "def f():\n" for depth in range(99)) + " " * 99 + "pass",
    "classes": "".join(" " * depth + "class A:\n" for depth in range(99)) + " " * 99 + "pass",
    "comprehensions": "x = [" + "1 for a in []" + " for a in []" * 300 + "]",
    "patterns": "match a:\n case " + "[" * 500 + "]" * 500 + ": pass",
    "with": "with " + ", ".join(["a"] * _N) + ": pass",
    "globals": "def f():\n global " + ", ".join(f"a{n}" for n in range(_N)),
    "lines": "\\\n" * _N + "x = 1",
    "tabs": "if a:\n" + "\t" * 150 + "pass",
    "one long name": "x" * 200_000 + " = 1",
    "one long string": "x = '" + "x" * 500_000 + "'",
    "null characters": "x = 1\0\0\0",
    "carriage returns": "x = 1\r" * 5000,
    "form feeds": "\f" * 5000 + "x = 1",
    "byte order marks": "\ufeff" * 50 + "x = 1",
    "comments": "#" * 200_000,
    "many names": "\n".join(f"x{n} = x{n - 1 if n else 0}" for n in range(_N)),
}
"""Texts of a module; the limit on the depth is between a thousand and some thousands."""
COMPUTED = """\
'a' * 10**12
[0] * 10**12
(1,) * 10**11
bytes(10**12)
bytearray(10**12)
list(range(10**12))
tuple(range(10**11))
set(range(10**10))
sum(range(10**12))
max(range(10**11))
sorted(range(10**10))
dict.fromkeys(range(10**10))
[x for x in range(10**11)]
{x: x for x in range(10**11)}
[x for x in range(10**6) for y in range(10**6)]
[[0] * 10**5 for _ in range(10**5)]
9 ** 9 ** 9
2 ** 10**12
1 << 10**12
10 ** 10**9
int('9' * 10**7)
str(10 ** 10**6)
f'{1:>1000000000}'
'{:>1000000000}'.format(1)
'%1000000000d' % 1
'%.1000000000f' % 1.0
'x'.ljust(10**11)
'x'.center(10**11)
'x'.zfill(10**11)
'\\t'.expandtabs(10**11)
('a' * 10**5).replace('a', 'b' * 10**6)
','.join(['a' * 10**6] * 10**6)
'-'.join(str(x) for x in range(10**10))
('a' * 10**6).split('a') * 10**6
round(10 ** 10**8, -1)
pow(3, 10**9)
divmod(10**10**7, 3)
__import__('math').factorial(10**8)
__import__('itertools').count()
list(__import__('itertools').count())
list(__import__('itertools').repeat(1))
list(__import__('itertools').product(range(10**3), repeat=10))
list(__import__('itertools').permutations(range(20)))
list(__import__('itertools').cycle([1]))
__import__('re').match('(a+)+$', 'a' * 40 + '!')
__import__('re').match('(a|a)*b', 'a' * 60)
__import__('re').compile('(' * 5000 + ')' * 5000)
__import__('re').compile('((a{1,1000}){1,1000}){1,1000}')
__import__('re').sub('', 'x' * 10**6, 'y' * 10**6)
__import__('json').loads('[' * 100000 + ']' * 100000)
__import__('json').dumps('\\0' * 10**9)
__import__('ast').literal_eval('(' * 100000 + ')' * 100000)
__import__('fnmatch').fnmatch('a' * 60, '*a' * 30 + 'b')
__import__('textwrap').wrap('a ' * 10**7, 1)
__import__('struct').calcsize('999999999999s')
__import__('uuid').UUID(int=10**40)
__import__('datetime').timedelta(10**18)
__import__('decimal').Decimal(10) ** 10**9
__import__('fractions').Fraction(1, 3) ** 10**8
__import__('string').Template('$a' * 10**6).substitute(a='x' * 10**6)
__import__('base64').b64encode(b'x' * 10**10)
__import__('zlib').decompress(b'x')
__import__('hashlib').sha256(b'x' * 10**10)
__import__('random').choices(range(10**9), k=10**9)
__import__('copy').deepcopy([[0] * 10**5] * 10**5)
(lambda f: f(f))(lambda f: f(f))
(lambda: (yield))()
[*map(lambda x: x, range(10**10))]
[*filter(None, range(10**10))]
[*zip(range(10**10), range(10**10))]
[*enumerate(range(10**10))]
[*reversed(range(10**10))]
all(range(1, 10**11))
any(x < 0 for x in range(10**11))
next(x for x in range(10**11) if x < 0)
range(10**18)[10**17]
slice(10**18).indices(10**18)
memoryview(bytes(10**11))
hash('x' * 10**10)
repr([0] * 10**10)
type('A', (), {})
open('/dev/zero').read()
open('/proc/self/environ').read()
input()
exec('while True: pass')
eval('9**9**9')
__import__('os').fork()
__import__('time').sleep(10**6)
__import__('sys').setrecursionlimit(10**9)
__import__('ctypes').string_at(0)
""".splitlines()
LOOPS = [
    "while True: pass",
    "while True: x = [x for x in range(10)]",
    "x = []\nwhile True: x.append(x)",
    "x = [0]\nfor y in x: x.append(y)",
    "x = {}\nfor y in range(10**9): x[y] = y",
    "x = 'a'\nfor _ in range(100): x = x + x",
    "x = [1]\nfor _ in range(100): x = x + x",
    "x = (1,)\nfor _ in range(100): x = (x, x)",
    "x = 2\nfor _ in range(100): x = x * x",
    "x = 'a'\nfor _ in range(100): x = x.replace('a', 'aa')",
    "x = {}\nfor _ in range(60): x = {'a': x, 'b': x}\ny = str(x)",
    "x = []\nx.append(x)\ny = repr(x) == x",
    "def f(n): return f(n + 1)\nf(0)",
    "def f(n): return f(n - 1) + f(n - 2) if n > 1 else n\nx = f(60)",
    "def f(a, b): return b + 1 if a == 0 else f(a - 1, 1) if b == 0 else f(a - 1, f(a, b - 1))\nx = f(4, 2)",
    "class A:\n def __getattr__(self, n): return getattr(self, n)\nx = A().y",
    "class A:\n def __eq__(self, o): return self == o\nx = A() == A()",
    "class A(type):\n def __call__(c): return c()\nclass B(metaclass=A): pass\nx = B()",
    "def g():\n while True: yield 1\nx = list(g())",
    "def g(): yield from g()\nx = list(g())",
    "x = iter(lambda: 1, 2)\ny = list(x)",
    "import worker\nx = worker.run",
    "from worker import *",
    "try:\n raise ValueError\nexcept ValueError:\n while True: pass",
    "with open('worker.py') as f:\n while True: f.seek(0)",
    "import functools\n@functools.lru_cache\ndef f(n): return f(n + 1)\nx = f(0)",
    "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()",
    "x = [[]] * 1000\nfor a in x:\n for b in range(10**6): a.append(b)",
    "for a in range(10**4):\n for b in range(10**4):\n  for c in range(10**4): pass",
    "x = 0\nwhile x < 10**12: x += 1",
    "import copy\nx = []\nx.append(x)\ny = copy.deepcopy(x)",
    "import copy\nx = [0]\nfor _ in range(90): x = [x, x]\ny = copy.deepcopy(x)",
]
_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [" + ", ".join([f"*{chr(97 + n)}"] * 9) + "]\n" for n in range(20)
)  # fmt: skip
_MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n + 1}: &a{n + 1}\n  <<: [*a{n}, *a{n}, *a{n}]\n  k{n}: {{<<: *a{n}}}\n" for n in range(40)
)
DOCUMENTS = {
    "billion laughs": ("yaml", _LAUGHS),
    "merges": ("yaml", _MERGES),
    "anchor that contains itself": ("yaml", "a: &a [*a, *a]\n"),
    "deep flow": ("yaml", "[" * 5000 + "]" * 5000),
    "deep maps": ("yaml", "{a: " * 3000 + "1" + "}" * 3000),
    "deep blocks": ("yaml", "".join(" " * n + "a:\n" for n in range(1000))),
    "deep lists": ("yaml", "- " * 5000 + "1"),
    "tags of Python": ("yaml", "!!python/object/apply:os.system ['touch ran']\n"),
    "tag of a module": ("yaml", "!!python/module:os\n"),
    "long number": ("yaml", "a: " + "9" * 100000),
    "number with colons": ("yaml", "a: " + "1:" * 5000 + "1"),
    "many documents": ("yaml", "---\na\n" * 5000),
    "long key of YAML": ("yaml", "? " + "a" * 5000 + "\n: 1\n"),
    "many anchors": ("yaml", "".join(f"a{n}: &a{n} [{n}]\n" for n in range(5000))),
    "deep JSON": ("json", "[" * 100000 + "]" * 100000),
    "deep objects": ("json", '{"a":' * 50000 + "1" + "}" * 50000),
    "long integer": ("json", "9" * 10000),
    "large exponent": ("json", "1e999999999"),
    "half a character": ("json", '{"a": "\\ud800"}'),
    "same key": ("json", "{" + ",".join(['"a": 1'] * 5000) + "}"),
    "unclosed string": ("json", '"' + "x" * 100000),
    "deep TOML": ("toml", "a = " + "[" * 5000 + "]" * 5000),
    "deep tables": ("toml", "[" + ".".join(["a"] * 5000) + "]\n"),
    "deep inline tables": ("toml", "a = " + "{a = " * 2000 + "1" + "}" * 2000),
    "long TOML integer": ("toml", "a = " + "9" * 10000),
    "long key": ("toml", "a" + ".a" * 6000 + " = 1\n"),
    "long key in quotes": ("toml", '"a"' + ' . "a"' * 6000 + " = 1\n"),
    "many tables": ("toml", "".join(f"[[a.b{n}]]\n" for n in range(5000))),
    "interpolation without end": ("ini", "[w]\na = %(a)s\nb = %(c)s\nc = %(b)s\n"),
    "interpolation that grows": ("ini", "[w]\n" + "".join(f"a{n} = %(a{n + 1})s%(a{n + 1})s\n" for n in range(40)) + "a40 = x\na = %(a0)s\n"),
    "long section": ("ini", "[" + "w" * 100000 + "]\n"),
    "many options": ("ini", "[w]\n" + "".join(f"a{n} = {n}\n" for n in range(5000))),
    "interpolation of OmegaConf": ("conf", "".join(f"a{n}: ${{a{n + 1}}}${{a{n + 1}}}\n" for n in range(40)) + "a40: x\na: ${a0}\n"),
    "cycle of OmegaConf": ("conf", "a: ${b}\nb: ${a}\n"),
    "resolver of OmegaConf": ("conf", "a: ${oc.env:HOME}\nb: ${oc.decode:'[1]'}\n"),
    "expansion of .env": ("env", "A0=x\n" + "".join(f"A{n + 1}=${{A{n}}}${{A{n}}}\n" for n in range(40)) + "a=${A40}\n"),
    "cycle of .env": ("env", "A=${B}\nB=${A}\n"),
    "quote that does not end": ("env", "A='" + "x\n" * 5000),
}  # fmt: skip
READS = {
    "yaml": "import yaml\nDATA = yaml.safe_load(open('data.yaml'))",
    "json": "import json\nDATA = json.load(open('data.json'))",
    "toml": "import tomllib\nDATA = tomllib.load(open('data.toml', 'rb'))",
    "ini": "import configparser\nc = configparser.ConfigParser()\nc.read('data.ini')\nDATA = dict(c['w'])",
    "conf": "from omegaconf import OmegaConf\nDATA = OmegaConf.to_container(OmegaConf.load('data.conf'), resolve=True)",
    "env": "from dotenv import dotenv_values\nDATA = dotenv_values('data.env')",
}
PATTERNS = {
    "stars": ("*a" * 30 + "b", "a" * 200),
    "double stars": ("a**" * 30 + "b", "a" * 200),
    "question marks": ("?*" * 60 + "b", "a" * 200),
    "folders": ("**/a/" * 30 + "b", "a/" * 60 + "a"),
    "sets": ("*[ab]" * 40 + "c", "ab" * 100),
    "negated sets": ("*[!c]" * 40 + "c", "ab" * 100),
    "escape at the end": ("a\\", "a"),
    "set that does not end": ("[a", "a"),
    "range that is wrong": ("[z-a]", "a"),
    "class of POSIX": ("[[:alpha:]]*", "a"),
    "many stars": ("*" * 3000, "a"),
    "long pattern": ("a" * 100_000, "a"),
    "many patterns": ("\n".join(f"*{n}*" for n in range(1500)), "a"),
    "only a negation": ("!", "a"),
    "null character": ("a\0b", "a"),
}
DEEP = ".a" * 16_000
IMPORTS = {
    "members of a deep module": f"from rua{DEEP} import y",
    "a deep module": f"import rua{DEEP}",
    "a deep module that may be absent": f"try:\n    import rua{DEEP}\nexcept ImportError:\n    y = 1",
    "a deep module of the project": f"from package{DEEP} import y",
    "a deep module by its name": f"import importlib\nimportlib.import_module('rua{DEEP}')",
    "a folder far above": f"from {'.' * 16_000}x import y",
    "many modules": "import " + ", ".join(f"m{number}" for number in range(8000)),
    "many members": "from m import " + ", ".join(f"m{number}" for number in range(8000)),
}
VARIANTS = {
    "nested programs": len(NESTED),
    "expensive expressions": len(COMPUTED),
    "endless loops": len(LOOPS),
    "long imports": len(IMPORTS),
    "hostile documents": len(DOCUMENTS),
    "patterns of ignore files": len(PATTERNS) * 2,
}


def is_answered(files: dict[str, str | bytes], root: Path) -> None:
    """Check that a project gets a program or findings, within limits."""
    with limits():
        result = compile_files(root, files)
    assert result.program is not None or result.codes


@pytest.mark.parametrize("part", range(6))
def test_nested_programs_are_answered(part: int, tmp_path: Path) -> None:
    """Each text is at the end of a worker module of its own."""
    files: dict[str, str | bytes] = {}
    for number, text in list(enumerate(NESTED.values()))[part::6]:
        worker = WORKER.replace('"w"', f'"w{number}"').replace("def run", f"def run{number}")
        files[f"worker{number}.py"] = f"{worker}{text}\n"
    is_answered(files, tmp_path)


@pytest.mark.parametrize("part", range(12))
def test_expensive_expressions_are_answered(part: int, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {}
    for number, text in list(enumerate([*COMPUTED, *LOOPS]))[part::12]:
        statement = f"x = {text}" if number < len(COMPUTED) else text
        worker = WORKER.replace('"w"', f'"w{number}"').replace("def run", f"def run{number}")
        files[f"worker{number}.py"] = f"{worker}{statement}\n"
    is_answered(files, tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", IMPORTS)
def test_long_imports_are_answered(kind: str, tmp_path: Path) -> None:
    files = {"worker.py": f"import tools\n{WORKER}", "tools.py": IMPORTS[kind]}
    root = write(tmp_path, {**files, "package/__init__.py": ""})
    with limits():
        workspace = opened(root)
        result = check_project(workspace)
        render(result.diagnostics, workspace.project.lines)
    assert {found.path for found in result.diagnostics} <= {"tools.py"}


@pytest.mark.parametrize("kind", READS)
def test_hostile_documents_are_answered(kind: str, tmp_path: Path) -> None:
    chosen = [text for form, text in DOCUMENTS.values() if form == kind]
    files: dict[str, str | bytes] = {}
    for number, text in enumerate(chosen):
        data = f"data{number}.{kind}"
        code = READS[kind].replace(f"data.{kind}", data)
        worker = WORKER.replace('"w"', "str(DATA)[:3]").replace("def run", f"def run{number}")
        files |= {f"worker{number}.py": f"{code}\n{worker}", data: text}
    is_answered(files, tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", [".gitignore", ".flashignore"])
def test_patterns_of_ignore_files_are_answered(name: str, tmp_path: Path) -> None:
    for pattern, path in PATTERNS.values():
        texts = ProjectTexts(root=tmp_path, unsaved={name: f"{pattern}\n".encode()})
        with limits():
            rules = IgnoreRules.built_in().inside(texts, "", [name])
            for is_folder in (True, False):
                rules.match(path, is_folder=is_folder)

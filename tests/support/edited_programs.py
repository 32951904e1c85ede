"""Projects in which an edit of one file changes the names of endpoints that another one declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


def worker(name: str, before: str) -> str:
    """Return a module with one endpoint, whose name is an expression."""
    return (
        f"{before}\nfrom runpod_flash import Endpoint\n@Endpoint(name={name})\n"
        "async def run(x: int): return x\n"
    )


@dataclass(frozen=True)
class Edit:
    """A project, one file that changes, and the names of its endpoints before and after."""

    files: Mapping[str, str]
    path: str
    text: str
    before: str
    after: str


MAKE = "def make(s):\n    def inner(): return s + '1'\n    return inner\n"
DECORATE = "def decorate(f):\n    def inner(): return f() + '1'\n    return inner\n"
GPU = "from enum import Enum\nclass Gpu(Enum):\n    A = 'x'\n    B = 'y'\n"
EDITS = {
    "a file that a module lists": Edit(
        {
            "worker.py": worker(
                "'w-' + '-'.join(sorted(p.stem for p in (Path(__file__).parent / 'd').glob('*.json')))",
                "from pathlib import Path",
            ),
            "d/a.json": "1",
        },
        "d/b.json",
        "2",
        "w-a",
        "w-a-b",
    ),
    "what a function captured": Edit(
        {
            "worker.py": worker("'w-' + g()", "from m import g"),
            "m.py": "from n import make\ng = make('a')\n",
            "n.py": MAKE,
        },
        "m.py",
        "from n import make\ng = make('b')\n",
        "w-a1",
        "w-b1",
    ),
    "the body of a function that another module made": Edit(
        {
            "worker.py": worker("'w-' + g()", "from m import g"),
            "m.py": "from n import make\ng = make('a')\n",
            "n.py": MAKE,
        },
        "n.py",
        MAKE.replace("1", "2"),
        "w-a1",
        "w-a2",
    ),
    "what a class captured": Edit(
        {
            "worker.py": worker("'w-' + C().n()", "from m import C"),
            "m.py": "from n import make\nC = make('a')\n",
            "n.py": "def make(s):\n    class C:\n        def n(self): return s\n    return C\n",
        },
        "m.py",
        "from n import make\nC = make('b')\n",
        "w-a",
        "w-b",
    ),
    "a decorator's wrapper": Edit(
        {
            "worker.py": worker("'w-' + g()", "from m import g"),
            "m.py": "from n import decorate\n@decorate\ndef g(): return 'a'\n",
            "n.py": DECORATE,
        },
        "n.py",
        DECORATE.replace("1", "2"),
        "w-a1",
        "w-a2",
    ),
    "the function that a decorator wraps": Edit(
        {
            "worker.py": worker("'w-' + g()", "from m import g"),
            "m.py": "from n import decorate\n@decorate\ndef g(): return 'a'\n",
            "n.py": DECORATE,
        },
        "m.py",
        "from n import decorate\n@decorate\ndef g(): return 'b'\n",
        "w-a1",
        "w-b1",
    ),
    "the value of an enum's member": Edit(
        {
            "worker.py": worker("'w-' + gpu.value", "from m import gpu"),
            "m.py": "from n import Gpu\ngpu = Gpu.A\n",
            "n.py": GPU,
        },
        "n.py",
        GPU.replace("'x'", "'z'"),
        "w-x",
        "w-z",
    ),
    "the members of an enum": Edit(
        {"worker.py": worker("f'w-{len(Gpu)}'", "from n import Gpu"), "n.py": GPU},
        "n.py",
        GPU.replace("    B = 'y'\n", ""),
        "w-2",
        "w-1",
    ),
    "a default that another module changes": Edit(
        {
            "worker.py": worker("f'w-{len(f())}'", "from n import f\nfrom m import Q"),
            "m.py": "from n import f\nQ = 1\n",
            "n.py": "def f(seen=[]):\n    seen.append(1)\n    return seen\n",
        },
        "m.py",
        "from n import f\nQ = 1\nf()\n",
        "w-1",
        "w-2",
    ),
    "a list behind two lambdas that another module changes": Edit(
        {
            "worker.py": worker("f'w-{size()}'", "from n import size\nfrom m import Q"),
            "m.py": "from n import push\nQ = 1\n",
            "n.py": "def make():\n    x = []\n    return x.append, lambda: len(x)\npush, size = make()\n",
        },
        "m.py",
        "from n import push\nQ = 1\npush(1)\n",
        "w-0",
        "w-1",
    ),
    "an iterator that another module reads": Edit(
        {
            "worker.py": worker("f'w-{next(it)}'", "from n import it\nfrom m import Q"),
            "m.py": "from n import it\nQ = 1\n",
            "n.py": "it = iter([1, 2, 3])\n",
        },
        "m.py",
        "from n import it\nQ = 1\nnext(it)\n",
        "w-1",
        "w-2",
    ),
    "an argument of an endpoint that another module changes": Edit(
        {
            "worker.py": worker("f'w-{len(api.env)}'", "from n import api\nfrom m import Q"),
            "m.py": "from n import api\nQ = 1\n",
            "n.py": "from runpod_flash import Endpoint\napi = Endpoint(name='n', env={})\n"
            "@api\nasync def go(x): return x\n",
        },
        "m.py",
        "from n import api\nQ = 1\napi.env['A'] = '1'\n",
        "n w-0",
        "n w-1",
    ),
    "state that is changed for one import and restored": Edit(
        {
            "worker.py": worker(
                "'w-' + V", "import n\nold = n.X\nn.X = 'w'\nfrom m import V\nn.X = old"
            ),
            "m.py": "from k import V\n",
            "k.py": "import n\nV = 'yes' if n.X == 'w' else 'no'\n",
            "n.py": "X = '1'\n",
        },
        "k.py",
        "import n\nV = 'yep' if n.X == 'w' else 'no'\n",
        "w-yes",
        "w-yep",
    ),
    "whether two names are one object": Edit(
        {
            "worker.py": worker("f'w-{A is B}'", "from n import A, B"),
            "n.py": "def make(): return []\nA = B = make()\n",
        },
        "n.py",
        "def make(): return []\nA, B = make(), make()\n",
        "w-True",
        "w-False",
    ),
    "a function of a module with too many names": Edit(
        {
            "worker.py": worker("'w-' + g()", "from m import g"),
            "m.py": "from n import g\n",
            "n.py": "".join(f"A{n} = 0\n" for n in range(1100)) + "def g(): return '1'\n",
        },
        "n.py",
        "".join(f"A{n} = 0\n" for n in range(1100)) + "def g(): return '2'\n",
        "w-1",
        "w-2",
    ),
    "which import is the first that may fail": Edit(
        {
            "worker.py": worker(
                "'w-' + V",
                "from m import Q\ntry:\n    from n import X\n    V = 'a'\n"
                "except ImportError:\n    V = 'b'",
            ),
            "m.py": "Q = 1\nfrom n import X\n",
            "n.py": "import json\njson.unheard_of()\nX = 1\n",
        },
        "m.py",
        "Q = 1\n",
        "w-a",
        "",
    ),
}

"""Only modules that an SDK may be behind are evaluated, and only what workers reach is parsed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flashc.frontend.relevance import find_relevant_modules, read_plain_module
from flashc.project.discover import discover
from flashc_ir.modules import Module
from tests.support.projects import compile_folder, write

BASE = "from runpod_flash import Endpoint as E\n"
USE = "@{0}(name='w')\nasync def run(x: int): return x\n"
# How an endpoint is declared in a module whose text does not name the SDK.
REACHED = {
    "alias": {"base.py": BASE, "a.py": "from base import E as D\n" + USE.format("D")},
    "module": {"base.py": BASE, "a.py": "import base as b\n" + USE.format("b.E")},
    "star": {
        "base.py": BASE,
        "mid.py": "from base import *\n",
        "a.py": "from mid import E\n" + USE.format("E"),
    },
    "factory": {
        "base.py": BASE,
        "mid.py": "import base\ndef make(**k):\n    return base.E(**k)\n",
        "a.py": "from mid import make\n" + USE.format("make"),
    },
    "decorated": {
        "base.py": BASE + "def mark(f): return f\n",
        "mid.py": "from base import E, mark\nimport functools\nmake = functools.partial(E)\n",
        "a.py": "import mid\n" + USE.format("mid.make"),
    },
    "package": {
        "p/__init__.py": "from .base import E\n",
        "p/base.py": BASE,
        "p/a.py": "from . import E\n" + USE.format("E"),
    },
    "parent": {
        "p/__init__.py": BASE,
        "p/q/__init__.py": "",
        "p/q/a.py": "from .. import E\n" + USE.format("E"),
    },
    "long": {
        "p/__init__.py": "",
        "p/base.py": BASE,
        "p/mid.py": "from p import base\nTABLE = {}\nTABLE['x'] = base.E\n",
        "far.py": "import p.mid\nfound = p.mid.TABLE['x']\n",
        "a.py": "import far\n" + USE.format("far.found"),
    },
    "appended": {
        "base.py": BASE,
        "mid.py": "from base import E\nALL = []\nfor each in (E,):\n    ALL.append(each)\n",
        "a.py": "from mid import ALL\n" + USE.format("ALL[0]"),
    },
    "dynamic": {
        "base.py": BASE,
        "a.py": "import importlib\nb = importlib.import_module('base')\n" + USE.format("b.E"),
    },
    "letters": {"größe.py": BASE, "a.py": "from größe import E as D\n" + USE.format("D")},
}
# How a module that declares an endpoint imports `plain`, whose imports then matter.
IMPORTS: dict[str, dict[str, str | bytes]] = {
    "top": {"plain.py": "import left\n", "a.py": "import plain\n"},
    "function": {"plain.py": "import left\n", "a.py": "def f():\n    import plain\n"},
    "computed": {"plain.py": "import left\n", "a.py": "__import__('plain')\n"},
    "ligature": {"file.py": "import left\n", "a.py": "import \ufb01le\n"},
    "declared": {
        "größe.py": "import left\n",
        "a.py": "# coding: latin-1\nimport größe\n".encode("latin-1"),
    },
    "package": {"p/__init__.py": "import left\n", "p/a.py": "from . import *\n"},
    "parent": {"p/__init__.py": "import left\n", "p/b.py": BASE, "a.py": "import p.b\n"},
    "submodule": {"p/__init__.py": "", "p/b.py": "import left\n", "a.py": "from p import b\n"},
}


@pytest.mark.parametrize("name", REACHED)
def test_an_endpoint_is_found_however_the_sdk_is_reached(name: str, tmp_path: Path) -> None:
    result = compile_folder(write(tmp_path, REACHED[name]))
    assert [endpoint.name for endpoint in result.valid.deployed()] == ["w"], result.diagnostics


def test_a_module_that_takes_nothing_of_the_sdk_is_not_evaluated(tmp_path: Path) -> None:
    files = {
        "worker.py": BASE + "from tools import clean\n" + USE.format("E"),
        "tools.py": "import deep\ndef clean(x): return x\n",
        "deep.py": "X = 1\n",
        "client.py": "from worker import run\nLIMIT = 3\nasync def call(): return await run(1)\n",
        "report.py": "import client\nfrom client import LIMIT\nprint(client.LIMIT)\n",
        "script.py": "from client import call\n",
        "broken.py": "def (:\n",
    }
    sdk = frozenset({"runpod_flash"})
    project = replace(discover(write(tmp_path, files)), sdk_packages=sdk)
    read: list[str] = []

    def read_plain(names: object) -> dict[str, Module]:
        assert isinstance(names, list)
        read.extend(names)
        return {name: read_plain_module(project, name) for name in names}

    relevance = find_relevant_modules(project, read_plain)
    assert relevance.relevant == {"worker", "client", "script"}
    assert set(read) == {"worker", "client", "script", "report", "tools", "deep"}
    assert relevance.plain.keys() == {path.removesuffix(".py") for path in files}
    assert relevance.plain["broken"].unreadable == ()


@pytest.mark.parametrize("name", IMPORTS)
def test_a_module_is_read_however_a_worker_imports_it(name: str, tmp_path: Path) -> None:
    files = {
        path: text if isinstance(text, bytes) else text.encode()
        for path, text in IMPORTS[name].items()
    }
    (worker,) = (path for path in files if path.endswith("a.py"))
    files |= {
        worker: files[worker] + (BASE + USE.format("E")).encode(),
        "left.py": b"",
        "other.py": b"import left",
    }
    project = replace(discover(write(tmp_path, files)), sdk_packages=frozenset({"runpod_flash"}))
    relevance = find_relevant_modules(
        project, lambda names: {each: read_plain_module(project, each) for each in names}
    )
    read = {
        name
        for name, module in relevance.plain.items()
        if module.imports and name not in relevance.relevant
    }
    assert len(read) == 1
    assert read.isdisjoint({"left", "other"})

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

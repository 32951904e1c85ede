"""Only modules that an SDK may be behind are evaluated, and only what workers reach is parsed."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from flashc.frontend.relevance import (
    ReadLinks,
    Relevance,
    find_module_links,
    find_relevant_modules,
    read_plain_module,
)
from flashc.project.discover import discover
from flashc.project.parsing import check_with_compiler
from flashc.project.project import Project
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
    "class": {
        "base.py": BASE,
        "mid.py": "import base\nclass Make:\n    def w(self, **k):\n        return base.E(**k)\n",
        "a.py": "from mid import Make\nmake = Make()\n" + USE.format("make.w"),
    },
    "letters": {"größe.py": BASE, "a.py": "from größe import E as D\n" + USE.format("D")},
}
# How a module gets something of the SDK, in ways that need not be evaluated.
LINKED = {
    "decorator": {
        "mid.py": "import base\ndef make(**k):\n    def wrap(f): return base.E(**k)(f)\n    return wrap\n",
        "a.py": "from mid import make\n@make(name='w')\ndef f(): pass\n",
    },
    "stored": {
        "mid.py": "import base\nclass M:\n    def __init__(self): self.e = base.E\n"
        "    def make(self): return self.e\n",
        "a.py": "import mid\nwrap = mid.M().make()\n",
    },
    "global": {
        "mid.py": "import base\nfound = None\ndef load():\n    global found\n    found = base.E\nload()\n",
        "a.py": "import mid\n@mid.found(name='w')\ndef f(): pass\n",
    },
    "lazy": {
        "mid.py": "def __getattr__(name):\n    import base\n    return getattr(base, name)\n",
        "a.py": "from mid import E\n@E(name='w')\ndef f(): pass\n",
    },
    "globals": {
        "mid.py": "from base import E\nglobals()['D'] = E\n",
        "a.py": "from mid import D\n@D(name='w')\ndef f(): pass\n",
    },
    "lambda": {
        "mid.py": "import base\nmake = lambda **k: base.E(**k)\n",
        "a.py": "from mid import make\nw = make(name='w')\n",
    },
    "local": {
        "mid.py": "import base\ndef make():\n    found = {}\n    found['x'] = base.E\n    a = found\n"
        "    return a['x']\n",
        "a.py": "from mid import make\nE = make()\n",
    },
    "context": {
        "mid.py": "from base import E\ndef opened():\n    yield E\n",
        "a.py": "import mid\nwith mid.opened() as E:\n    @E(name='w')\n    def f(): pass\n",
    },
    "subclass": {
        "mid.py": "from base import E\nclass Mine(E): pass\n",
        "a.py": "from mid import Mine\n@Mine(name='w')\ndef f(): pass\n",
    },
    "string": {
        "names.py": "SDK = 'runpod_flash'\n",
        "mid.py": "import importlib\nimport names\nsdk = importlib.import_module(names.SDK)\n",
        "a.py": "from mid import sdk\n@sdk.Endpoint(name='w')\ndef f(): pass\n",
    },
    "string through another module": {
        "names.py": "SDK = 'runpod_flash'\n",
        "table.py": "from names import SDK as S\nNAMES = {'sdk': S}\n",
        "a.py": "import importlib as i\nimport table\nE = i.import_module(table.NAMES['sdk']).Endpoint\n",
    },
    "module object": {
        "p/__init__.py": "from . import mid\n",
        "p/mid.py": "from base import E\n",
        "far.py": "import p\nparts = [p]\n",
        "a.py": "from far import parts\n@parts[0].mid.E(name='w')\ndef f(): pass\n",
    },
    "brackets": {
        "mid.py": "from base import (  # import (\n    E  # the class ), see from\n    as D,\n)\n",
        "a.py": "if True: import os; from mid \\\n  import D\nD(name='w')(print)\n",
    },
    "method among others": {
        "mid.py": "import base\nclass M:\n    def one(self): return 1\n    def keep(self):\n"
        "        self.made = base.E\n    def two(self): return self.made\n",
        "a.py": "import mid\nm = mid.M()\nm.keep()\nfound = m.two()\n",
    },
    "string in a function": {
        "mid.py": "def load():\n    name = 'runpod_flash.core'\n    return __import__(name)\n",
        "a.py": "from mid import load\nE = load().Endpoint\n",
    },
    "behind a statement": {
        "mid.py": "try: import os, runpod_flash as r\nexcept ImportError: r = None\n",
        "a.py": "from mid import r\n@r.Endpoint(name='w')\ndef f(): pass\n",
    },
    "name": {
        "mid.py": "import base\nE = getattr(base, 'E')\n",
        "a.py": "import mid\nvars(mid)['E'](name='w')(print)\n",
    },
    "table": {
        "mid.py": "from base import E\nMAKE = {'gpu': E}\ndef get(k): return MAKE[k]\n",
        "a.py": "from mid import get\n@get('gpu')(name='w')\ndef f(): pass\n",
    },
    "match": {
        "mid.py": "from base import E\nmatch E:\n    case found: pass\n",
        "a.py": "from mid import found\nfound(name='w')(print)\n",
    },
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


def links_of(project: Project) -> ReadLinks:
    """Return the function that finds the links of a project's modules."""
    return lambda bound: {name: find_module_links(project, name, bound[name]) for name in bound}


def relevance_of(project: Project) -> Relevance:
    """Return the relevant modules of a project."""
    return find_relevant_modules(
        project,
        lambda names: {each: read_plain_module(project, each) for each in names},
        links_of(project),
        lambda names: {each: check_with_compiler(project, each) for each in names},
    )


@pytest.mark.parametrize("name", REACHED)
def test_an_endpoint_is_found_however_the_sdk_is_reached(name: str, tmp_path: Path) -> None:
    result = compile_folder(write(tmp_path, REACHED[name]))
    assert [endpoint.name for endpoint in result.valid.deployed] == ["w"], result.diagnostics


@pytest.mark.parametrize("name", LINKED)
def test_a_module_that_gets_something_of_the_sdk_is_evaluated(name: str, tmp_path: Path) -> None:
    project = discover(write(tmp_path, {"base.py": BASE, **LINKED[name]}))
    relevance = relevance_of(replace(project, sdk_packages=frozenset({"runpod_flash"})))
    assert {"base", "a"} <= relevance.relevant


# What a module may do with a module that calls an endpoint, without being a part of the program.
UNRELATED = {
    "lazily": "def serve():\n    from client import call\n    return call()\n",
    "application": "import client\ndef create():\n    app = dict()\n    app['call'] = client.call\n"
    "    return len(app)\napp = create()\n",
    "logged": "import logging\nimport client\nlog = logging.getLogger()\n"
    "def serve():\n    log.info(client.call)\n",
    "script": "import asyncio\nimport client\nif __name__ == '__main__':\n"
    "    result = asyncio.run(client.call())\n",
    "service": "from client import Service\nservice = Service()\n",
    "words": "# runpod_flash\nENGINES = ['runpod_flash', 'local']\nrunpod_flash_url = 'x'\n"
    "def is_remote(engine): return engine == 'runpod_flash'\n",
    "documented": "'''Import runpod_flash.'''\nimport client\n",
    "typed": "from client import Service\ndef use(service: Service) -> None: ...\n",
}


@pytest.mark.parametrize("name", UNRELATED)
def test_a_module_that_only_reaches_an_endpoint_in_functions_is_not_evaluated(
    name: str, tmp_path: Path
) -> None:
    files = {
        "worker.py": BASE + USE.format("E"),
        "client.py": "from worker import run\nasync def call(): return await run(1)\n"
        "class Service:\n    async def ask(self): return await run(2)\n",
        "other.py": UNRELATED[name],
        "last.py": "import other\nfrom other import *\n",
    }
    project = replace(discover(write(tmp_path, files)), sdk_packages=frozenset({"runpod_flash"}))
    assert relevance_of(project).relevant == {"worker", "client"}


def test_a_module_from_which_a_worker_takes_such_a_function_is_evaluated(tmp_path: Path) -> None:
    files = {
        "worker.py": BASE + USE.format("E"),
        "client.py": "from worker import run\nasync def call(): return await run(1)\n",
        "helper.py": "import client\nasync def help(): return await client.call()\n",
        "second.py": BASE
        + "import helper\n@E(name='v')\nasync def go(): return await helper.help()\n",
    }
    project = replace(discover(write(tmp_path, files)), sdk_packages=frozenset({"runpod_flash"}))
    assert relevance_of(project).relevant == {"worker", "client", "helper", "second"}


def test_a_module_that_cant_be_parsed_and_takes_no_value_is_not_evaluated(tmp_path: Path) -> None:
    files = {
        "worker.py": BASE + USE.format("E"),
        "client.py": "from worker import run\nasync def call(): return await run(1)\n",
        "old.py": "from client import call\nprint 'x'\n",
    }
    project = replace(discover(write(tmp_path, files)), sdk_packages=frozenset({"runpod_flash"}))
    assert relevance_of(project).relevant == {"worker", "client"}


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

    relevance = find_relevant_modules(project, read_plain, links_of(project), lambda _names: {})
    assert relevance.relevant == {"worker", "client"}
    assert relevance.plain.keys() == {path.removesuffix(".py") for path in files}
    assert set(read) == {"worker", "client", "report", "tools", "deep"}
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
    relevance = relevance_of(project)
    read = {
        name
        for name, module in relevance.plain.items()
        if module.imports and name not in relevance.relevant
    }
    assert len(read) == 1
    assert read.isdisjoint({"left", "other"})

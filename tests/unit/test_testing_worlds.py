"""The modules of a world are apart from those of others, whatever way of importing their code uses."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flashc.testing.stand_ins import StandIn, Variables
from flashc.testing.worlds import Layout, World
from tests.support.projects import write

FILES = {
    "_flashc/__init__.py": "",
    "_flashc/deep.py": "import httpx\ntry:\n    import runpod\nexcept ImportError:\n    runpod = None\n",
    "a.py": "import b\nstate = []\ndef put(value):\n    state.append(value)\n    return b.seen()\n",
    "b.py": "import a\ndef seen():\n    return list(a.state)\n",
    "pack/__init__.py": "from . import one\nfrom .sub import two as second\n",
    "pack/one.py": "from .sub.two import VALUE\nfrom pack.sub import two\nimport pack.sub.two as again\n",
    "pack/sub/__init__.py": "",
    "pack/sub/two.py": "VALUE = []\n",
    "space/inner.py": "from __future__ import annotations\nVALUE = __name__\n",
    "user.py": (
        "import importlib, importlib.util, os, os.path, sys\n"
        "import pack.sub.two, space.inner\n"
        "from importlib import import_module\n"
        "from os import environ, getenv\n"
        "from os.path import join\n"
        "from sys import modules\n"
        "from pack import one, sub\n"
        "loaded = import_module('pack.one') is one is modules['pack.one'] is sys.modules['pack.one']\n"
        "same = __import__('pack').sub is sub is pack.sub\n"
        "missing = 'nothing' in sys.modules or 'json' not in sys.modules\n"
        "def late():\n"
        "    import a\n"
        "    from b import seen\n"
        "    return a.put('late'), seen()\n"
        "def leave():\n"
        "    import nothing_of_this_name\n"
    ),
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The files as an unpacked artifact."""
    tree = write(tmp_path / "tree", FILES)
    names = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path
        for path in FILES
        if not path.startswith("_flashc")
    }
    return Layout(tree, tmp_path / "project", names)


@pytest.fixture
def worlds(layout: Layout) -> Iterator[list[World]]:
    """Two worlds of the same files."""
    made = [World(name, layout, {"NAME": name}, StandIn(httpx)) for name in ("x", "y.z")]
    for world in made:
        world.open()
    yield made
    for world in made:
        world.close()


def test_each_world_has_its_own_modules_also_in_a_circle(worlds: list[World]) -> None:
    first, second = (world.module("user") for world in worlds)
    assert first.late() == (["late"], ["late"])
    assert first.late() == (["late", "late"], ["late", "late"])
    assert second.late() == (["late"], ["late"])
    assert "a" not in sys.modules
    assert "user" not in sys.modules


def test_every_way_of_importing_finds_the_same_module(worlds: list[World]) -> None:
    for world in worlds:
        user, one = world.module("user"), world.module("pack.one")
        assert (user.loaded, user.same, user.missing) == (True, True, False)
        assert one.VALUE is one.two.VALUE is one.again.VALUE is world.module("pack").second.VALUE
        assert world.outer_text(world.module("space.inner").VALUE) == "space.inner"
    values = [world.module("pack.sub.two").VALUE for world in worlds]
    assert values[0] is not values[1]


def test_what_the_artifact_does_not_have_is_not_found(worlds: list[World]) -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing_of_this_name"):
        worlds[0].module("user").leave()
    with pytest.raises(ModuleNotFoundError):
        worlds[0].module("pack.three")


def test_the_runtime_has_its_own_httpx_and_no_worker_sdk(worlds: list[World]) -> None:
    deep, user = worlds[0].module("_flashc.deep"), worlds[0].module("user")
    assert type(deep.httpx) is StandIn
    assert deep.httpx.Client is httpx.Client
    assert deep.runpod is None
    assert user.join is os.path.join
    assert user.os.path is os.path


def test_a_stand_in_changes_the_real_module_except_for_its_own_attributes(
    worlds: list[World], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner: Any = worlds[0].module("user").sys
    monkeypatch.setattr(sys, "flashc_probe", 1, raising=False)
    assert inner.flashc_probe == 1
    inner.flashc_probe = 2
    assert getattr(sys, "flashc_probe") == 2  # noqa: B009
    inner.modules = {}
    assert sys.modules is not inner.modules


def test_variables_of_a_world_cover_those_of_the_process(
    worlds: list[World], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTSIDE", "1")
    monkeypatch.setenv("NAME", "of the process")
    user = worlds[0].module("user")
    environ: Any = user.environ
    assert (environ["NAME"], user.getenv("NAME"), environ["OUTSIDE"]) == ("x", "x", "1")
    assert user.getenv("NOT_SET", "else") == "else"
    environ["OUTSIDE"] = "2"
    assert (os.environ["OUTSIDE"], worlds[1].environ["OUTSIDE"]) == ("1", "1")
    del environ["OUTSIDE"]
    assert "OUTSIDE" not in environ
    assert "OUTSIDE" not in dict(environ)
    assert os.environ["OUTSIDE"] == "1"
    with pytest.raises(KeyError):
        del environ["OUTSIDE"]
    with pytest.raises(TypeError, match="str expected, not int"):
        environ["NUMBER"] = 1
    assert (environ | {"NAME": "y"})["NAME"] == "y"
    assert ({"NAME": "y"} | environ)["NAME"] == "x"
    assert len(environ) == len(list(environ)) == len(environ.copy())


def test_the_length_of_the_variables_counts_each_name_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TWICE", "1")
    names = list(Variables({"TWICE": "2", "ONCE": "3"}))
    assert sorted(names) == sorted({*os.environ, "ONCE"})

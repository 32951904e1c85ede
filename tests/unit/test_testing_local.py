"""In the process of the tests, endpoints have the compiled semantics: values travel as JSON, and no object is shared."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flashc.testing import DidNotStart, LocalApp, RemoteError, UnknownTarget
from flashc.testing.building import NotBuilt, unpack_app
from tests.support.projects import EXAMPLES, write

SHOP = {
    "pyproject.toml": '[tool.flashc]\napp = "shop"\npython-version = "3.12"\n',
    "lib/__init__.py": "",
    "lib/state.py": "import os\nseen = []\nname = os.environ['FLASH_RESOURCE_NAME']\n",
    "lib/records.py": (
        "from __future__ import annotations\n"
        "from dataclasses import dataclass, field\n"
        "from . import state\n"
        "@dataclass\n"
        "class Order:\n"
        "    items: list[Item] = field(default_factory=list)\n"
        "@dataclass\n"
        "class Item:\n"
        "    name: str\n"
        "    count: int = 1\n"
        "class SoldOut(Exception):\n"
        "    pass\n"
    ),
    "stock.py": (
        "import importlib, os, pickle, sys, threading\n"
        "from contextvars import ContextVar\n"
        "from flashc import Endpoint\n"
        "from lib import state\n"
        "from lib.records import Item, Order, SoldOut\n"
        "@Endpoint(name='stock', cpu='cpu3c-1-2', env={'LEAST': '2'})\n"
        "def take(order: Order) -> Order:\n"
        "    state.seen.append(order)\n"
        "    if not order.items:\n"
        "        raise SoldOut('nothing')\n"
        "    for item in order.items:\n"
        "        item.count += int(os.environ['LEAST'])\n"
        "    return order\n"
        "@Endpoint(name='probe', cpu='cpu3c-1-2')\n"
        "def probe(what: str):\n"
        "    import asyncio\n"
        "    if what == 'modules':\n"
        "        found = importlib.import_module('lib.state')\n"
        "        copied = pickle.loads(pickle.dumps(Item('a')))\n"
        "        return [found is state, sys.modules['lib.state'] is state,\n"
        "                copied == Item('a'), __import__('lib.state').state is state]\n"
        "    if what == 'break':\n"
        "        breakpoint()\n"
        "    if what == 'loop':\n"
        "        return asyncio.get_running_loop().is_running()\n"
        "    if what == 'variables':\n"
        "        os.environ['PROBED'] = 'yes'\n"
        "        return [os.environ.get('LEAST'), os.getenv('PROBED'), os.environ['FLASH_APP']]\n"
        "    return [state.name, len(state.seen)]\n"
        "@Endpoint(name='numbers', cpu='cpu3c-1-2')\n"
        "async def numbers(count: int):\n"
        "    for number in range(count):\n"
        "        if number == 3:\n"
        "            raise SoldOut('three')\n"
        "        yield number\n"
    ),
    "front.py": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from flashc import Endpoint\n"
        "from lib import state\n"
        "from lib.records import Item, Order, SoldOut\n"
        "from stock import take\n"
        "@Endpoint(name='front', cpu='cpu3c-1-2')\n"
        "def buy(names: list[str]) -> dict:\n"
        "    order = Order([Item(name) for name in names])\n"
        "    try:\n"
        "        got = take(order)\n"
        "    except SoldOut as error:\n"
        "        return {'sold out': str(error), 'type': type(error).__name__}\n"
        "    return {'got': [item.count for item in got.items], 'kept': order.items[0].count,\n"
        "            'seen': len(state.seen), 'is order': isinstance(got, Order)}\n"
        "@Endpoint(name='many', cpu='cpu3c-1-2')\n"
        "def many(count: int) -> list[int]:\n"
        "    def one(number):\n"
        "        from lib.records import Item, Order\n"
        "        return take(Order([Item('x', number)])).items[0].count\n"
        "    with ThreadPoolExecutor(4) as pool:\n"
        "        return list(pool.map(one, range(count)))\n"
    ),
    "shop_counter.py": (
        "from flashc import Endpoint\n"
        "from lib.records import Item\n"
        "class Base:\n"
        "    def plain(self, number: int) -> int:\n"
        "        return number\n"
        "@Endpoint(name='counter', cpu='cpu3c-1-2')\n"
        "class Counter(Base):\n"
        "    def __init__(self):\n"
        "        self.total = 0\n"
        "    async def add(self, item: Item, method: str = '-') -> Item:\n"
        "        self.total += item.count\n"
        "        return Item(item.name + method, self.total)\n"
        "    @staticmethod\n"
        "    def double(number: int) -> int:\n"
        "        return 2 * number\n"
        "    @classmethod\n"
        "    def title(cls) -> str:\n"
        "        return cls.__name__\n"
    ),
    "cycle.py": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from flashc import Endpoint\n"
        "@Endpoint(name='even', cpu='cpu3c-1-2', workers=9)\n"
        "def is_even(number: int) -> bool:\n"
        "    return True if number == 0 else is_odd(number - 1)\n"
        "@Endpoint(name='odd', cpu='cpu3c-1-2', workers=9)\n"
        "def is_odd(number: int) -> bool:\n"
        "    with ThreadPoolExecutor(1) as pool:\n"
        "        return False if number == 0 else pool.submit(is_even, number - 1).result()\n"
    ),
    "web.py": (
        "from flashc import Endpoint\n"
        "from stock import take\n"
        "from lib.records import Item, Order\n"
        "api = Endpoint(name='api', cpu='cpu3c-1-2')\n"
        "@api.post('/orders/{name}')\n"
        "async def order(name: str, count: int = 1) -> dict:\n"
        "    got = await take(Order([Item(name, count)]))\n"
        "    return {'count': got.items[0].count}\n"
        "@api.get('/broken')\n"
        "def broken():\n"
        "    raise RuntimeError('broken on purpose')\n"
        "@api.get('/packed')\n"
        "def packed():\n"
        "    import gzip\n"
        "    from fastapi import Response\n"
        "    packed = gzip.compress(b'[1, 2]')\n"
        "    return Response(packed, headers={'content-encoding': 'gzip'})\n"
    ),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The project, compiled once."""
    folder = tmp_path_factory.mktemp("shop")
    return unpack_app(write(folder / "project", SHOP), folder / "tree")


@pytest.fixture
def app(shop: Any) -> Iterator[LocalApp]:
    """The app, with fresh endpoints."""
    app = LocalApp(shop)
    yield app
    app.close()


def test_arguments_and_results_are_copies_and_globals_are_not_shared(app: LocalApp) -> None:
    assert app.call("front", names=["tea"]) == {
        "got": [3],
        "kept": 1,
        "seen": 0,
        "is order": True,
    }
    assert len(app.module("stock", "lib.state").seen) == 1
    assert app.call("probe", what="state") == ["probe", 0]


def test_an_exception_of_another_endpoint_is_caught_by_its_class(app: LocalApp) -> None:
    assert app.call("front", names=[]) == {"sold out": "nothing", "type": "SoldOut"}


def test_the_code_finds_its_own_modules_however_it_imports_them(app: LocalApp) -> None:
    assert app.call("probe", what="modules") == [True, True, True, True]


def test_a_breakpoint_stops_in_the_file_of_the_project(
    app: LocalApp, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[tuple[str, str]] = []

    def stop() -> None:
        frame = sys._getframe(1)
        lines = Path(frame.f_code.co_filename).read_text(encoding="utf-8").splitlines()
        stopped.append((frame.f_code.co_filename, lines[frame.f_lineno - 1].strip()))

    monkeypatch.setattr(sys, "breakpointhook", stop)
    app.call("probe", what="break")
    assert stopped == [(str(shop.workspace.root / "stock.py"), "breakpoint()")]


def test_a_plain_function_runs_on_an_event_loop_as_on_a_worker(app: LocalApp) -> None:
    assert app.call("probe", what="loop") is True


def test_an_endpoint_sees_its_own_variables_and_its_changes_do_not_leak(
    app: LocalApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAST", "of the test")
    assert app.call("probe", what="variables") == ["of the test", "yes", "shop"]
    assert app.environ("stock")["LEAST"] == "2"
    assert "PROBED" not in app.environ("stock")


def test_threads_of_an_endpoint_call_another_one_at_once(app: LocalApp) -> None:
    assert app.call("many", count=12) == [number + 2 for number in range(12)]


def test_endpoints_that_call_each_other_do_not_wait_for_ever(app: LocalApp) -> None:
    assert app.call("even", number=7) is False
    assert asyncio.run(app.call_async("odd", number=5)) is True


def test_many_callers_at_once_get_their_own_answers(app: LocalApp) -> None:
    def one(number: int) -> Any:
        return app.call("stock", order={"items": [{"name": "a", "count": number}]})

    with ThreadPoolExecutor(8) as pool:
        assert [answer["items"][0]["count"] for answer in pool.map(one, range(24))] == [
            number + 2 for number in range(24)
        ]


def test_a_generator_that_fails_gives_the_items_before_its_error(app: LocalApp) -> None:
    assert list(app.stream("numbers", count=2)) == [0, 1]
    found: list[int] = []
    with pytest.raises(RemoteError, match="three"):
        for number in app.stream("numbers", count=5):
            found.append(number)
    assert found == [0, 1, 2]

    async def gather() -> list[int]:
        return [number async for number in app.stream_async("numbers", count=3)]

    assert asyncio.run(gather()) == [0, 1, 2]


def test_a_route_is_served_by_fastapi_and_its_traceback_is_printed(
    app: LocalApp, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = app.request("api", "POST", "/orders/tea", json={"count": 4})
    assert answer.json() == {"count": 6}
    assert app.request("api", "POST", "/orders/tea", json={"count": "x"}).status_code == 422
    assert app.request("api", "GET", "/broken").status_code == 500
    assert "broken on purpose" in capsys.readouterr().err
    answer = asyncio.run(app.request_async("api", "POST", "/orders/tea", json={}))
    assert answer.json() == {"count": 3}


def test_a_compressed_answer_of_a_route_is_decompressed_once(app: LocalApp) -> None:
    answer = app.request("api", "GET", "/packed")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json() == [1, 2]


def test_an_error_shows_the_files_of_the_project(app: LocalApp, shop: Any) -> None:
    with pytest.raises(RemoteError) as caught:
        app.call("stock", order={"items": []})
    error = caught.value
    assert (error.endpoint, error.function) == ("stock", "take")
    assert error.remote_type == "lib.records.SoldOut"
    assert str(shop.workspace.root / "stock.py") in error.remote_traceback
    assert error.remote_traceback in str(error.__cause__)


def test_methods_are_called_by_name_and_as_the_test_imports_them(
    app: LocalApp, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(shop.workspace.root))
    monkeypatch.setenv("FLASH_RESOURCE_NAME", "")
    before = set(sys.modules)
    try:
        counter = importlib.import_module("shop_counter")
        item, kind = counter.Item, counter.Counter
        assert app.call(kind.add, item("tea", 2)) == item("tea-", 2)
        assert app.call(kind().add, item("tea", 3), method="double") == item("teadouble", 5)
        assert app.call(kind.double, 4) == app.call("counter.double", 4) == 8
        assert app.call(kind.title) == app.call("counter.title") == "Counter"
        assert app.call(kind.plain, number=7) == app.call("counter.plain", number=7) == 7
        assert app.call("counter.add", item={"name": "a"}) == {"name": "a-", "count": 6}
        with pytest.raises(TypeError, match="argument 'item'"):
            app.call(kind.add, object())
        with pytest.raises(UnknownTarget, match="no endpoint of the app runs"):
            app.call(item)
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]
    with pytest.raises(UnknownTarget, match=r'has several methods; write "counter\.'):
        app.call("counter", number=1)


def test_wrong_arguments_and_names_are_said(app: LocalApp) -> None:
    with pytest.raises(RemoteError, match="lacks 'order'"):
        app.call("stock")
    with pytest.raises(UnknownTarget, match="did you mean 'stock'"):
        app.call("stoc")
    with pytest.raises(UnknownTarget, match="no method 'x'"):
        app.call("stock.x")
    with pytest.raises(TypeError, match="has routes"):
        app.call("api")
    with pytest.raises(TypeError, match="takes 1 arguments by position"):
        app.call("stock", 1, 2)


def test_closing_leaves_no_module_and_no_finder(shop: Any) -> None:
    before, finders = set(sys.modules), list(sys.meta_path)
    app = LocalApp(shop)
    app.call("front", names=["tea"])
    app.close()
    left = {name for name in set(sys.modules) - before if name.startswith("<")}
    assert (left, sys.meta_path) == (set(), finders)
    app.call("front", names=["tea"])  # it starts again
    assert len(app.module("stock", "lib.state").seen) == 1
    app.close()


def test_an_endpoint_whose_module_fails_says_why(tmp_path: Path) -> None:
    files = {
        "worker.py": "import os\nfrom flashc import Endpoint\nprint(1 / len(os.environ.get('NOT_SET', '')))\n"
        "@Endpoint(name='x', cpu='cpu3c-1-2')\ndef f():\n    return 1\n"
    }
    app = LocalApp(unpack_app(write(tmp_path / "p", files), tmp_path / "t"))
    with pytest.raises(DidNotStart, match="ZeroDivisionError"):
        app.call("x")
    app.close()
    assert not [name for name in sys.modules if name.startswith("<x>")]


def test_a_project_with_errors_is_not_built(tmp_path: Path) -> None:
    files = {"worker.py": "from flashc import Endpoint\n@Endpoint(nam='x')\ndef f(): ...\n"}
    with pytest.raises(NotBuilt, match=r"error\[FC1"):
        unpack_app(write(tmp_path / "p", files), tmp_path / "t")


@pytest.mark.parametrize("name", ["skeleton", "pipeline"])
def test_the_examples_answer_as_on_the_local_platform(name: str, tmp_path: Path) -> None:
    app = LocalApp(unpack_app(EXAMPLES / name, tmp_path / "tree"))
    for call in json.loads((EXAMPLES / name / "calls.json").read_text(encoding="utf-8")):
        if "job" in call:
            answer = app.run_job(call["job"], "", call["input"])
        else:
            answer = app.request(
                call["route"], call["method"], call["path"], json=call.get("body")
            ).json()
        assert answer == call["answer"]
    app.close()

"""What may well work is never called an error: values from outside, classes that build themselves, streams."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest

from flashc_core.source import Span
from flashc_ir.program import Resource
from tests.support.projects import compile_files

HEAD = "import os\nimport lib\nfrom runpod_flash import Endpoint\n"
WORKER = """
@Endpoint(name="w", dependencies=["lib"])
async def run(x: int):
    return x
"""


@pytest.mark.parametrize(
    "text",
    [
        "x = next(lib.numbers)",
        "x = list(enumerate([1], lib.START))",
        "x = [1]\nx[lib.INDEX] = 2",
        "class Counter:\n    def __next__(self): return 1\nx = next(Counter())",
        "class One:\n    def __new__(cls, n): return object.__new__(cls)\nx = One(1)",
        "class Meta(type):\n    def __call__(cls, n): return n\nclass A(metaclass=Meta): pass\nx = A(1)",
        "from dataclasses import KW_ONLY, dataclass\n@dataclass\nclass P:\n    _: KW_ONLY\n    a: int\nx = P(a=1)",
        "x = {'prod': 1}[os.getenv('STAGE', 'dev')]",
        "assert os.getenv('KEY_OF_A_WORKER')",
        "if not os.getenv('KEY_OF_A_WORKER'):\n    raise RuntimeError('no key')",
        "x = [1][int(os.getenv('INDEX', '3'))]",
    ],
)
def test_an_import_that_may_work_is_no_error(text: str, tmp_path: Path) -> None:
    assert compile_files(tmp_path, {"worker.py": f"{HEAD}{text}\n{WORKER}"}).codes == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x = 1\ntry:\n    lib.load()\n    x = 2\nexcept OSError:\n    pass\n", ["FC104"]),
        ("try:\n    x = lib.load()\nexcept OSError:\n    x = 1\n", ["FC104"]),
        ("try:\n    import lib as other\n    x = 1\nexcept ImportError:\n    x = 2\n", []),
    ],
)
def test_what_stands_under_try_is_known_only_if_nothing_can_fail(
    body: str, expected: list[str], tmp_path: Path
) -> None:
    worker = WORKER.replace('"w"', 'f"w{x}"')
    assert compile_files(tmp_path, {"worker.py": f"{HEAD}{body}{worker}"}).codes == expected


@pytest.mark.parametrize(
    ("definition", "use", "expected"),
    [
        ("def items(n: int):\n    yield n", "for i in items(x): print(i)", ["FC327"]),
        ("def items(n: int):\n    yield n", "await items(x)", ["FC314"]),
        ("async def items(n: int):\n    yield n", "async for i in items(x): print(i)", []),
        ("async def items(n: int):\n    yield n", "await items(x)", ["FC314"]),
    ],
)
def test_a_stream_is_iterated_over_not_awaited(
    definition: str, use: str, expected: list[str], tmp_path: Path
) -> None:
    worker = WORKER.replace("return x", use)
    callee = f'@Endpoint(name="items")\n{definition}\n'
    assert compile_files(tmp_path, {"worker.py": HEAD + callee + worker}).codes == expected


def test_a_comment_needs_no_blank(tmp_path: Path) -> None:
    worker = WORKER.replace("import", "").replace('["lib"])', '["lib"])#flashc:ignore[FC310]')
    assert compile_files(tmp_path, {"worker.py": HEAD + worker}).codes == ["FC902"]


def test_a_name_that_is_bound_again_calls_nothing_for_certain(tmp_path: Path) -> None:
    body = (
        "    from box import Box as chosen\n    made = chosen()\n    await made.work(x)\n"
        "    from one import run_1 as chosen\n    return await chosen(x)\n"
    )
    files = {
        "box.py": f"{HEAD}@Endpoint(name='box')\nclass Box:\n    async def work(self, x): return x\n",
        "one.py": f"{HEAD}@Endpoint(name='one')\nasync def run_1(x): return x\n",
        "two.py": f"{HEAD}@Endpoint(name='two', dependencies=['lib'])\nasync def run_2(x):\n{body}",
    }
    compiled = compile_files(tmp_path, files)
    assert compiled.codes == []
    assert compiled.valid.callees()["two"] == [Resource("box"), Resource("one")]


def test_a_name_that_leads_to_one_thing_by_two_ways_calls_it(tmp_path: Path) -> None:
    body = (
        "    try:\n        from one import run_1\n    except ImportError:\n        from again import run_1\n"
        "    return await run_1()\n"
    )
    files = {
        "one.py": f"{HEAD}@Endpoint(name='one')\nasync def run_1(x): return x\n",
        "again.py": "from one import run_1\n",
        "two.py": f"{HEAD}@Endpoint(name='two', dependencies=['lib'])\nasync def run_2(x):\n{body}",
    }
    assert set(compile_files(tmp_path, files).codes) == {"FC307"}


def test_only_an_endpoint_that_decorates_inside_a_function_is_reported(tmp_path: Path) -> None:
    worker = (
        "from runpod_flash import Endpoint, NetworkVolume\n\n"
        "def later():\n"
        "    @NetworkVolume(name='v', size=10)\n"
        "    def stored(): return 1\n"
        "    @Endpoint(name='inner')\n"
        "    def inner(): return 1\n\n"
        "@Endpoint(name='w')\n"
        "async def run(x: int): return x\n"
    )
    found = compile_files(tmp_path, {"worker.py": worker})
    assert found.codes == ["FC120"]
    location = found.found("FC120").location
    assert isinstance(location, Span)
    assert location.line == 6


IN_FUNCTION = {
    "from runpod_flash import Endpoint": "Endpoint",
    "from runpod_flash import Endpoint as Ep, GpuType": "Ep",
    "import runpod_flash": "runpod_flash.Endpoint",
    "import os, runpod_flash as rf": "rf.Endpoint",
    "try: from runpod_flash import Endpoint\n    except ImportError: return": "Endpoint",
}


@pytest.mark.parametrize("import_", IN_FUNCTION)
def test_so_is_one_whose_sdk_the_function_itself_imports(import_: str, tmp_path: Path) -> None:
    used = IN_FUNCTION[import_]
    body = (
        f"    {import_}\n    @{used}(name='inner')\n    def inner(): return 1\n    return inner\n"
    )
    worker = (
        "from runpod_flash import Endpoint\n@Endpoint(name='w')\nasync def run(x: int): return x\n"
    )
    for tools in (
        f"def later():\n{body}",
        "class A:\n" + indent(f"def later(self):\n{body}", "  "),
    ):
        found = compile_files(tmp_path, {"worker.py": worker, "tools.py": tools})
        assert found.codes == ["FC120"]


def test_a_name_that_another_function_imports_declares_nothing(tmp_path: Path) -> None:
    tools = (
        "def later():\n"
        "    from runpod_flash import Endpoint as Ep\n"
        "    return Ep(id='a')\n\n"
        "def other(Ep):\n"
        "    @Ep(name='inner')\n"
        "    def inner(): return 1\n"
    )
    worker = (
        "from runpod_flash import Endpoint\n@Endpoint(name='w')\nasync def run(x: int): return x\n"
    )
    assert compile_files(tmp_path, {"worker.py": worker, "tools.py": tools}).codes == []


def test_a_decorator_of_a_route_may_give_it_the_parameters_of_the_path(tmp_path: Path) -> None:
    route = (
        'api = Endpoint(name="api", cpu="cpu3c-1-2", dependencies=["lib"])\n'
        '@api.get("/items/{item}")\n{decorator}async def items(): return 1\n'
    )
    found = {
        decorator: compile_files(
            tmp_path / str(len(decorator)),
            {"worker.py": HEAD + route.replace("{decorator}", decorator)},
        ).codes
        for decorator in ("", "@lib.with_item\n")
    }
    assert found == {"": ["FC206"], "@lib.with_item\n": []}

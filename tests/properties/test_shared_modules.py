"""Law: modules whose names several workers share have the same results as modules evaluated for each worker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flashc.evaluator.machine import Machine
from flashc.frontend.shared_modules import SharedModules
from flashc_core.diagnostics import Diagnostic
from flashc_ir.program import Program
from tests.support.profiles import examples
from tests.support.projects import compile_workspace, opened, write

# What a module may do that is no worker module: `first` imports nothing, the others import it too.
PLAIN = [
    "NAMES = ['a', 'b']",
    "SIZES = {'small': 1, 'large': [2, 3]}",
    "COUNT = len('abc') * 2",
    "GPUS = [GpuType.NVIDIA_L4]",
    "VOLUME = NetworkVolume(name='data', size=50)",
    "def label(task, *, made=[]):\n    made.append(task)\n    return f'{task}-{len(made)}'",
    "def more():\n    global COUNT\n    COUNT += 1\n    return COUNT",
    "class Settings:\n    size = 3\n    names = ['n']\n    def __init__(self):\n        self.gpus = [1]",
    "SETTINGS = Settings()",
    "EACH = (name for name in 'xyz')",
    "@functools.cache\ndef cached(x):\n    return [x]",
    "MODE = os.environ.get('MODE', 'fast')",
    "os.environ['MODE'] = 'slow'",
    "print(NAMES)",
    "TEXT = Path(__file__).with_name('data.txt').read_text()",
    "unknown.register(NAMES)",
    "NAMES.append('c')",
    "raise ValueError('no')",
    "pair = (NAMES, SIZES)",
    "double = lambda x, y=NAMES: [x, *y]",
    "shared = Endpoint(name='shared', cpu='cpu3c-1-2')",
]
IMPORTS = [
    "import first",
    "from first import *",
    "from first import NAMES",
    "import first as one\none.NAMES.append('by ' + __name__)",
    "from first import SIZES\nSIZES['large'].append(4)",
    "import second",
    "from second import *",
    "import sys\nsys.modules['first'].COUNT = 7",
]
# What a worker does with what it imported; the result is the name of its endpoint.
USES = [
    "name = '-'.join(first.NAMES)",
    "first.NAMES.append('w')",
    "first.SETTINGS.gpus.append(2)",
    "first.Settings.names.append('m')",
    "first.VOLUME.size = 70",
    "first.COUNT = 5",
    "name = f'count-{first.COUNT}'",
    "name = f'sizes-{len(first.SIZES[\"large\"])}'",
    "name = first.label('task')",
    "name = f'more-{first.more()}'",
    "name = f'each-{next(first.EACH)}'",
    "first.cached(1).append(2)",
    "name = f'cached-{len(first.cached(1))}'",
    "unknown.register(first.NAMES)",
    "name = f'settings-{len(first.SETTINGS.gpus)}-{len(first.Settings.names)}'",
    "name = f'double-{len(first.double(1))}'",
    "name = f'pair-{len(first.pair[0])}'",
    "os.environ['MODE'] = 'other'",
    "name = f'mode-{first.MODE}'",
    "try:\n    import second\nexcept Exception:\n    name = 'failed'",
    "second.LIST.append(1)",
    "name = f'second-{len(second.LIST)}'",
    "extra = {'volume': first.VOLUME}",
    "extra = {'gpu': first.GPUS}",
]
HEAD = """import functools, os
from pathlib import Path
import unknown
from runpod_flash import Endpoint, GpuType, NetworkVolume
"""
WORKER = """
extra = {{}}
name = 'w{number}'
import first
print(first.__name__)
{body}
@Endpoint(name=name, **extra)
async def run_{number}(x: int) -> int:
    return x
"""


@st.composite
def projects(draw: st.DrawFn) -> dict[str, str]:
    """Draw plain modules, and workers that import and perhaps change them."""
    some = st.lists(st.sampled_from(PLAIN), max_size=8)
    imports = st.lists(st.sampled_from(IMPORTS[:5]), max_size=2)
    files = {
        "first.py": HEAD + "\n".join(draw(some)),
        "second.py": HEAD + "\n".join(["LIST = []", *draw(imports), *draw(some)]),
        "data.txt": "text",
    }
    uses = st.lists(st.sampled_from([*USES, *IMPORTS]), max_size=5)
    same = draw(uses)
    for number in range(draw(st.integers(2, 5))):
        body = "\n".join(draw(st.one_of(st.just(same), uses)))
        files[f"w{number}.py"] = HEAD + WORKER.format(number=number, body=body)
    return files


@contextmanager
def nothing_shared() -> Iterator[None]:
    """Evaluate each module for each worker in the block."""
    with patch.object(SharedModules, "get", lambda *_: None):
        yield


def compiled(root: Path) -> tuple[Program | None, tuple[Diagnostic, ...]]:
    result = compile_workspace(opened(root, None))
    return result.program, result.diagnostics


def check(files: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder).resolve() / "app", files)
        found = compiled(root)
        with nothing_shared():
            assert found == compiled(root)


@given(files=projects())
@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
def test_sharing_changes_no_result(files: dict[str, str]) -> None:
    check(files)


def workers(plain: str, *bodies: str) -> dict[str, str]:
    """Return a project with `first.py`, and a worker for each body."""
    files = {"first.py": HEAD + plain}
    for number, body in enumerate(bodies):
        files[f"w{number}.py"] = HEAD + WORKER.format(number=number, body=body)
    return files


def taken(files: dict[str, str], folder: Path) -> int:
    """Return how often a worker took a shared module when a project was compiled."""
    results: list[bool] = []
    take = Machine._take_shared

    def counting(machine: Machine, name: str) -> bool:
        results.append(take(machine, name))
        return results[-1]

    with patch.object(Machine, "_take_shared", counting):
        compile_workspace(opened(write(folder, files), None))
    return results.count(True)


@pytest.mark.parametrize(
    "plain",
    [
        *("COUNT = 1", "NAMES = ['a']", "SIZES = {1: [2]}", "GPUS = [GpuType.NVIDIA_L4]"),
        *("def f(): return 1", "class A: size = 3", "VOLUME = NetworkVolume(name='d', size=9)"),
    ],
)
def test_a_module_that_only_defines_names_is_evaluated_once_more_and_then_shared(
    plain: str, tmp_path: Path
) -> None:
    assert taken(workers(plain, "", "", "", ""), tmp_path) == 3


@pytest.mark.parametrize(
    "plain",
    [
        *("if os.environ.get('MODE') == 'x': A = 1", "os.environ['A'] = 'b'", "raise ValueError"),
        *("unknown.register([])", "EACH = (x for x in 'ab')", "import w0"),
        *("T = Path(__file__).read_text()", "e = Endpoint(name='e', cpu='cpu3c-1-2')"),
        "@functools.cache\ndef f(): return []",
    ],
)
def test_a_module_that_does_more_is_evaluated_for_each_worker(plain: str, tmp_path: Path) -> None:
    assert taken(workers(plain, "", "", "", ""), tmp_path) == 0


def test_a_module_that_a_worker_has_changed_is_shared_no_more(tmp_path: Path) -> None:
    changes = "first.NAMES.append('w')"
    assert taken(workers("NAMES = []", "", "", changes, "", ""), tmp_path) == 2

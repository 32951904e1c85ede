"""The findings on calls and import cycles name the function, the values and the modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import compile_files

HEAD = "from runpod_flash import Endpoint\n\n"
FUNCTION = f"{HEAD}@Endpoint(name='one')\nasync def first(a, b=1): return a\n"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("await first(1, 2, 3)", "`first` takes at most 2 positional arguments; the call has 3"),
        ("await first(1, a=2)", "the call gives `first` two values for `a`"),
        ("await first(1, c=2)", "`first` does not take a keyword argument `c`"),
        (
            "first(1) + 1",
            "the call of `first` is not awaited, and the coroutine is used as if it were the result",
        ),
    ],
)
def test_a_call(call: str, message: str, tmp_path: Path) -> None:
    caller = (
        f"@Endpoint(name='two')\nasync def run(x):\n    from one import first\n    return {call}\n"
    )
    compiled = compile_files(tmp_path, {"one.py": FUNCTION, "two.py": HEAD + caller})
    assert [finding.message for finding in compiled.diagnostics] == [message]


def test_each_label_of_an_import_cycle_names_the_imported_module(tmp_path: Path) -> None:
    files = {
        "one.py": f"{FUNCTION}from two import x\n",
        "two.py": "from three import x\n",
        "three.py": "from one import first\nx = 1\n",
    }
    (finding,) = compile_files(tmp_path, files).diagnostics
    assert {label.text for label in finding.secondary} == {
        "`two` imports `three` here",
        "`three` imports `one` here",
    }

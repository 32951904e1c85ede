"""Annotations of stub modules: which modules are imported for them, and what happens if one can't be."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flashc_backends.runtime import sending
from flashc_backends.runtime.errors import RemoteError

SHAPES = """
from dataclasses import dataclass

@dataclass
class Box:
    width: int
"""
TARGET = """
import no_such_framework
from shapes import Box

class Own:
    pass
"""
STUBS = """
from __future__ import annotations
from flashc_backends.runtime.dispatch import endpoint_function

NAMES = {"Shape": "shapes:Box", "sh": "shapes", "package": "package.inner", "Gone": "shapes:Gone"}

@endpoint_function("gpu", "target_module")
async def area(box: Shape, other: sh.Box = ...) -> dict[str, Shape]: ...

@endpoint_function("gpu", "target_module")
async def inner(x: int) -> package.inner.Box: ...

@endpoint_function("gpu", "target_module")
async def own(x: int) -> Own: ...

@endpoint_function("gpu", "target_module")
async def gone(x: Gone) -> list[int]: ...
"""


@pytest.fixture
def stubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    files = {
        "shapes.py": SHAPES,
        "target_module.py": TARGET,
        "stub_module.py": STUBS,
        "package/__init__.py": "",
        "package/inner.py": SHAPES,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("FLASH_RESOURCE_NAME", "front")
    before = set(sys.modules)
    yield __import__("stub_module")
    for name in set(sys.modules) - before:
        del sys.modules[name]


def answered(
    monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any], output: Any
) -> tuple[Any, dict[str, Any]]:
    """The result of a call, and what it sent, if the endpoint answers with `output`."""
    sent: list[dict[str, Any]] = []

    async def send_async(job: Any) -> Any:
        sent.append(job.payload)
        return output

    monkeypatch.setattr(sending, "send_async", send_async)
    coroutine = call()
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value, sent[0]
    raise RemoteError("the call waits")


def test_classes_are_found_where_the_target_imports_them(
    stubs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    result, _ = answered(monkeypatch, lambda: stubs.area({"width": 1}), {"a": {"width": "2"}})
    assert repr(result) == "{'a': Box(width=2)}"
    box = result["a"]
    _, sent = answered(monkeypatch, lambda: stubs.area(box, other=box), {})
    assert sent == {"box": {"width": 2}, "other": {"width": 2}}
    result, _ = answered(monkeypatch, lambda: stubs.inner(1), {"width": 3})
    assert type(result).__module__ == "package.inner"
    assert "target_module" not in sys.modules


def test_a_class_whose_module_can_not_be_imported_here_stays_plain_json(
    stubs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(RuntimeWarning, match="Own can't be imported here.*no_such_framework"):
        result, sent = answered(monkeypatch, lambda: stubs.own("5"), {"x": 1})
    assert (result, sent) == ({"x": 1}, {"x": "5"})
    result, _ = answered(monkeypatch, lambda: stubs.gone({"y": 1}), [1])
    assert result == [1]

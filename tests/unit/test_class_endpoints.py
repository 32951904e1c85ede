"""What a class endpoint offers, and what its constructor needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_ir.endpoints import QueueClass
from tests.support.projects import compile_files

CLASS = """
from dataclasses import dataclass, field
from functools import cached_property
from runpod_flash import Endpoint

class Base:
    def first(self): return 1
    def second(self): return 2

{decorators}
class Model(Base):
{body}
    def third(self): return 3

Endpoint(name="model", cpu="cpu3c-1-2")(Model)
"""


@pytest.mark.parametrize(
    ("body", "methods"),
    [
        ("    pass", ["first", "second", "third"]),
        ("    def first(self): return 0", ["first", "second", "third"]),
        ("    first = 1", ["second", "third"]),
        ("    @property\n    def first(self): return 0", ["second", "third"]),
        ("    @cached_property\n    def second(self): return 0", ["first", "third"]),
        ("    def _own(self): return 0", ["first", "second", "third"]),
    ],
    ids=["inherited", "overridden", "a constant", "a property", "a cached property", "private"],
)
def test_the_public_methods_are_those_that_an_object_has(
    tmp_path: Path, body: str, methods: list[str]
) -> None:
    text = CLASS.format(decorators="", body=body)
    (endpoint,) = compile_files(tmp_path, {"worker.py": text}).valid.endpoints
    assert isinstance(endpoint, QueueClass)
    assert [method.name for method in endpoint.methods] == methods


@pytest.mark.parametrize(
    ("field", "missing"),
    [
        ("int", True),
        ("int = 1", False),
        ("int = field()", True),
        ("int = field(default=1)", False),
        ("list = field(default_factory=list)", False),
        ("int = field(init=True)", True),
        ("int = field(init=True, default=1)", False),
        ("int = field(init=False)", False),
    ],
)
def test_a_field_without_a_default_is_missing(tmp_path: Path, field: str, missing: bool) -> None:
    text = CLASS.format(decorators="@dataclass", body=f"    size: {field}")
    codes = compile_files(tmp_path, {"worker.py": text}).codes
    assert ("FC211" in codes) == missing

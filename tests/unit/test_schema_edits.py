"""A cache filled by one state of a project has no old schemas: an edit of any class that one needs is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flashc_backends.contracts.documents import document_of
from flashc_core.cache import Store
from flashc_ir.program import Program
from tests.support.projects import compile_workspace, opened, write

FILES = {
    "worker.py": (
        "from flashc import Endpoint\nfrom models import Item\n\n"
        "@Endpoint(name='w', cpu='cpu3c-1-2')\nasync def run(item: Item) -> Item: ...\n"
    ),
    "models.py": (
        "from __future__ import annotations\nfrom pydantic import BaseModel\nfrom base import Limit\n"
        "import deep\n\nclass Item(BaseModel):\n    a: Limit\n    b: deep.Other\n"
        "    c: 'list[deep.Third]'\n    d: deep.Kind = deep.Kind.ONE\n"
    ),
    "base.py": (
        "from typing import Annotated\nfrom pydantic import Field\n\n"
        "Limit = Annotated[int, Field(ge=1)]\n"
    ),
    "deep.py": (
        "from enum import Enum\nfrom typing import TypedDict\n\nclass Kind(Enum):\n    ONE = 'one'\n\n"
        "class Other(TypedDict):\n    x: int\n\nclass Third(TypedDict):\n    y: 'Fourth'\n\n"
        "class Fourth(TypedDict):\n    z: int\n"
    ),
}
EDITS = (
    ("base.py", "ge=1", "ge=7"),
    ("deep.py", "x: int", "x: str"),
    ("deep.py", "z: int", "z: bytes"),
    ("deep.py", "'one'", "'two'"),
    ("deep.py", "Third(TypedDict)", "Third(TypedDict, total=False)"),
    ("models.py", "a: Limit", "a: Limit | None = None"),
)


def text(program: Program) -> str:
    (endpoint,) = program.code_endpoints
    return json.dumps(document_of(endpoint))


@pytest.mark.parametrize(("path", "before", "after"), EDITS)
def test_an_edit_of_a_class_is_seen(path: str, before: str, after: str, tmp_path: Path) -> None:
    root, store = write(tmp_path / "project", FILES), Store(folder=tmp_path / "cache")
    first = text(compile_workspace(opened(root, store)).valid)
    assert text(compile_workspace(opened(root, store)).valid) == first
    write(root, {path: FILES[path].replace(before, after)})
    cached = text(compile_workspace(opened(root, store)).valid)
    assert cached == text(compile_workspace(opened(root)).valid)
    assert cached != first

"""Annotations that have no end, name nothing, or are no types: any data with a note, and never a failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from flashc_backends.contracts.client import drafts_of
from flashc_backends.contracts.documents import document_of
from flashc_backends.contracts.openapi import document_of as openapi_of
from tests.support.projects import compile_files

# They compile many projects, which measuring makes two to three times slower.
pytestmark = pytest.mark.no_cover

HEAD = """
from __future__ import annotations
import dataclasses, functools, typing
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, Self, TypedDict, TypeVar, Union
from pydantic import BaseModel, Field, conint
from flashc import Endpoint

T = TypeVar("T")
JSON = "dict[str, JSON] | int"
Tree = dict[str, "Tree"]
Selfish = "Selfish"
Either = Union["Either", int]

@dataclasses.dataclass
class Grow(Generic[T]):
    one: "Grow[list[T]] | None" = None
    two: "Grow[dict[str, T]] | None" = None

class Itself(BaseModel):
    it: Itself

class Pair(NamedTuple):
    next: Optional["Pair"] = None

class Strange(Generic[T], "text"):
    a: int

class Lost(BaseModel):
    a: gone.Thing
    b: "not valid("
    c: Annotated[int, Field(ge=unknown)]
    d: Literal[unknown]
"""
ODD = (
    "JSON", "Tree", "Selfish", "Either", "Grow[int]", "Itself", "Pair", "Strange[int]", "Lost", "'['", "5", "[int]",
    "(int, str)", "int[str]", "list[...]", "dict[int]", "tuple[...]", "Literal[...]", "Annotated[int]", "Optional[int, str]",
    "Union[()]", "typing.Callable[..., int]", "lambda: 1", "conint(ge=unknown)", "Self", "type", "functools.partial[int]",
    "Enum", "T", "Generic[T]", "BaseModel", "TypedDict", "list['list[\"list[int]\"]']", "int | 'str' | None",
    "{'a': int}", "not int", "list[int]()", "'" + "list[" * 60 + "int" + "]" * 60 + "'",
    " | ".join(["int"] * 200), "typing.ClassVar[int]", "...", "None", "True", "''", "Any | None",
)  # fmt: skip


@pytest.mark.parametrize("annotation", ODD)
def test_an_odd_annotation_has_a_document(annotation: str, tmp_path: Path) -> None:
    source = f"{HEAD}\n@Endpoint(name='w', cpu='cpu3c-1-2')\ndef run(a: {annotation}) -> {annotation}: ...\n"
    compiled = compile_files(tmp_path, {"w.py": source})
    if compiled.program is None:
        return  # the annotation is reported
    (endpoint,) = compiled.program.code_endpoints
    validate(openapi_of(endpoint, compiled.program))
    assert len(json.dumps(document_of(endpoint))) < 200_000
    for draft in drafts_of(compiled.program):
        if draft.path.endswith(".py"):
            compile(draft.read(), draft.path, "exec")

"""The law of routes: the IR says that an argument travels where FastAPI itself takes it from."""

from __future__ import annotations

import sys
import tempfile
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import params
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import (
    _get_flat_body_params,
    _should_embed_body_fields,
    get_dependant,
)
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flashc_backends.runtime import placement, routes
from flashc_backends.runtime.place import Place
from flashc_ir.endpoints import LoadBalanced, Route
from tests.support.profiles import examples
from tests.support.projects import Compiled, compile_files

SHAPES = """
import dataclasses, enum
from typing import Annotated, Any, Generic, NamedTuple, Optional, TypeVar
from fastapi import Cookie, Depends, Header, Query
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

T = TypeVar("T")

class Colour(str, enum.Enum):
    RED = "red"

class Rights(enum.Flag):
    READ = 1

class Item(BaseModel):
    name: str

class Special(Item):
    level: int = 1

class Page(BaseModel, Generic[T]):
    of: T

@dataclasses.dataclass
class Point:
    x: int

class Pair(NamedTuple):
    left: int

class Size(TypedDict):
    width: int

Positive = Annotated[int, Field(ge=1)]
Token = Annotated[str, Header(alias="X-Token")]
Wanted = Annotated[list[int], Query()]
Maybe = Optional[Item]
Numbers = list[int]

def paging(skip: int = 0, limit: int = Query(5, le=100), mark: Annotated[str, Cookie()] = "m"):
    return [skip, limit, mark]

def nested(page: list = Depends(paging), key: str = Header("k")):
    return page

class Checker:
    def __init__(self, n: int = 1, token: Token = "t"):
        self.n = n

def with_body(more: Annotated[Item, "note"]):
    return more
"""
HEAD = """
import collections, collections.abc, datetime, decimal, pathlib, shapes, typing, uuid
from typing import Annotated, Any, Dict, List, Literal, Mapping, Optional, Sequence, Union
from fastapi import BackgroundTasks, Body, Cookie, Depends, File, Form, Header, Path, Query, Request, Response
from fastapi import Security, UploadFile
from pydantic import BaseModel, EmailStr, Field
from runpod_flash import Endpoint
from shapes import Checker, Colour, Item, Maybe, Numbers, Page, Pair, Point, Positive, Rights, Size, Special
from shapes import Token, Wanted, nested, paging, with_body

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=(1, 2))
"""
SCALARS = (
    "int", "float", "bool", "str", "Any", "Colour", "datetime.datetime", "datetime.date", "uuid.UUID",
    "decimal.Decimal", "Positive", "Literal['a', 1]", "Annotated[int, Field(gt=0)]", "Annotated[str, 'note']",
    "pathlib.Path", "Optional[int]", "int | None", "Union[int, str]", "'int'", "bytes | None",
)  # fmt: skip
OTHERS = (
    "list[int]", "List[str]", "dict", "dict[str, int]", "Dict[str, Item]", "tuple[int, ...]", "set[int]",
    "frozenset[str]", "Sequence[int]", "Mapping[str, int]", "collections.deque[int]", "Item", "Special",
    "shapes.Item", "Page[int]", "Point", "Pair", "Size", "Optional[Item]", "Item | None", "list[Item]",
    "'Item'", "list['Item']", "Maybe", "Numbers", "Item | Special", "list[int] | None", "list", "bytes",
    "UploadFile", "list[UploadFile]", "Annotated[Item, 'note']", "Annotated[list[int], Field(max_length=3)]",
)  # fmt: skip
MARKED = (
    "Annotated[int, Query()]", "Annotated[list[int], Query()]", "Annotated[str | None, Header()]",
    "Annotated[str, Header(alias='X-A')]", "Annotated[str, Header(convert_underscores=False)]",
    "Annotated[str, Cookie()]", "Annotated[int, Body()]", "Annotated[int, Body(embed=True)]",
    "Annotated[Item, Body()]", "Annotated[Item, Body(embed=True)]", "Annotated[Item, Query()]",
    "Annotated[Item | None, Query()]", "Annotated[Item, Header()]", "Annotated[Item, Cookie()]",
    "Annotated[str, Form()]", "Annotated[list[str], Form()]", "Annotated[Item, Form()]",
    "Annotated[bytes, File()]", "Annotated[list[bytes], File()]", "Token", "Wanted",
    "Annotated[list[str], Depends(nested)]", "Annotated[Checker, Depends()]",
    "Annotated[list, Security(paging)]", "Annotated[Item, Depends(with_body)]",
)  # fmt: skip
MADE = ("Request", "Response", "BackgroundTasks")
DEFAULTS = (
    "Query()", "Query(3, alias='other')", "Header()", "Header('h', alias='X-B')", "Cookie('c')", "Body()",
    "Body(1, embed=True)", "Form()", "File()", "Depends(paging)", "Depends(nested)", "Security(paging)", "None", "1",
)  # fmt: skip


@st.composite
def signatures(draw: st.DrawFn) -> tuple[str, str, str]:
    """A method, a path, and the text of parameters."""
    method = draw(st.sampled_from(["get", "post", "put", "patch", "delete"]))
    listed: list[str] = []
    path = "/route"
    for index in range(draw(st.integers(1, 4))):
        name = draw(st.sampled_from(["item", "x_name", "n", "_private"])) + str(index)
        sort = draw(
            st.sampled_from(["scalar", "other", "marked", "made", "default", "path", "bare"])
        )
        if sort == "path":
            path += f"/{{{name}}}"
            listed.append(f"{name}: {draw(st.sampled_from(SCALARS[:8]))}")
        elif sort == "default":
            kind = draw(st.sampled_from(("int", "str", "list[str]", "bytes", "Item")))
            listed.append(f"{name}: {kind} = {draw(st.sampled_from(DEFAULTS))}")
        elif sort == "bare":
            listed.append(name)
        else:
            choices = {"scalar": SCALARS, "other": OTHERS, "marked": MARKED, "made": MADE}[sort]
            listed.append(f"{name}: {draw(st.sampled_from(choices))}")
    return method, path, "*, " + ", ".join(listed)


def compiled_files(files: dict[str, str]) -> Compiled:
    """A compiled project."""
    with tempfile.TemporaryDirectory() as folder:
        return compile_files(Path(folder), files)


def route_of(compiled: Compiled) -> Route:
    """The only route of a project."""
    (endpoint,) = compiled.valid.endpoints
    assert isinstance(endpoint, LoadBalanced)
    return endpoint.routes[0]


@contextmanager
def loaded(files: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The names of the module `worker`, whose endpoint leaves functions as they are."""

    class Plain:
        def __init__(self, **options: Any) -> None: ...

        def __getattr__(self, name: str) -> Any:
            return lambda path: lambda function: function

    sdk, shapes = types.ModuleType("runpod_flash"), types.ModuleType("shapes")
    sdk.Endpoint = Plain  # type: ignore[attr-defined]
    kept = {name: sys.modules.get(name) for name in ("runpod_flash", "shapes", "worker")}
    worker = types.ModuleType("worker")
    sys.modules.update(runpod_flash=sdk, shapes=shapes, worker=worker)
    try:
        exec(files["shapes.py"], vars(shapes))
        exec(files["worker.py"], vars(worker))
        yield vars(worker)
    finally:
        for name, module in kept.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def taken(dependant: Dependant) -> dict[str, tuple[str, str]]:
    """Where FastAPI takes the arguments of a function from, without those of dependencies."""
    found = {
        field.name: (where, field.alias)
        for where, fields in (
            ("path", dependant.path_params),
            ("query", dependant.query_params),
            ("header", dependant.header_params),
            ("cookie", dependant.cookie_params),
        )
        for field in fields
    }
    for field in dependant.body_params:
        info = field.field_info
        where = "body"
        if isinstance(info, params.Form):
            where = "file" if isinstance(info, params.File) else "form"
        found[field.name] = (where, field.alias)
    return found


def in_one_form(found: dict[str, tuple[str, str]], everywhere: set[str]) -> dict[str, Any]:
    """The same; what is for the body travels in the form if there is one."""
    has_form = bool(everywhere & {"form", "file"})
    return {
        name: ("form" if where == "body" and has_form else where, alias)
        for name, (where, alias) in found.items()
    }


def of_dependencies(dependant: Dependant, prefix: str = "") -> dict[str, tuple[str, str]]:
    """Where FastAPI takes the arguments of dependencies from."""
    found: dict[str, tuple[str, str]] = {}
    for inner in dependant.dependencies:
        name = f"{prefix}{inner.name}."
        found |= {f"{name}{key}": place for key, place in taken(inner).items()}
        found |= of_dependencies(inner, name)
    return found


def accepted(path: str, call: Callable[..., Any]) -> Dependant | None:
    """What FastAPI makes of a function; None if it refuses it."""
    try:
        return get_dependant(path=path, call=call)
    except Exception:  # FastAPI refuses with errors and assertions of many kinds
        return None


@settings(
    max_examples=examples(150),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(signatures())
def test_the_ir_says_where_fastapi_takes_each_argument_from(drawn: tuple[str, str, str]) -> None:
    method, path, listed = drawn
    text = f'{HEAD}\n@api.{method}("{path}")\nasync def route({listed}): return 1\n'
    files = {"worker.py": text, "shapes.py": SHAPES}
    with loaded(files) as names:
        plain = accepted(path, names["route"])
        bound = accepted(path, routes._bound("api", method.upper(), path, names["route"]))
    compiled = compiled_files(files)
    assert ("FC214" in compiled.codes) == (bound is None), compiled.diagnostics
    if bound is None:
        return
    route = route_of(compiled)
    assert "unknown" not in {place.where for place in (*route.places, *route.needs)}, route.places
    said = {p.parameter: p for p in route.places}
    needs = of_dependencies(bound)
    everywhere = {where for where, _ in (*taken(bound).values(), *needs.values())}
    expected = in_one_form(taken(bound), everywhere)
    assert {
        routes._PRIVATE + name if p.by_flash and name.startswith("_") else name: (p.where, p.alias)
        for name, p in said.items()
        if p.where != "provided"
    } == expected
    assert {p.parameter: (p.where, p.alias) for p in route.needs} == needs
    bodies = {place.embed for place in route.places if place.where == "body"}
    assert bodies <= {_should_embed_body_fields(_get_flat_body_params(bound))}
    if plain is not None and not any(p.by_flash for p in route.places):
        assert in_one_form(taken(plain), everywhere) == expected


@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(signatures())
def test_a_worker_finds_the_same_places_as_the_compiler(drawn: tuple[str, str, str]) -> None:
    method, path, listed = drawn
    text = f'{HEAD}\n@api.{method}("{path}")\nasync def route({listed}): return 1\n'
    files = {"worker.py": text, "shapes.py": SHAPES}
    compiled = compiled_files(files)
    assume(compiled.program is not None)
    route = route_of(compiled)
    with loaded(files) as names:
        parameters = placement._typed_parameters(names["route"])
        found = placement.places_of(parameters, method.upper(), path)
    assert found == {
        p.parameter: Place(p.where, p.alias, p.embed, p.by_flash) for p in route.places
    }


@pytest.mark.parametrize(
    ("annotation", "where"),
    [
        ("library.Array", "unknown"),
        ("Annotated[int, made_elsewhere()]", "unknown"),
        ("Annotated[int, annotated_types.Gt(1)]", "query"),
        ("Annotated[int, Query(alias=library.name)]", "unknown"),
        ("OnlyForTypeCheckers", "unknown"),
        ("list[library.Number]", "unknown"),  # perhaps files
        ("dict[str, library.Number]", "body"),
        ("OfAnotherLibrary", "unknown"),
    ],
)
def test_what_the_source_does_not_show_is_unknown(annotation: str, where: str) -> None:
    text = f"""{HEAD}
import annotated_types, library
from library import made_elsewhere
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from nowhere import OnlyForTypeCheckers
class OfAnotherLibrary(library.Base): pass
@api.get("/route")
async def route(known: int, item: {annotation}): return 1
"""
    route = route_of(compiled_files({"worker.py": text, "shapes.py": SHAPES}))
    assert [place.where for place in route.places] == ["query", where]

"""What callers notice of another build, in words: functions and routes, arguments, results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from flashc_backends.contracts.differences import differences
from flashc_backends.manifest.manifest import build_manifest
from tests.support.projects import compile_files

HEAD = """\
import functools
from typing import Annotated
from fastapi import Body, Depends, Header, Query, Request
from pydantic import BaseModel
from flashc import Endpoint

class Item(BaseModel):
    name: str

def user(token: str = Header()): return token

def traced(function):
    @functools.wraps(function)
    async def call(*args): return await function(*args)
    return call
"""
QUEUE = '\n@Endpoint(name="w", cpu="cpu3c-1-2")\n'
WEB = '\napi = Endpoint(name="w", cpu="cpu3c-1-2", workers=(1, 2))\n'
FUNCTION = QUEUE + "async def {}: return 1\n"
CLASS = QUEUE + "class Model:\n    def one(self, x: int): return x\n"
ROUTE = WEB + "\n@api.{}\nasync def run({}): return 1\n"

CHANGES: dict[str, tuple[str, str, str]] = {
    "another name of the function": (
        FUNCTION.format("run(a: int)"),
        FUNCTION.format("calculate(a: int)"),
        "",
    ),
    "arguments that are new or gone": (
        FUNCTION.format("run(a: int, b: int)"),
        FUNCTION.format("run(a: int, c: str, d: str = 'x')"),
        "breaks: `b` is removed\nbreaks: `c` is new and required\n`d` is new and optional",
    ),
    "arguments that are required or optional": (
        FUNCTION.format("run(a, b=1)"),
        FUNCTION.format("run(b, a=1)"),
        "breaks: `b` is required now\n`a` is optional now",
    ),
    "types": (
        FUNCTION.format("run(a: int, b: str, c: 'int') -> int"),
        FUNCTION.format("run(a: float, b: int, c: int) -> str"),
        "breaks: `b`: str -> int\nbreaks: the result: int -> str\n`a`: int -> float",
    ),
    "a result that becomes narrower, and None as a default": (
        FUNCTION.format("run(a: int = None) -> int | None"),
        FUNCTION.format("run(a: int = 1) -> int"),
        "breaks: `a` may not be None any more\nthe result: int | None -> int",
    ),
    "arguments with stars": (
        FUNCTION.format("run(a: int, *rest: int)"),
        FUNCTION.format("run(*rest: str, **more: float)"),
        "breaks: `*rest`: int -> str\n`a` is one of `**more`\nfurther arguments are taken",
    ),
    "arguments that had stars": (
        FUNCTION.format("run(**more)"),
        FUNCTION.format("run(a: int = 1)"),
        "breaks: `a` was one of `**more`, and is int\nbreaks: further arguments are refused",
    ),
    "a decorator hides the arguments": (
        FUNCTION.format("run(a: int)"),
        QUEUE + "@traced\nasync def run(b: int): return 1\n",
        "",
    ),
    "a method more, so that calls have to name one": (
        CLASS,
        CLASS + "    def two(self): return 2\n",
        "breaks: calls have to name a method\nmethod two is new",
    ),
    "a method less": (
        CLASS + "    def two(self): return 2\n",
        CLASS,
        "breaks: method two is removed",
    ),
    "an argument of a method": (
        CLASS,
        CLASS.replace("x: int", "y: int"),
        "breaks: method one: `x` is removed\nbreaks: method one: `y` is new and required",
    ),
    "a function becomes a class with one method": (
        FUNCTION.format("run(x: int)"),
        CLASS.replace("x: int", "x: str"),
        "breaks: `x`: int -> str\nmethod one is new",
    ),
    "a route moves": (
        ROUTE.format('get("/a")', ""),
        ROUTE.format('post("/a")', ""),
        "breaks: GET /a is removed\nPOST /a is new",
    ),
    "another name of a parameter of the path, which no request has": (
        ROUTE.format('get("/items/{name}")', "name: str"),
        ROUTE.format('get("/items/{key}")', "key: str"),
        "",
    ),
    "a type in the path": (
        ROUTE.format('get("/items/{name}")', "name: int"),
        ROUTE.format('get("/items/{name}")', "name: str"),
        "GET /items/{name}: `name` (path): int -> str",
    ),
    "another name of the body, and a header": (
        ROUTE.format('post("/a")', "item: Item, x_token: Annotated[str, Header()]"),
        ROUTE.format('post("/a")', "thing: Item, x_token: Annotated[str, Header()] = ''"),
        "POST /a: `x-token` (header) is optional now",
    ),
    "a second model, so that the body has both": (
        ROUTE.format('post("/a")', "item: Item"),
        ROUTE.format('post("/a")', "item: Item, other: Item"),
        "breaks: POST /a: `item` (body) is new and required\n"
        "breaks: POST /a: `item` (whole body) is removed\n"
        "breaks: POST /a: `other` (body) is new and required",
    ),
    "an argument moves from the query to the body": (
        ROUTE.format('post("/a")', "item: Item, n: int = 1"),
        ROUTE.format('post("/a")', "item: Item, n: int = Body(1)"),
        "breaks: POST /a: `item` (whole body) is removed\n"
        "breaks: POST /a: `item` (body) is new and required\n"
        "breaks: POST /a: `n` (query) is removed\nPOST /a: `n` (body) is new and optional",
    ),
    "what is in the declaration of a default": (
        ROUTE.format('get("/a")', "n: int = Query(1, ge=0, description='x'), m: int = Query(1)"),
        ROUTE.format('get("/a")', "n: int = Query(2, ge=5), m: int = Query(...)"),
        "breaks: GET /a: `m` (query) is required now\nbreaks: GET /a: `n` (query): minimum: 0 -> 5",
    ),
    "what no request has": (
        ROUTE.format('get("/a")', "request: Request, who: str = Depends(user)"),
        ROUTE.format('get("/a")', "n: int = 1"),
        "GET /a: `n` (query) is new and optional",
    ),
    "another type of endpoint": (
        FUNCTION.format("run(a: int)"),
        ROUTE.format('get("/a")', "n: int = 1"),
        "breaks: it is called in another way: as a queue or by routes\nGET /a is new",
    ),
}


def _manifest(folder: Path, source: str) -> dict[str, Any]:
    program = compile_files(folder, {"w.py": HEAD + source}).valid
    manifest: dict[str, Any] = msgspec.to_builtins(build_manifest(program, "f", {}))
    return manifest


def _told(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    found = differences("w", before, after)
    return [f"{'breaks: ' if each.breaks else ''}{each.text}" for each in found]


@pytest.mark.parametrize("title", CHANGES)
def test_what_callers_notice(title: str, tmp_path: Path) -> None:
    old, new, expected = CHANGES[title]
    before, after = _manifest(tmp_path / "old", old), _manifest(tmp_path / "new", new)
    assert sorted(_told(before, after)) == sorted(expected.splitlines())
    assert _told(before, before) == _told(after, after) == []


def test_what_a_manifest_does_not_say_is_not_compared(tmp_path: Path) -> None:
    known = _manifest(tmp_path, FUNCTION.format("run(a: int)"))
    for unknown in ({}, {"run": {"parameters": [{"name": "a", "new-in-2030": 1}]}}, "text", None):
        other = msgspec.json.decode(msgspec.json.encode(known))
        other["resources"]["w"]["signatures"] = unknown
        assert _told(known, other) == _told(other, known) == []
    assert _told({}, known) == _told({"resources": {"w": 1}}, known) == []

"""Values of declared types between endpoints, under the platform's SDK in production mode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.interpreters import oldest_worker_python
from tests.support.projects import built, write
from tests.support.running_app import RunningApp, running_app

SHAPES = """
import dataclasses
import enum
import typing
from typing import NamedTuple, TypedDict
from pydantic import BaseModel, Field

class Colour(enum.Enum):
    RED = "red"

@dataclasses.dataclass
class Box:
    width: int
    colour: Colour = Colour.RED
    inner: "list[Box]" = dataclasses.field(default_factory=list)

class Pair(NamedTuple):
    left: int
    right: bytes

class Options(TypedDict, total=False):
    colour: Colour

class Person(BaseModel):
    name: str = Field(alias="n")
    tags: set[str] = set()

class Plain:
    pass
"""
CALLEES = """
from __future__ import annotations
import datetime as dt
import typing as t
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, Union
from uuid import UUID
import shapes
from pydantic import Field
from runpod_flash import Endpoint
from shapes import Box as Carton, Options, Pair, Person
if TYPE_CHECKING:
    from nowhere import Thing

@Endpoint(name="boxes", cpu="cpu3c-1-2")
async def boxes(box: Carton, more: list[Carton] = [], *rest: Pair, **named: dt.date) -> dict[str, Any]:
    kinds = [type(v).__name__ for v in (box, box.colour, *more, *rest, *named.values())]
    return {"kinds": kinds, "width": box.width + sum(b.width for b in more)}

@Endpoint(name="back", cpu="cpu3c-1-2")
def back(what: Literal["box", "pair", "person", "when", "union", "none", "empty", "wrong", "thing"]) -> t.Any:
    return None

@Endpoint(name="typed", cpu="cpu3c-1-2")
def typed(box: shapes.Box, at: Optional[dt.datetime] = None) -> tuple[shapes.Box, Union[dt.date, str], shapes.Pair]:
    return box, "2024-01-01" if at is None else at.date(), shapes.Pair(1, bytes([0, 255]))

@Endpoint(name="person", cpu="cpu3c-1-2")
async def person(who: Person, at: UUID, n: Annotated[int, Field(ge=1)] = 1) -> Person:
    who.tags.add(f"{type(at).__name__}-{n}")
    return who

@Endpoint(name="days", cpu="cpu3c-1-2")
async def days(n: int) -> AsyncIterator[dt.date]:
    for i in range(n):
        yield dt.date(2024, 1, 1 + i)

@Endpoint(name="plain-days", cpu="cpu3c-1-2")
def plain_days(n: int) -> Iterator[dt.date]:
    for i in range(n):
        yield dt.date(2024, 1, 1 + i)

@Endpoint(name="hidden", cpu="cpu3c-1-2")
async def hidden(thing: Thing, options: Options) -> Thing: return [thing, options["colour"].name]

@Endpoint(name="empty", cpu="cpu3c-1-2")
async def empty() -> dict[str, int]: return {}

@Endpoint(name="loose", cpu="cpu3c-1-2")
async def loose() -> Carton: return {"weight": 1}

@Endpoint(name="store", cpu="cpu3c-1-2")
class Store:
    def __init__(self): self.kept: list[Carton] = []
    async def keep(self, box: Carton) -> int:
        self.kept.append(box)
        return len(self.kept)
    def all(self) -> list[Carton]: return self.kept
    @staticmethod
    def same(day: dt.date) -> dt.date: return day

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=(1, 2))

@api.post("/box")
async def box_route(box: Carton, at: dt.datetime) -> Carton:
    return Carton(box.width + at.year)

@api.get("/calls")
async def calls() -> list:
    found = await typed(Carton(1))
    return [type(found[0]).__name__, found[1], [d.year for d in [day async for day in days(1)]]]
"""
FRONT = """
import datetime
import uuid
from runpod_flash import Endpoint

@Endpoint(name="front", cpu="cpu3c-1-2")
async def front(what: str) -> list:
    import callees as c
    from shapes import Box, Colour, Pair, Person, Plain
    day = datetime.date(2024, 1, 2)
    if what == "boxes":
        return [await c.boxes(Box(1), [Box(2)], Pair(1, b"x"), day=day), await c.boxes({"width": 3})]
    if what == "typed":
        first = await c.typed(Box(1, inner=[Box(2)]))
        second = await c.typed(Box(1), datetime.datetime(2024, 1, 2))
        return [repr(first), repr(second)]
    if what == "person":
        return [repr(await c.person(Person(n="Ada"), uuid.UUID(int=1), 2))]
    if what == "days":
        return [[repr(d) async for d in c.days(2)], [repr(d) for d in c.plain_days(1)]]
    if what == "hidden":
        return [await c.hidden({"a": 1}, {"colour": Colour.RED})]
    if what == "empty":
        return [await c.empty(), await c.loose()]
    if what == "store":
        store = c.Store()
        return [await store.keep(Box(7)), repr(await store.all()), repr(await store.same(day))]
    if what == "route":
        return [repr(await c.box_route(Box(1), datetime.datetime(2024, 1, 1))), await c.calls()]
    if what == "refused":
        found = []
        for call in (lambda: c.boxes(Plain()), lambda: c.boxes(Box(1), [Box(Plain())]),
                     lambda: c.boxes(Box("wide")), lambda: c.person(Person(n="A"), "x"),
                     lambda: c.person(Person(n="A"), uuid.UUID(int=1), 0)):
            try:
                await call()
            except (TypeError, ValueError) as error:
                found.append(f"{type(error).__name__}: {error}")
        return found
"""
PYTHON = oldest_worker_python().minor


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Iterator[RunningApp]:
    folder = tmp_path_factory.mktemp("values")
    files = {"shapes.py": SHAPES, "callees.py": CALLEES, "front.py": FRONT}
    artifact = built(write(folder / "project", files), folder / "a.tar.gz", python_version=PYTHON)
    with running_app(artifact, folder, cache_folder) as started:
        yield started


BOX = "Box(width={}, colour=<Colour.RED: 'red'>, inner=[{}])"


@pytest.mark.parametrize(
    ("what", "results"),
    [
        (
            "boxes",
            [
                {"kinds": ["Box", "Colour", "Box", "Pair", "date"], "width": 3},
                {"kinds": ["Box", "Colour"], "width": 3},
            ],
        ),
        (
            "typed",
            [
                f"({BOX.format(1, BOX.format(2, ''))}, '2024-01-01', Pair(left=1, right=b'\\x00\\xff'))",
                f"({BOX.format(1, '')}, datetime.date(2024, 1, 2), Pair(left=1, right=b'\\x00\\xff'))",
            ],
        ),
        ("person", ["Person(name='Ada', tags={'UUID-2'})"]),
        (
            "days",
            [
                ["datetime.date(2024, 1, 1)", "datetime.date(2024, 1, 2)"],
                ["datetime.date(2024, 1, 1)"],
            ],
        ),
        ("hidden", [[{"a": 1}, "RED"]]),
        ("empty", [{}, {"weight": 1}]),
        ("store", [1, f"[{BOX.format(7, '')}]", "datetime.date(2024, 1, 2)"]),
        ("route", [BOX.format(2025, ""), ["Box", "2024-01-01", [2024]]]),
        (
            "refused",
            [
                "TypeError: argument 'box' of boxes() is a shapes.Plain, which JSON can't carry; "
                "send numbers, strings, lists and dicts",
                "TypeError: argument 'more' of boxes()[0].width is a shapes.Plain, which JSON can't "
                "carry; send numbers, strings, lists and dicts",
                "InvalidInput: argument 'box' of boxes().width is 'wide', not int",
                "InvalidInput: argument 'at' of person() is 'x', not a UUID",
                "InvalidInput: argument 'n' of person() is no valid value: "
                "Input should be greater than or equal to 1",
            ],
        ),
    ],
)
def test_an_endpoint_gets_what_it_declares_and_its_caller_gets_it_back(
    app: RunningApp, what: str, results: list[Any]
) -> None:
    answer = app.job("front", {"what": what})
    assert answer.get("output") == results, answer


def test_a_client_sends_and_reads_plain_json(app: RunningApp) -> None:
    box = {"width": "5", "inner": [{"width": 1}]}
    answer = app.job("typed", {"box": box, "at": "2024-05-06T00:00:00Z"})
    inner = {"width": 1, "colour": "red", "inner": []}
    assert answer["output"] == [
        {"width": 5, "colour": "red", "inner": [inner]},
        "2024-05-06",
        [1, "AP8="],
    ]
    for given, words in (
        ({"box": {"colour": "red"}}, "argument 'box' of typed() lacks 'width' of Box"),
        ({"box": {"width": 1, "colour": "pink"}}, "of typed().colour is 'pink', not a Colour"),
        ({"box": 3}, "argument 'box' of typed() is 3, not an object for a Box"),
    ):
        assert words in app.job("typed", given)["error"]

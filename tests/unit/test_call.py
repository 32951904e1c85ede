"""`flashc call` sends nothing that the program would refuse (FC650)."""

from __future__ import annotations

from typing import Any

import pytest

from flashc.api.call import CallResult, Wanted, prepare_call, report_failure
from flashc.project.workspace import Workspace, open_workspace
from flashc_backends.runtime import platform
from flashc_backends.runtime.failures import remote_failure
from flashc_core.diagnostics import Sink
from tests.support.shop import MORE, WORKER

SHELF = """
import datetime
from fastapi import Form, Query, Request
from flashc import Endpoint
from pydantic import BaseModel

class Part(BaseModel):
    width: int

class Shelf(BaseModel):
    boxes: list[Part]

shelf = Endpoint(name="shelf", cpu="cpu3c-1-2", workers=(1, 1))

@shelf.post("/one")
def one(shelf: Shelf) -> None: ...

@shelf.get("/find")
def find(on: datetime.date, sizes: list[int] = Query([])) -> None: ...

@shelf.post("/form")
def form(times: int = Form()) -> None: ...

@shelf.post("/file")
def file(raw: bytes) -> None: ...

@shelf.post("/open")
async def open_to_all(request: Request) -> None: ...
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "worker.py").write_text(WORKER)
    (folder / "more.py").write_text(MORE)
    (folder / "shelf.py").write_text(SHELF)
    return open_workspace(folder)


@pytest.fixture(autouse=True)
def own_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prepared call says how the platform is found; the next test begins as a new process does."""
    monkeypatch.setattr(platform, "_surroundings", platform.Surroundings())


def prepared(workspace: Workspace, target: str, data: Any = None, **rest: Any) -> CallResult:
    return prepare_call(workspace, Wanted(target=target, data=data, **rest))


@pytest.mark.parametrize(
    ("target", "data", "told"),
    [
        ("dubble", {}, "deploys no endpoint `dubble`"),
        ("doubled", {}, "deploys no endpoint `doubled`"),
        ("double", None, "the data for `double` lacks `x`"),
        ("double", {"x": 1, "y": 2}, "has the unexpected `y`"),
        ("double", {"x": "four"}, "in the data for `double`, `x`"),
        ("double", {"x": None}, "in the data for `double`, `x`"),
        ("inference", {"data": [1]}, "in the data for `run_inference`, `data`"),
        ("double", [4], "not an object with the arguments by name"),
        ("double.run", {"x": 1}, "runs one function"),
        ("double/run", {"x": 1}, "runs one function"),
        ("model", None, "`Model` has several methods"),
        ("model.forget", None, "`Model` has no method `forget`"),
        ("api", None, "has routes: name one"),
        ("api/nothing", None, "has no route `GET /nothing`"),
        ("api/items", {"tags": []}, "lacks `name`"),
        ("api/items", {"name": "a", "more": 1}, "has the unexpected `more`"),
        ("api/items", {"name": "a", "tags": 1}, "in the body of `POST /items`, `tags`"),
        ("api/items", [1], "is an object with fields"),
        ("boxes", {"box": 1}, "`box` is 1, not an object for Box"),
        ("boxes", {"box": {"width": 1}}, "`box` lacks `made` of Box"),
        ("boxes", {"box": {"width": 1, "made": "today"}}, "`box`.made is 'today', not date"),
        ("model.add", {"a": 1, "b": []}, "in the data for `add`, `b` is [], not int"),
        ("api/items/x", None, "in the path of `GET /items/{number}`, `number` is 'x', not int"),
        ("api/items/7?color=red", None, "the query of `GET /items/{number}` has the unexpected"),
        ("shelf/one", None, "`POST /one` lacks a body"),
        ("shelf/one", {"boxes": [{}]}, "in the body of `POST /one`, `boxes[0]` lacks `width`"),
        ("shelf/one", [1], "the body of `POST /one` is [1], not an object for Shelf"),
        ("shelf/find?on=never", None, "in the query of `GET /find`, `on` is 'never', not date"),
        ("shelf/find", None, "the query of `GET /find` lacks `on`"),
        ("shelf/find?on=2026-01-02&sizes=1&sizes=x", None, "`sizes`[1] is 'x', not int"),
        ("shelf/find?on=2026-01-02", {"on": 1}, "`GET /find` takes no body"),
        ("shelf/form", {"times": "often"}, "in the body of `POST /form`, `times` is 'often'"),
        ("shelf/file", {"raw": "x"}, "`POST /file` takes files"),
    ],
)
def test_a_call_that_does_not_fit_is_not_sent(
    target: str, data: Any, told: str, workspace: Workspace
) -> None:
    found = prepared(workspace, target, data)
    assert found.outputs is None
    (diagnostic,) = [d for d in found.diagnostics if d.rule.code == "FC650"]
    assert told in diagnostic.message


def test_a_route_answers_at_once(workspace: Workspace) -> None:
    for way in ("stream", "async"):
        found = prepared(workspace, "api/items", {"name": "a"}, way=way)
        assert [d.message for d in found.diagnostics] == [
            f"a route answers at once: leave out `--{way}`"
        ]


def test_a_wrong_method_of_a_route_is_named(workspace: Workspace) -> None:
    found = prepared(workspace, "api/items", {"name": "a"}, verb="PUT")
    assert "`api` has no route `PUT /items`" in found.diagnostics[-1].message


@pytest.mark.parametrize(
    ("target", "data"),
    [
        ("double", {"x": 4}),
        ("inference", {"data": {}, "scale": 3}),
        ("model.describe", None),
        ("boxes", {"box": {"width": "5", "made": "2026-01-02"}, "by": 2.0}),
        ("api/items/7?colour=blue", None),
        ("api/items", {"name": "a", "tags": ["b"]}),
        ("shelf/one", {"boxes": [{"width": "3"}], "more": "is ignored"}),
        ("shelf/find?on=2026-01-02&sizes=1&sizes=2", None),
        ("shelf/form", {"times": 3}),
        ("shelf/open?any=1", {"any": 1}),
    ],
)
def test_a_call_that_fits_is_sent(target: str, data: Any, workspace: Workspace) -> None:
    assert prepared(workspace, target, data).outputs is not None


def test_a_failure_is_a_finding_with_the_traceback_of_the_worker() -> None:
    sink = Sink()
    record = {"error_type": "<class 'more.OutOfStock'>", "error_message": "no tea"}
    trace = {"error_traceback": "Traceback: raise OutOfStock"}
    report_failure(remote_failure("order", "order", {**record, **trace}, "FAILED"), sink)
    (found,) = sink
    assert (found.rule.code, found.message) == ("FC651", "more.OutOfStock: no tea")
    assert found.notes == ("Traceback: raise OutOfStock",)

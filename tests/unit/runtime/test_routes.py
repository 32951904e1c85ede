"""Load-balanced endpoints: where FastAPI takes each argument from, and what an exception becomes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from pydantic import BaseModel

from flashc_backends.runtime import app, proof, registry, routes


class Item(BaseModel):
    name: str
    price: float = 1.5


class Client:
    """Sends requests to an app without a network."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def send(self, method: str, path: str, **content: Any) -> httpx.Response:
        """One request, and the answer to it."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://web") as web:
                return await web.request(method, path, **content)

        return asyncio.run(ask())

    def get(self, path: str) -> httpx.Response:
        return self.send("GET", path)

    def post(self, path: str, **content: Any) -> httpx.Response:
        return self.send("POST", path, **content)


def client(*declared: tuple[str, str, Callable[..., Any]]) -> Client:
    """A client of an endpoint with these routes."""
    for method, path, function in declared:
        registry.offer_route("web", method, path, function)
    return Client(routes.load("web", ()))


def test_loading_imports_the_modules_as_the_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "web_routes.py").write_text(
        "from flashc_backends.runtime import identity, registry\n"
        "name = identity.running()\n"
        "async def hello(): return name\n"
        "registry.offer_route('web', 'GET', '/hello', hello)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    app = routes.load("web", ["web_routes"])
    del sys.modules["web_routes"]
    assert Client(app).get("/hello").json() == "web"


def test_an_endpoint_without_routes_does_not_start() -> None:
    with pytest.raises(LookupError, match="no module of this artifact declares a route of 'web'"):
        routes.load("web", ())


def test_the_health_check_answers_before_any_route_and_tells_the_build(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(app, "BUILD", "0123456789abcdef")

    async def catch(anything: str) -> str:
        return anything

    web = client(("GET", "/{anything}", catch))
    assert web.get("/ping").json() == {"status": "healthy", "build": "0123456789abcdef"}
    assert web.get("/other").json() == "other"


def test_arguments_are_json_fields_beside_those_of_the_path() -> None:
    async def fields(key: str, count: int, tags: list[str], note: Any = "none", plain=2) -> Any:  # type: ignore[no-untyped-def]
        return [key, count, tags, note, plain]

    web = client(("POST", "/a/{key}", fields))
    answer = web.post("/a/k", json={"count": 3, "tags": ["x"]})
    assert answer.json() == ["k", 3, ["x"], "none", 2]
    assert web.post("/a/k", json={"count": "many", "tags": []}).status_code == 422
    assert web.post("/a/k", json={"tags": []}).status_code == 422


def test_one_field_is_still_an_object() -> None:
    async def one(count: int) -> int:
        return count

    assert client(("PUT", "/one", one)).send("PUT", "/one", json={"count": 3}).json() == 3


def test_a_path_may_hold_slashes() -> None:
    async def read(rest: str, size: int = 1) -> Any:
        return [rest, size]

    web = client(("POST", "/files/{rest:path}", read))
    assert web.post("/files/a/b", json={"size": 4}).json() == ["a/b", 4]


def test_a_get_route_takes_the_query() -> None:
    async def find(n: int, on: bool = False) -> Any:
        return [n, on]

    assert client(("GET", "/find", find)).get("/find?n=3&on=true").json() == [3, True]


def test_bytes_are_files_of_a_form() -> None:
    async def upload(data: bytes, note: str = "none") -> Any:
        return [len(data), note]

    web = client(("POST", "/upload", upload))
    assert web.post("/upload", files={"data": b"12345"}, data={"note": "hi"}).json() == [5, "hi"]


def test_models_and_what_fastapi_provides_are_left_to_fastapi() -> None:
    def who(x_who: str = Header("nobody")) -> str:
        return x_who

    async def model(item: Item, n: int = 0) -> Any:
        return [item.price, n]

    async def provided(
        request: Request,
        count: int,
        who: str = Depends(who),
        agent: Annotated[str, Header()] = "",
    ) -> Any:
        return [request.url.path, count, who, agent]

    web = client(("POST", "/model", model), ("POST", "/provided", provided))
    assert web.post("/model?n=2", json={"name": "tea"}).json() == [1.5, 2]
    sent = {"X-Who": "me", "agent": "test"}
    assert web.post("/provided", json={"count": 3}, headers=sent).json() == [
        "/provided",
        3,
        "me",
        "test",
    ]


def test_plain_functions_and_positional_only_parameters() -> None:
    def join(a: int, b: int = 5, /, *, c: int) -> Any:
        return [a, b, c]

    web = client(("POST", "/join", join))
    assert web.post("/join", json={"a": 1, "c": 3}).json() == [1, 5, 3]


def test_the_same_route_is_declared_once() -> None:
    async def first() -> int:
        return 1

    async def second() -> int:
        return 2

    assert client(("GET", "/n", first), ("GET", "/n", second)).get("/n").json() == 1


def failing(kind: type[Exception], *arguments: Any) -> Client:
    async def fail() -> None:
        raise kind(*arguments)

    return client(("POST", "/fail", fail))


class Odd(Exception):
    """An exception of the app's own."""


@pytest.mark.parametrize(
    ("kind", "name"), [(ValueError, "ValueError"), (Odd, f"{Odd.__module__}.Odd")]
)
def test_another_endpoint_gets_the_exception(kind: type[Exception], name: str) -> None:
    answer = failing(kind, "bad").post("/fail", headers={"X-Flashc-Dispatch": "proof-of-the-app"})
    assert answer.status_code == 500
    body = answer.json()
    assert (body["error_type"], body["error_message"]) == (name, "bad")
    assert "in fail" in body["error_traceback"]


@pytest.mark.parametrize("proof", [None, "", "1", "proof-of-the-ap", "PROOF-OF-THE-APP", "é"])
def test_anyone_else_learns_nothing_of_the_exception(proof: str | None) -> None:
    headers = {} if proof is None else {"X-Flashc-Dispatch": proof.encode()}
    answer = failing(ValueError, "secret").post("/fail", headers=headers)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


def test_without_a_manifest_nobody_learns_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "_proofs", [""])
    answer = failing(ValueError, "secret").post("/fail", headers={"X-Flashc-Dispatch": ""})
    assert answer.text == "Internal Server Error"


@pytest.mark.parametrize("proof", ["", "1"])
def test_an_answer_that_the_route_chose_is_given_to_all(proof: str) -> None:
    answer = failing(HTTPException, 404, {"item": 3}, {"X-Kind": "item"}).post(
        "/fail", headers={"X-Flashc-Dispatch": proof}
    )
    assert (answer.status_code, answer.json()) == (404, {"detail": {"item": 3}})
    assert answer.headers["x-kind"] == "item"


def test_another_endpoint_gets_the_exception_of_an_answer_that_the_route_chose() -> None:
    answer = failing(HTTPException, 404, {"item": 3}, {"X-Kind": "item"}).post(
        "/fail", headers={"X-Flashc-Dispatch": "proof-of-the-app"}
    )
    body = answer.json()
    assert (answer.status_code, body["detail"]) == (404, {"item": 3})
    assert answer.headers["x-kind"] == "item"
    assert body["error_type"] == "fastapi.exceptions.HTTPException"
    assert "in fail" in body["error_traceback"]


def test_an_answer_without_a_body_has_no_details() -> None:
    answer = failing(HTTPException, 304).post(
        "/fail", headers={"X-Flashc-Dispatch": "proof-of-the-app"}
    )
    assert (answer.status_code, answer.content) == (304, b"")

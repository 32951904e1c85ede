"""Arguments that try to be something else: a path that leaves its route, a key that steers the call."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flashc_backends.runtime import dispatch, exchange, identity, queue, registry, sending, web
from flashc_backends.runtime.client import Client
from flashc_backends.runtime.interface import Interface


def request(path: str, **arguments: Any) -> web.Request:
    """Return the request of a call of a route with these path parameters."""
    space: dict[str, Any] = {}
    exec(f"def target({', '.join(arguments)}): ...", space)
    target = space["target"]
    route = web.Route(
        resource="web",
        method="GET",
        path=path,
        interface=Interface(target, web=True),
        target=target,
    )
    return route.request((), arguments)


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/files/{name}", {"name": ".."}),
        ("/files/{name}", {"name": "."}),
        ("/files/{name}/x", {"name": ".."}),
        ("/files/{name}", {"name": "%2e%2E"}),
        ("/files/{name}", {"name": "%252e%252e"}),
        ("/files/{name}", {"name": "..\\.."}),
        ("/files/{name}", {"name": "../x"}),
        ("/{a}{b}/x", {"a": ".", "b": "."}),
        ("/.{a}", {"a": "."}),
        ("/tree/{rest:path}", {"rest": "../../other/purge-queue"}),
        ("/tree/{rest:path}", {"rest": "a/../../../../graphql"}),
        ("/tree/{rest:path}", {"rest": "a/.."}),
        ("/tree/{rest:path}", {"rest": "a/%2e%2e/b"}),
        ("/tree/{rest:path}", {"rest": "a/.%2e/b"}),
    ],
)
def test_a_path_does_not_leave_its_route(path: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="would lead to another route"):
        request(path, **arguments)


@pytest.mark.parametrize(
    ("path", "arguments", "sent"),
    [
        ("/files/{name}", {"name": "a..b"}, "/files/a..b"),
        ("/files/{name}", {"name": "..."}, "/files/..."),
        ("/files/{name}", {"name": ".env"}, "/files/.env"),
        ("/files/{name}", {"name": "a/b?c#d@e"}, "/files/a%2Fb%3Fc%23d%40e"),
        ("/tree/{rest:path}", {"rest": "a/b/..c"}, "/tree/a/b/..c"),
        ("/v{n}", {"n": 1.5}, "/v1.5"),
    ],
)
def test_other_texts_are_one_segment(path: str, arguments: dict[str, Any], sent: str) -> None:
    assert request(path, **arguments).path == sent


@pytest.mark.parametrize("path", ["@other.example/x", "", "x", "/a/../b", ".example.org/", ":80/"])
def test_a_clients_path_begins_at_the_endpoint(path: str) -> None:
    """The URL of an endpoint has no slash at its end, and the request carries the API key."""
    client = Client(None, "abc")
    with pytest.raises(ValueError, match="is not the path of a route"):
        asyncio.run(client.request("GET", path))


class Model:
    """A class with a method that a caller must not reach by an argument."""

    def reset(self, **options: Any) -> Any:
        return ["reset", options]

    def delete_all(self) -> str:
        return "deleted"

    def configure(self, method: str = "?", __arguments: Any = 0) -> Any:
        return ["configure", method]


def keywords(a: int = 0, *rest: Any, **more: Any) -> Any:
    return [a, list(rest), more]


def called(call: Any, target: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what a call of a stub of `target` gives, with the worker in this process."""
    sent: list[Any] = []
    monkeypatch.setattr(sending, "send", lambda job: sent.append(job.payload))
    identity.become("caller")
    call(dispatch.stub_of("model", target))
    identity.become("model")
    registry.offer("model", target)
    return queue.load("model", ())({"input": sent[0]})


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (lambda m: m().configure(method="delete_all"), ["configure", "delete_all"]),
        (lambda m: m().configure(method="fast"), ["configure", "fast"]),
        (lambda m: m().configure(), ["configure", "?"]),
        (lambda m: m().reset(method="delete_all"), ["reset", {"method": "delete_all"}]),
        (lambda m: m().reset(__empty=1), ["reset", {"__empty": 1}]),
        (lambda m: m().reset(__arguments={}), ["reset", {"__arguments": {}}]),
        (lambda m: m().reset(x=1), ["reset", {"x": 1}]),
        (lambda m: m().delete_all(), "deleted"),
    ],
)
def test_an_argument_chooses_no_method(
    call: Any, result: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert called(call, Model, monkeypatch) == result


@pytest.mark.parametrize(
    ("call", "result"),
    [
        (lambda f: f(1, __empty=1), [1, [], {"__empty": 1}]),
        (lambda f: f(1, method="x"), [1, [], {"method": "x"}]),
        (lambda f: f(1, 2, 3), [1, [2, 3], {}]),
        (lambda f: f(__arguments={"a": 5}), [0, [], {"__arguments": {"a": 5}}]),
        (lambda f: f(), [0, [], {}]),
    ],
)
def test_no_argument_is_lost(call: Any, result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert called(call, keywords, monkeypatch) == result


def test_two_arguments_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TypeError, match="'rest' for `\\*\\*more`"):
        called(lambda f: f(1, 2, 3, rest=9), keywords, monkeypatch)


def test_clients_of_flash_name_the_method_next_to_the_arguments() -> None:
    identity.become("model")
    registry.offer("model", Model)
    handler = queue.load("model", ())
    assert handler({"input": {"method": "reset", "x": 1}}) == ["reset", {"x": 1}]
    assert handler({"input": {"method": "delete_all", "__empty": True}}) == "deleted"


def test_a_path_is_decoded_to_its_end() -> None:
    assert exchange.leaves_route("/a/%25252e%25252e/b")
    assert not exchange.leaves_route("/a?x=../..")

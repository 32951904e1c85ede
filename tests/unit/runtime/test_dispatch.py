"""`Endpoint` on a worker: the function itself where it belongs, a stub that sends a job everywhere else."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from flashc_backends.runtime import app, dispatch, identity, registry, sdk, sending
from flashc_backends.runtime.errors import InvalidInput
from flashc_backends.runtime.interface import Interface
from flashc_backends.runtime.sdk import Endpoint

Message = Any


class Sent:
    """Takes the place of the network; `answer` is the result of every job."""

    def __init__(self, answer: Any = None) -> None:
        self.messages: list[Message] = []
        self.answer = answer

    def send(self, message: Message) -> Any:
        self.messages.append(message)
        return self.answer

    async def send_async(self, message: Message) -> Any:
        return self.send(message)

    def stream(self, message: Message) -> Iterator[Any]:
        self.messages.append(message)
        yield from self.answer

    async def stream_async(self, message: Message) -> AsyncIterator[Any]:
        for item in self.stream(message):
            yield item


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    found = Sent()
    monkeypatch.setattr(sending, "send", found.send)
    monkeypatch.setattr(sending, "send_async", found.send_async)
    monkeypatch.setattr(sending, "stream", found.stream)
    monkeypatch.setattr(sending, "stream_async", found.stream_async)
    identity.become("caller")
    return found


def plain(x: int, *, label: str = "a") -> str:
    """A function of another endpoint."""
    return f"{label}{x}"


async def coroutine(x: int) -> int:
    return x


def generator(n: int) -> Iterator[int]:
    yield from range(n)


async def async_generator(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


# Where `Endpoint` is applied ----------------------------------------------------------------------


def test_outside_a_worker_every_function_stays_what_it_is() -> None:
    assert Endpoint(name="gpu")(plain) is plain
    assert Endpoint(name="web").get("/x")(plain) is plain
    assert registry._targets == registry._routes == {}


def test_the_endpoints_own_worker_runs_the_function() -> None:
    identity.become("gpu")
    assert Endpoint(name="gpu", workers=3)(plain) is plain
    assert registry.target("gpu") is plain


def test_an_endpoint_without_a_name_is_called_as_its_function() -> None:
    identity.become("plain")
    assert Endpoint()(plain) is plain
    assert registry.target("plain") is plain


def test_a_name_that_can_not_be_a_file_name_has_another_resource(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(app.NAMES, "my model", "my-model-1")
    identity.become("my-model-1")
    assert Endpoint(name="my model")(plain) is plain
    assert registry.target("my-model-1") is plain


def test_an_environment_variable_says_who_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert identity.running() is None
    monkeypatch.setenv("FLASH_RESOURCE_NAME", "gpu")
    assert identity.running() == "gpu"
    identity.become("web")
    assert identity.running() == "web"


@pytest.mark.parametrize("verb", ["get", "post", "put", "delete", "patch"])
def test_routes_are_offered_in_their_order(verb: str) -> None:
    identity.become("web")
    api = Endpoint(name="web")
    assert getattr(api, verb)("/a")(plain) is plain
    assert getattr(api, verb)("/b")(coroutine) is coroutine
    assert registry.routes("web") == [
        (verb.upper(), "/a", plain),
        (verb.upper(), "/b", coroutine),
    ]


def test_a_function_of_another_endpoint_becomes_a_stub(sent: Sent) -> None:
    sent.answer = "b7"
    stub = Endpoint(name="gpu")(plain)
    assert stub is not plain
    assert stub(7, label="b") == "b7"
    (message,) = sent.messages
    assert (message.resource, message.function) == ("gpu", "plain")
    assert message.payload == {"x": 7, "label": "b"}


def test_a_route_of_another_endpoint_becomes_a_request(sent: Sent) -> None:
    stub = Endpoint(name="web").post("/items/{x}")(coroutine)
    asyncio.run(stub(7))
    (message,) = sent.messages
    assert (message.resource, message.method, message.path) == ("web", "POST", "/items/7")


def test_other_attributes_belong_to_clients_only() -> None:
    with pytest.raises(AttributeError, match="no attribute 'runsync' on a worker"):
        Endpoint(name="gpu").runsync({})
    client = Endpoint(id="e1")
    assert inspect.ismethod(client.runsync)
    with pytest.raises(AttributeError, match="'other'"):
        _ = client.other

    async def make() -> None:
        request = client.get("/items")
        assert inspect.iscoroutine(request)
        request.close()

    asyncio.run(make())


def test_configuration_is_kept_and_does_nothing() -> None:
    assert vars(sdk.NetworkVolume(size=5)) == {"size": 5}
    assert vars(sdk.PodTemplate(containerDiskInGb=9)) == {"containerDiskInGb": 9}
    with pytest.raises(AttributeError, match="offers no 'Other'"):
        _ = sdk.Other


# Stubs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [plain, coroutine, generator, async_generator])
def test_a_stub_looks_like_its_function(target: Any) -> None:
    stub = dispatch.stub_of("gpu", target)
    assert inspect.signature(stub) == inspect.signature(target)
    assert (stub.__name__, stub.__doc__) == (target.__name__, target.__doc__)
    for kind in ("iscoroutinefunction", "isgeneratorfunction", "isasyncgenfunction"):
        assert getattr(inspect, kind)(stub) == getattr(inspect, kind)(target)
    assert not hasattr(stub, "__wrapped__")


def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(sent: Sent) -> None:
    stub = dispatch.stub_of("gpu", plain)
    with pytest.raises(TypeError, match=r"plain\(\) missing a required argument: 'x'"):
        stub()
    with pytest.raises(TypeError, match=r"argument 'x' of plain\(\) is a builtins.object"):
        stub(object())
    assert sent.messages == []


def test_an_error_of_a_variadic_argument_names_the_index_of_the_item(sent: Sent) -> None:
    def total(first: int, *values: int) -> int:
        return first + sum(values)

    stub = dispatch.stub_of("gpu", total)
    with pytest.raises(
        TypeError, match=r"argument 'values' of total\(\)\[1\] is a builtins.object"
    ):
        stub(1, 2, object())
    assert sent.messages == []
    interface = Interface(total)
    assert interface.arguments({"first": 1, "values": [2, "3"]}) == ([1, 2, 3], {})
    with pytest.raises(InvalidInput, match=r"argument 'values' of total\(\)\[1\] is 'x', not int"):
        interface.arguments({"first": 1, "values": [2, "x"]})


def test_a_call_without_arguments_sends_an_object_all_the_same(sent: Sent) -> None:
    def nothing() -> None: ...

    dispatch.stub_of("gpu", nothing)()
    assert sent.messages[0].payload == {"__empty": True}


def test_a_plain_function_blocks_plain_code_and_is_awaited_by_async_code(sent: Sent) -> None:
    sent.answer = "done"
    stub = dispatch.stub_of("gpu", plain)
    assert stub(1) == "done"

    async def directly() -> Any:
        return await stub(1)

    async def in_a_comprehension() -> Any:
        return [await call for call in [stub(x) for x in range(2)]]

    async def through_plain_code() -> Any:
        def helper() -> Any:
            return stub(1)

        return helper()

    assert asyncio.run(directly()) == "done"
    assert asyncio.run(in_a_comprehension()) == ["done", "done"]
    assert asyncio.run(through_plain_code()) == "done"


def test_generators_yield_what_the_other_side_yields(sent: Sent) -> None:
    sent.answer = [1, 2]
    assert list(dispatch.stub_of("gpu", generator)(2)) == [1, 2]

    async def collected() -> list[int]:
        return [chunk async for chunk in dispatch.stub_of("gpu", async_generator)(2)]

    assert asyncio.run(collected()) == [1, 2]


class Base:
    def inherited(self) -> None: ...


class Model(Base):
    """A class of another endpoint."""

    def __init__(self, size: int = 1) -> None:
        raise AssertionError("the class itself is never built here")

    def run(self, x: int) -> None: ...

    async def later(self, x: int) -> None: ...

    @staticmethod
    def static(x: int) -> None: ...

    @classmethod
    def owner(cls) -> None: ...

    def _private(self) -> None: ...


def test_a_class_becomes_a_class_of_stubs(sent: Sent) -> None:
    stub = dispatch.stub_of("gpu", Model)
    assert (stub.__name__, stub.__doc__, stub.__module__) == (
        "Model",
        "A class of another endpoint.",
        Model.__module__,
    )
    model = stub()
    model.run(1)
    asyncio.run(model.later(2))
    model.static(3)
    stub.static(x=4)
    model.owner()
    model.inherited()
    assert [(m.function, m.payload) for m in sent.messages] == [
        ("Model.run", {"method": "run", "x": 1}),
        ("Model.later", {"method": "later", "x": 2}),
        ("Model.static", {"method": "static", "x": 3}),
        ("Model.static", {"method": "static", "x": 4}),
        ("Model.owner", {"method": "owner", "__empty": True}),
        ("Model.inherited", {"method": "inherited", "__empty": True}),
    ]
    assert not hasattr(model, "_private")


def test_a_class_stub_takes_no_arguments() -> None:
    with pytest.raises(TypeError, match="Model lives on the endpoint 'gpu'"):
        dispatch.stub_of("gpu", Model)(size=2)


# Stub modules -------------------------------------------------------------------------------------


@pytest.mark.parametrize("running", ["gpu", None])
def test_a_skeleton_gives_the_real_object_where_it_runs(running: str | None) -> None:
    if running is not None:
        identity.become(running)

    def dumps() -> None: ...

    import json

    assert dispatch.endpoint_function("gpu", "json")(dumps) is json.dumps
    assert dispatch.endpoint_class("gpu", "json")(dumps) is json.dumps
    assert dispatch.endpoint_route("gpu", "json", "GET", "/x")(dumps) is json.dumps


def test_a_skeleton_gives_a_stub_on_other_workers(sent: Sent) -> None:
    dispatch.endpoint_function("gpu", "no_such_module")(plain)(1)
    dispatch.endpoint_class("gpu", "no_such_module")(Model)().run(2)
    asyncio.run(dispatch.endpoint_route("web", "no_such_module", "GET", "/{x}")(coroutine)(3))
    job, method, request = sent.messages
    assert (job.resource, method.function, request.path) == ("gpu", "Model.run", "/3")

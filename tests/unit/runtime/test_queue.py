"""Queue-based endpoints: a job calls the function, and the worker gets its result."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from flashc_backends.runtime import app, identity, queue, registry
from flashc_backends.runtime.errors import InvalidInput


def handler(target: Any, max_concurrency: int = 1) -> Any:
    """The handler of an endpoint with this function or class."""
    registry.offer("gpu", target)
    return queue.load("gpu", (), max_concurrency)


def job(**given: Any) -> dict[str, Any]:
    return {"id": "j", "input": given}


async def awaited(result: Any) -> Any:
    return await result


def test_loading_imports_the_modules_as_the_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gpu_module.py").write_text(
        "from flashc_backends.runtime import identity, registry\n"
        "name = identity.running()\n"
        "registry.offer('gpu', lambda: name)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert queue.load("gpu", ["gpu_module"])(job()) == "gpu"
    assert identity.running() == "gpu"
    with pytest.raises(LookupError, match="declares the endpoint 'other'"):
        queue.load("other", ["gpu_module"])


def test_a_plain_function_runs_at_once() -> None:
    def double(x: int, times: int = 2) -> int:
        return x * times

    run = handler(double)
    assert (run(job(x=4)), run(job(x=4, times=3))) == (8, 12)
    assert run.max_concurrency == 1
    assert run.__name__ == "handler"


def test_an_async_function_is_awaited() -> None:
    async def double(x: int) -> int:
        return x * 2

    assert asyncio.run(awaited(handler(double, 3)(job(x=4)))) == 8
    assert handler(double, 3).max_concurrency == 3


def test_a_plain_function_with_concurrency_does_not_block_the_others() -> None:
    def where() -> str:
        return threading.current_thread().name

    async def double(x: int) -> int:
        return x * 2

    assert asyncio.run(awaited(handler(where, 2)(job()))) != threading.current_thread().name
    assert asyncio.run(awaited(handler(lambda x: double(x), 2)(job(x=2)))) == 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"y": 1}, "lacks 'x' and has the unexpected 'y'"),
        ({}, "lacks 'x'"),
        ({"x": 1, "b": 2, "a": 3}, "has the unexpected 'a', 'b'"),
    ],
)
def test_an_input_that_does_not_fit_names_what_is_wrong(given: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        handler(lambda x: x)(job(**given))


@pytest.mark.parametrize("given", [[1], "text", 3, True])
def test_an_input_is_an_object(given: Any) -> None:
    with pytest.raises(InvalidInput, match=f"not a {type(given).__name__}"):
        handler(lambda: None)({"input": given})


@pytest.mark.parametrize("empty", [{}, {"input": None}, {"input": {"__empty": True}}])
def test_a_function_without_arguments_takes_every_empty_input(empty: Any) -> None:
    assert handler(lambda: "ran")(empty) == "ran"


# Generators ---------------------------------------------------------------------------------------


def count(n: int) -> Iterator[int]:
    yield from range(n)


async def count_async(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


@pytest.mark.parametrize("target", [count, count_async])
def test_a_generator_streams_or_gives_a_list(target: Any) -> None:
    run = handler(target, 4)
    assert inspect.isasyncgenfunction(run)  # how the platform's SDK decides
    assert run.max_concurrency == 4

    async def streamed() -> list[int]:
        return [chunk async for chunk in run(job(n=3))]

    assert asyncio.run(streamed()) == asyncio.run(awaited(run(job(n=3)))) == [0, 1, 2]


def test_a_decorated_generator_streams_too() -> None:
    def wrapper(n: int) -> Any:
        return count(n)

    wrapper.__wrapped__ = count  # type: ignore[attr-defined]
    assert asyncio.run(awaited(handler(wrapper)(job(n=2)))) == [0, 1]


def dates() -> Iterator[dt.date]:
    return iter([dt.date(2024, 1, 1)])


def mapped_dates() -> list[dt.date]:
    return map(dt.date.fromordinal, [738886])  # type: ignore[return-value]


def dates_to_await() -> AsyncIterator[dt.date]:
    async def each() -> AsyncIterator[dt.date]:
        yield dt.date(2024, 1, 1)

    return each()


async def dates_of_async_code() -> AsyncIterator[dt.date]:
    return dates_to_await()


@pytest.mark.parametrize("max_concurrency", [1, 2])
@pytest.mark.parametrize("target", [dates, mapped_dates, dates_to_await, dates_of_async_code])
def test_an_iterator_that_a_function_returns_becomes_a_list_of_its_items(
    target: Any, max_concurrency: int
) -> None:
    async def run() -> Any:
        found = handler(target, max_concurrency)(job())
        return await found if inspect.isawaitable(found) else found

    assert asyncio.run(run()) == ["2024-01-01"]


# Classes ------------------------------------------------------------------------------------------


class Base:
    def inherited(self) -> str:
        return "inherited"


class Model(Base):
    built = 0

    def __init__(self) -> None:
        type(self).built += 1
        self.jobs = 0

    def run(self, x: int) -> list[int]:
        self.jobs += 1
        return [x, self.jobs]

    async def later(self, x: int) -> int:
        return x

    @staticmethod
    def static(x: int) -> int:
        return x

    @classmethod
    def owner(cls) -> str:
        return cls.__name__

    def chunks(self, n: int) -> Iterator[int]:
        yield from range(n)

    async def chunks_async(self, n: int) -> AsyncIterator[int]:
        for i in range(n):
            yield i

    def _private(self) -> None: ...


def test_a_class_is_built_once_per_worker() -> None:
    Model.built = 0
    run = handler(Model)
    assert run(job(method="run", x=5)) == [5, 1]
    assert run(job(method="run", x=5)) == [5, 2]
    assert Model.built == 1


def test_every_kind_of_method_can_be_called() -> None:
    run = handler(Model)
    assert run(job(method="inherited")) == "inherited"
    assert run(job(method="static", x=1)) == 1
    assert run(job(method="owner")) == "Model"
    assert run(job(method="chunks", n=2)) == [0, 1]
    assert asyncio.run(awaited(run(job(method="later", x=1)))) == 1
    assert asyncio.run(awaited(run(job(method="chunks_async", n=2)))) == [0, 1]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "the input of Model names no `method`; it has .*'run'"),
        ({"method": "_private"}, "names the method '_private'"),
        ({"method": "__init__"}, "names the method '__init__'"),
        ({"method": ["run"]}, "names the method"),
    ],
)
def test_a_method_that_there_is_not(given: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        handler(Model)(job(**given))


class Only:
    def run(self, method: Any = "none") -> Any:
        return method


def test_an_only_method_need_not_be_named() -> None:
    run = handler(Only)
    assert run(job()) == "none"
    assert run(job(method="mine")) == "mine"
    assert run(job(method="run")) == "none"


def test_an_argument_named_method_may_be_anything() -> None:
    assert handler(Only)(job(method=["a"])) == ["a"]


def test_a_worker_tells_its_build_without_code_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    def plain(**given: object) -> None:
        calls.append(given)

    async def coroutine(x: int) -> None:
        calls.append(x)

    async def generator(x: int) -> AsyncIterator[int]:
        calls.append(x)
        yield x

    class Methods:
        def one(self, **given: object) -> None:
            calls.append(given)

        def two(self, **given: object) -> None:
            calls.append(given)

    monkeypatch.setattr(app, "BUILD", "0123456789abcdef")
    question = job(**identity.QUESTION)
    for target in (plain, coroutine, Methods):
        assert handler(target)(question) == "0123456789abcdef"
        assert handler(target, 3)(question) == "0123456789abcdef"
    assert asyncio.run(awaited(handler(generator)(question))) == ["0123456789abcdef"]
    assert calls == []
    handler(plain)(job(**identity.QUESTION, more=1))  # only exactly the question is one
    assert calls == [{**identity.QUESTION, "more": 1}]

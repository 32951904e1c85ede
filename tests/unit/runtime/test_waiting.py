"""Calls of a plain function's stub: awaited through plain code, or used at once."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flashc_backends.runtime import dispatch, sending, waiting
from flashc_backends.runtime.values import plain


@pytest.fixture(autouse=True)
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer every job with twice its argument."""

    async def send_async(job: Any) -> int:
        await asyncio.sleep(0)
        return int(job.payload["x"]) * 2

    monkeypatch.setattr(sending, "send_async", send_async)
    monkeypatch.setattr(sending, "send", lambda job: job.payload["x"] * 2)


def _double(x: int) -> Any: ...


double = dispatch.stub_of("double", _double)


class Client:
    def __init__(self, call: Callable[[int], Any]) -> None:
        self.call = call

    def go(self, x: int) -> Any:
        return self.call(x)


def start(x: int) -> Any:
    return double(x)


def further(x: int) -> Any:
    return start(x)


def start_all(numbers: list[int]) -> list[Any]:
    return [double(x) for x in numbers]


def make_task(x: int) -> asyncio.Task[Any]:
    return asyncio.create_task(double(x))


def kept(x: int) -> Any:
    call = double(x)
    return call  # noqa: RET504


def chosen(x: int) -> Any:
    return double(x) if x else None


def guarded(x: int) -> Any:
    try:
        return double(x)
    finally:
        pass


def in_dictionary(x: int) -> dict[str, Any]:
    return {"a": double(x)}


async def retry(call: Callable[[], Any]) -> Any:
    return await call()


WAITS = "all else in this worker waits"  # the warning of plain code that waits in an event loop
AWAITED: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {}
USED: dict[str, Callable[[], Any]] = {}


def awaited(function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    AWAITED[function.__name__] = function


def used(function: Callable[[], Any]) -> None:
    USED[function.__name__] = function


@awaited
async def directly() -> Any:
    return await double(2)


@awaited
async def through_a_lambda() -> Any:
    return await retry(lambda: double(2))


@awaited
async def through_a_partial() -> Any:
    return await retry(functools.partial(double, 2))


@awaited
async def through_a_helper() -> Any:
    return await start(2)


@awaited
async def through_two_helpers() -> Any:
    return await further(2)


@awaited
async def through_a_nested_function() -> Any:
    def inner() -> Any:
        return double(2)

    return await inner()


@awaited
async def through_a_method() -> Any:
    return await Client(double).go(2)


@awaited
async def through_a_variable() -> Any:
    return await kept(2)


@awaited
async def through_a_choice() -> Any:
    return await chosen(2)


@awaited
async def through_a_try() -> Any:
    return await guarded(2)


@awaited
async def through_a_list() -> Any:
    return (await asyncio.gather(*start_all([2])))[0]


@awaited
async def through_a_variable_of_async_code() -> Any:
    pending = start(2)
    await asyncio.sleep(0)
    return await pending


@awaited
async def through_a_variable_of_async_code_and_a_list() -> Any:
    pending = start(2)
    more = start(3)
    found = await asyncio.gather(pending, more)
    return found[0]


@awaited
async def not_at_all() -> Any:
    found = start(1)
    with pytest.warns(RuntimeWarning, match=WAITS):
        return found + 2


@awaited
async def through_two_lists() -> Any:
    found = await asyncio.gather(*start_all([2]), *start_all([3]))
    return found[0]


@awaited
async def through_map() -> Any:
    return (await asyncio.gather(*map(double, [2])))[0]


@awaited
async def through_a_dictionary() -> Any:
    return await in_dictionary(2)["a"]


@awaited
async def through_a_task() -> Any:
    return await make_task(2)


@awaited
async def through_a_task_of_a_helper() -> Any:
    return await asyncio.create_task(start(2))


@awaited
async def through_a_time_limit() -> Any:
    return await asyncio.wait_for(start(2), 5)


@awaited
async def in_a_thread() -> Any:
    return await asyncio.to_thread(double, 2)


@awaited
async def in_a_pool() -> Any:
    with ThreadPoolExecutor() as pool:
        return next(iter(pool.map(double, [2])))


@used
def in_a_sum() -> Any:
    return double(1) + 2


@used
def in_a_later_sum() -> Any:
    result = double(1)
    return result + 2


@used
def in_a_list() -> Any:
    return sum([double(1), double(1)])


@used
def in_a_generator() -> Any:
    return sum(double(x) for x in [0, 2])


@used
def in_a_text() -> Any:
    return int(f"{double(2)}")


@used
def in_a_comparison() -> Any:
    return 4 if double(2) == 4 else 0


@used
def as_a_key() -> Any:
    return {4: 4}[double(2)]


@used
def as_an_argument() -> Any:
    return abs(double(-2))


@used
def as_a_result_of_json() -> Any:
    return plain(in_dictionary(2))["a"]


@pytest.mark.parametrize("form", AWAITED.values(), ids=list(AWAITED))
def test_plain_code_passes_a_call_on_to_an_await(
    form: Callable[[], Coroutine[Any, Any, Any]],
) -> None:
    assert asyncio.run(form()) == 4


@pytest.mark.parametrize("form", USED.values(), ids=list(USED))
def test_plain_code_uses_a_result_at_once(form: Callable[[], Any]) -> None:
    async def within_async_code() -> Any:
        return form()

    assert form() == 4
    with pytest.warns(RuntimeWarning, match=WAITS):
        assert asyncio.run(within_async_code()) == 4


def test_a_result_that_is_no_number_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "send", lambda job: {"items": [job.payload["x"]], "none": None})

    async def use() -> list[Any]:
        (found,) = start_all([3])
        found["more"] = 1
        return ["items" in found, len(found), list(found), bool(found), isinstance(found, dict)]

    with pytest.warns(RuntimeWarning, match=WAITS):
        assert asyncio.run(use()) == [True, 3, ["items", "none", "more"], True, True]


def test_a_task_sends_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(sending, "send", lambda _job: sent.append("blocking"))

    async def send_async(_job: Any) -> None:
        sent.append("async")

    monkeypatch.setattr(sending, "send_async", send_async)

    async def use() -> None:
        task = make_task(1)
        assert "Deferred" in repr(task)
        assert not sent
        await asyncio.sleep(0)
        assert "running" in repr(task) or "finished" in repr(task)
        await task
        await asyncio.gather(*start_all([1]))
        await asyncio.wait_for(in_dictionary(1)["a"], 5)

    asyncio.run(use())
    assert sent == ["async"] * 3


def test_a_call_that_is_neither_awaited_nor_used_is_noticed() -> None:
    async def forget() -> None:
        start_all([3])

    with pytest.warns(RuntimeWarning, match="neither awaited nor used, so it was not sent"):
        asyncio.run(forget())


def test_an_operator_that_a_result_lacks_raises_as_usual() -> None:
    async def use(operate: Callable[[Any], Any]) -> Any:
        return operate(start_all([3])[0])

    for operate in (lambda found: found + "a", len, lambda found: found[0]):
        with pytest.raises(TypeError), pytest.warns(RuntimeWarning, match=WAITS):
            asyncio.run(use(operate))


def test_what_a_job_returns_is_awaited_and_blocks_nothing() -> None:
    """A call that async code returns, or puts into what it returns, has not begun."""

    async def run(form: Callable[[], Any]) -> Any:
        async def job() -> Any:
            return form()

        return plain(await waiting.with_calls_awaited(await job()))

    call = {"a": [(1, start(2)), start(3)], "b": 5}
    assert asyncio.run(run(lambda: call)) == {"a": [[1, 4], 6], "b": 5}
    assert asyncio.run(run(lambda: start(4))) == 8
    assert asyncio.run(run(lambda: start_all([1, 2]))) == [2, 4]

    async def twice() -> Any:
        one = start_all([1])[0]
        return await run(lambda: [one, one])

    assert asyncio.run(twice()) == [2, 2]


def test_a_value_that_contains_itself_stays_as_it_is() -> None:
    value: list[Any] = []
    value.append(value)
    assert asyncio.run(waiting.with_calls_awaited(value)) is value

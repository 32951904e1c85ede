"""Calls of a plain function's stub in plain code that starts an event loop for them."""

from __future__ import annotations

import asyncio
from asyncio import run as run_now
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flashc_backends.runtime import dispatch, sending


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
RAN: dict[str, Callable[[], Any]] = {}


def start(x: int) -> Any:
    return double(x)


def run_it(call: Any) -> Any:
    return asyncio.run(call)


def ran(function: Callable[[], Any]) -> None:
    RAN[function.__name__] = function


@ran
def by_run() -> Any:
    return asyncio.run(double(2))


@ran
def by_a_run_of_another_name() -> Any:
    return run_now(double(2))


@ran
def by_a_loop() -> Any:
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(double(2))
    finally:
        loop.close()


@ran
def by_a_time_limit() -> Any:
    return asyncio.run(asyncio.wait_for(double(2), 5))


@ran
def by_a_variable() -> Any:
    call = double(2)
    return asyncio.run(call)


@ran
def by_a_helper() -> Any:
    return asyncio.run(start(2))


@ran
def by_a_function_of_the_module() -> Any:
    return run_it(double(2))


@ran
def by_gather_of_a_list() -> Any:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        calls = [double(x) for x in (2, 3)]
        return loop.run_until_complete(asyncio.gather(*calls))[0]
    finally:
        asyncio.set_event_loop(None)
        loop.close()


@ran
def by_an_inner_function() -> Any:
    async def both() -> Any:
        return await asyncio.gather(double(2), double(3))

    return asyncio.run(both())[0]


@ran
def by_run_and_used_at_once() -> Any:
    return asyncio.run(double(1)) + double(1)


@ran
def by_run_and_used_later() -> Any:
    found = double(1)
    other = asyncio.run(double(1))
    return {"a": found + other}["a"]


@pytest.mark.parametrize("form", RAN.values(), ids=list(RAN))
def test_plain_code_gives_a_call_to_an_event_loop(form: Callable[[], Any]) -> None:
    assert form() == 4
    with ThreadPoolExecutor() as pool:
        assert pool.submit(form).result() == 4

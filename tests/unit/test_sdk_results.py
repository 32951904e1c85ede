"""How scripts read the results of generators, and which generators return them."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from flashc.sdk.results import Results, readable


def plain() -> Generator[int]:
    yield from (1, 2)


async def asynchronous() -> AsyncGenerator[int]:
    for number in (1, 2):
        yield number


async def in_a_loop(results: Results) -> list[Any]:
    return [item async for item in results]


async def at_once(results: Results) -> list[Any]:
    return await results


def test_each_kind_of_generator_has_its_loop_and_both_can_be_awaited() -> None:
    assert list(Results(plain())) == asyncio.run(in_a_loop(Results(asynchronous()))) == [1, 2]
    for make in (plain, asynchronous):
        assert asyncio.run(at_once(Results(make()))) == [1, 2]
    with pytest.raises(TypeError):
        list(Results(asynchronous()))
    with pytest.raises(TypeError):
        asyncio.run(in_a_loop(Results(plain())))


def test_results_can_be_copied() -> None:
    results = Results(plain())
    assert list(copy.copy(results)) == [1, 2]
    with pytest.raises(AttributeError):
        _ = Results.__new__(Results).anything


@readable
class Stub:
    def method(self) -> Any:
        yield "method"

    @staticmethod
    def static(first: str) -> Any:
        yield first

    @classmethod
    def of_class(cls) -> Any:
        yield cls.__name__

    @staticmethod
    async def later() -> Any:
        yield "later"

    @staticmethod
    def value() -> int:
        return 1


def test_every_method_that_generates_returns_results() -> None:
    for place in (Stub, Stub()):
        for made, item in ((place.static("static"), "static"), (place.of_class(), "Stub")):
            assert isinstance(made, Results)
            assert asyncio.run(at_once(made)) == [item]
        assert asyncio.run(at_once(place.later())) == ["later"]
        assert place.value() == 1
    assert list(Stub().method()) == ["method"]

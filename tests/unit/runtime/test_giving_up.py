"""Who does not want a result any more says so, and the conversation may send one last request."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from flashc_backends.runtime import exchange
from flashc_backends.runtime.exchange import Abandoned, Conversation, Item, Pause, Send
from flashc_backends.runtime.replies import Reply


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The URLs of the requests, each of which is answered at once."""
    urls: list[str] = []

    async def answer(step: Send) -> Reply:
        urls.append(step.url)
        return Reply(status=200, body=None)

    monkeypatch.setattr(exchange, "_exchange", answer)
    return urls


def counting() -> Conversation:
    """A conversation that yields numbers, and says good-bye if it is abandoned."""
    try:
        for number in range(1000):
            yield Item(number)
            yield Pause(0.0)
    except Abandoned:
        yield Send(method="POST", url="good-bye", headers={}, timeout=1.0)
        raise


def test_items_are_yielded_as_they_come_and_the_rest_is_abandoned(sent: list[str]) -> None:
    items = exchange.iterate(counting())
    assert list(itertools.islice(items, 3)) == [0, 1, 2]
    items.close()
    assert sent == ["good-bye"]

    async def some() -> int:
        async with contextlib.aclosing(exchange.iterate_async(counting())) as items:
            async for item in items:
                if item == 2:
                    return int(item)
        raise AssertionError

    assert asyncio.run(some()) == 2
    assert sent == ["good-bye"] * 2


def test_a_cancelled_task_says_good_bye(sent: list[str]) -> None:
    begun = threading.Event()

    def waiting() -> Conversation:
        try:
            yield Send(method="GET", url="state", headers={}, timeout=1.0)
            begun.set()
            yield Pause(600.0)
        except Abandoned:
            yield Send(method="POST", url="good-bye", headers={}, timeout=1.0)
            raise

    async def main() -> None:
        task = asyncio.create_task(exchange.run_async(waiting()))
        await asyncio.to_thread(begun.wait, 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert sent == ["state", "good-bye"]


def test_no_more_requests_than_slots_are_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    running = most = 0

    async def answer(_step: Send) -> Reply:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return Reply(status=200, body=None)

    def one() -> Conversation:
        return (yield Send(method="GET", url="state", headers={}, timeout=1.0))

    async def main() -> None:
        await asyncio.gather(*(exchange.run_async(one()) for _ in range(300)))

    monkeypatch.setattr(exchange, "_exchange", answer)
    asyncio.run(main())
    assert 1 <= most <= exchange._MOST


def submitting() -> Conversation:
    """A conversation whose first request submits a job; only its reply has the id that the last one needs."""
    reply: Reply | None = None
    try:
        reply = yield Send(method="POST", url="submit", headers={}, timeout=60.0, is_kept=True)
        yield Pause(600.0)
    except Abandoned:
        if reply is not None:
            yield Send(method="POST", url="good-bye", headers={}, timeout=1.0)
        raise


class Slow:
    """A platform that answers the first request when it is told to, and all others at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[str] = []
        self.may_answer = threading.Event()
        self.ended = threading.Event()
        monkeypatch.setattr(exchange, "_exchange", self.answer)

    async def answer(self, step: Send) -> Reply:
        self.sent.append(step.url)
        if len(self.sent) == 1:
            await asyncio.to_thread(self.may_answer.wait, 60)
        else:
            self.ended.set()
        return Reply(status=200, body=None)

    def give_up_on(self, waiting: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Cancel what waits for a conversation when the first request is sent, and has no answer yet."""

        async def until_the_first_is_sent() -> None:
            while not self.sent:
                await asyncio.sleep(0.01)

        async def main() -> None:
            task = asyncio.create_task(waiting())
            await asyncio.wait_for(until_the_first_is_sent(), 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        assert self.sent == ["submit"]


@pytest.mark.parametrize(
    "waiting",
    [
        lambda: exchange.run_async(submitting()),
        lambda: anext(exchange.iterate_async(submitting())),
    ],
    ids=["a task", "a generator"],
)
def test_who_gives_up_before_the_first_reply_ends_at_once_and_cancels_the_job(
    waiting: Callable[[], Coroutine[Any, Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)
    slow.give_up_on(waiting)
    slow.may_answer.set()
    assert slow.ended.wait(60)
    assert slow.sent == ["submit", "good-bye"]


def test_a_job_that_has_ended_meanwhile_is_not_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    over = threading.Event()

    def ending() -> Conversation:
        yield Send(method="POST", url="submit", headers={}, timeout=60.0, is_kept=True)
        over.set()
        return 42

    slow.give_up_on(lambda: exchange.run_async(ending()))
    slow.may_answer.set()
    assert over.wait(60)
    exchange.finish_leaving()
    assert slow.sent == ["submit"]


def test_a_reply_that_does_not_come_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = Slow(monkeypatch)
    monkeypatch.setattr(exchange, "_KEPT_SECONDS", 0.2)
    slow.give_up_on(lambda: exchange.run_async(submitting()))
    exchange.finish_leaving()
    slow.may_answer.set()
    assert slow.sent == ["submit"]

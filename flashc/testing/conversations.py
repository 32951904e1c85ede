"""Run conversations (generators that yield requests) with a given client of httpx, and define one that streams a job.

They run blocking, on an event loop, or item by item.  `flashc_backends/runtime/exchange.py` says what a conversation
yields and gets; here, an item is an `Item` of this module.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Generator
from typing import Any

import httpx
from msgspec import Struct

from flashc_backends.runtime import wire
from flashc_backends.runtime.exchange import Pause, Send, Unreachable
from flashc_backends.runtime.failures import remote_failure
from flashc_backends.runtime.platform import Location
from flashc_backends.runtime.replies import Reply

_PAUSE = 0.05  # seconds between two requests for new items
_LONGEST = 100.0  # must be longer than the 90 s that the platform may wait before it answers
_WAITING = ("IN_QUEUE", "IN_PROGRESS", "RUNNING")


class Item(Struct):
    """A result of a generator."""

    value: Any


Step = Send | Pause | Item
Conversation = Generator[Step, Any, Any]


def run(conversation: Generator[Any, Any, Any], client: httpx.Client) -> Any:
    """Run a conversation to its end, blocking, and return its result."""
    items = iterate(conversation, client)
    while True:
        try:
            next(items)
        except StopIteration as end:
            return end.value


def iterate(
    conversation: Generator[Any, Any, Any], client: httpx.Client
) -> Generator[Any, None, Any]:
    """Run a conversation, yield its items, and return its result."""
    turn = _Turn(conversation)
    while not turn.is_over:
        match turn.step:
            case Send() as send:
                try:
                    response = client.request(**_arguments(send))
                except httpx.HTTPError as error:
                    turn.fail(send, error)
                else:
                    turn.answer(response)
            case Pause(seconds=seconds):
                time.sleep(seconds)
                turn.go_on()
            case item:
                yield item.value
                turn.go_on()
    return turn.result


async def run_async(conversation: Generator[Any, Any, Any], client: httpx.AsyncClient) -> Any:
    """Run a conversation to its end on the running event loop, and return its result."""
    turn = _Turn(conversation)
    async for _ in _items(turn, client):
        pass
    return turn.result


async def iterate_async(
    conversation: Generator[Any, Any, Any], client: httpx.AsyncClient
) -> AsyncIterator[Any]:
    """Run a conversation on the running event loop, and yield its items."""
    async for item in _items(_Turn(conversation), client):
        yield item


async def _items(turn: _Turn, client: httpx.AsyncClient) -> AsyncIterator[Any]:
    """Yield the items of a conversation until it is over."""
    while not turn.is_over:
        match turn.step:
            case Send() as send:
                try:
                    response = await client.request(**_arguments(send))
                except httpx.HTTPError as error:
                    turn.fail(send, error)
                else:
                    turn.answer(response)
            case Pause(seconds=seconds):
                await asyncio.sleep(seconds)
                turn.go_on()
            case item:
                yield item.value
                turn.go_on()


class _Turn:
    """A conversation and the step that is due; `result` is its result when it is over."""

    def __init__(self, conversation: Generator[Any, Any, Any]) -> None:
        self._conversation = conversation
        self.is_over = False
        self.step: Any = None
        self.result: Any = None
        self.go_on()

    def go_on(self, answer: Reply | None = None) -> None:
        """Give the conversation an answer, and take its next step."""
        try:
            self.step = self._conversation.send(answer)
        except StopIteration as end:
            self.is_over, self.result = True, end.value

    def answer(self, response: httpx.Response) -> None:
        """Give the conversation a response."""
        try:
            body = response.json()
        except ValueError:
            body = response.text
        self.go_on(Reply(status=response.status_code, body=body))

    def fail(self, send: Send, error: httpx.HTTPError) -> None:
        """Tell the conversation that there is no response."""
        late = isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError))
        reason = Unreachable(f"{type(error).__name__} on {send.method} {send.url}", late)
        try:
            self.step = self._conversation.throw(reason)
        except StopIteration as end:
            self.is_over, self.result = True, end.value


def _arguments(send: Send) -> dict[str, Any]:
    """Return the keyword arguments of `httpx.Client.request` that send a request."""
    return {
        "method": send.method,
        "url": send.url,
        "headers": send.headers,
        "timeout": send.timeout,
        **send.content,
    }


def stream_job(location: Location, resource: str, function: str, given: Any) -> Conversation:
    """Submit a job, and yield an `Item` for each result of its generator as soon as it is there.

    Raises:
        RemoteError: the job failed, perhaps after some results, or a request got an error or no answer.
    """
    body = yield from _ask(location, "POST", "run", resource, function, {"json": {"input": given}})
    job = body["id"]
    while True:
        body = yield from _ask(location, "GET", f"stream/{job}", resource, function)
        for part in body.get("stream", ()):
            yield Item(part["output"])
        if body.get("stream"):
            continue
        if body["status"] not in _WAITING:
            break
        yield Pause(_PAUSE)
    body = yield from _ask(location, "GET", f"status/{job}", resource, function)
    if body["status"] != "COMPLETED" or body.get("error"):
        record = body.get("error") or f"the job was {body['status']}"
        raise remote_failure(resource, function, record, body["status"])


def _ask(
    location: Location,
    method: str,
    operation: str,
    resource: str,
    function: str,
    content: dict[str, Any] | None = None,
) -> Generator[Step, Any, dict[str, Any]]:
    """Send a request to the job API and return the parsed answer.

    Raises:
        RemoteError: there is no answer, or its status is 400 or above; redirects count as answers.
    """
    url = f"{location.jobs}/{operation}"
    try:
        reply = yield Send(
            method=method,
            url=url,
            headers=location.headers,
            timeout=_LONGEST,
            content=content or {},
        )
    except Unreachable as error:
        raise wire.lost(error, resource, function) from None
    if reply.status >= 400:
        raise wire.refused(reply, resource, function)
    body: dict[str, Any] = reply.body
    return body

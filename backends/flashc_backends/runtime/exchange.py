"""Send HTTP requests to the platform with httpx, in blocking code and on an event loop.

A conversation is a generator that yields a `Send` or a `Pause`.  It gets a `Reply` for each `Send`,
or an `Unreachable` is raised in it.  It returns its result.  `run` and `run_async` run it with
httpx.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
import weakref
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    import httpx


@dataclass
class Send:
    """One HTTP request.  `timeout` is in seconds; `content` are keyword arguments of httpx."""

    method: str
    url: str
    headers: dict[str, Any]
    timeout: float
    content: dict[str, Any] = field(default_factory=dict)


@dataclass
class Pause:
    """A pause of some seconds."""

    seconds: float


@dataclass
class Reply:
    """A reply: the status, and the body as parsed JSON, or as text if it is not JSON.

    `content` are the bytes of the body, `media` is its type, such as "image/png".
    """

    status: int
    body: Any
    content: bytes | None = field(default=None, compare=False)
    media: str = field(default="", compare=False)


class Unreachable(Exception):
    """There was no reply.  `timed_out`: the request was sent, and no reply came in time."""

    def __init__(self, reason: str, timed_out: bool) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


Conversation = Generator[Union[Send, Pause], Any, Any]


def run(conversation: Conversation) -> Any:
    """Run a conversation to its end, blocking, and return its result."""
    import httpx

    answer: Any = None
    failure: Unreachable | None = None
    while True:
        try:
            step = conversation.throw(failure) if failure else conversation.send(answer)
        except StopIteration as stop:
            return stop.value
        answer, failure = None, None
        if isinstance(step, Pause):
            time.sleep(step.seconds)
            continue
        try:
            answer = _reply(_client().request(**_arguments(step)))
        except httpx.HTTPError as error:
            failure = _unreachable(step, error)


async def run_async(conversation: Conversation) -> Any:
    """Run a conversation to its end on the running event loop, and return its result."""
    import httpx

    answer: Any = None
    failure: Unreachable | None = None
    while True:
        try:
            step = conversation.throw(failure) if failure else conversation.send(answer)
        except StopIteration as stop:
            return stop.value
        answer, failure = None, None
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
            continue
        try:
            answer = _reply(await _async_client().request(**_arguments(step)))
        except httpx.HTTPError as error:
            failure = _unreachable(step, error)


def _arguments(step: Send) -> dict[str, Any]:
    """Return the keyword arguments of httpx for a request."""
    return {
        "method": step.method,
        "url": step.url,
        "headers": step.headers,
        "timeout": step.timeout,
        **step.content,
    }


def _reply(response: httpx.Response) -> Reply:
    """Return httpx's response as a `Reply`."""
    media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        body = response.json()
    except ValueError:
        body = response.text
    return Reply(response.status_code, body, response.content, media)


def _unreachable(step: Send, error: httpx.HTTPError) -> Unreachable:
    """Return the exception for a request that failed in httpx."""
    import httpx

    late = isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError))
    return Unreachable(f"{type(error).__name__} on {step.method} {step.url}", late)


# Clients: calls share connections; processes and event loops do not -----------------------------

_CONNECT_RETRIES = 2  # only connecting is tried again: nothing was sent yet
_lock = threading.Lock()
_blocking: dict[int, Any] = {}
_by_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = weakref.WeakKeyDictionary()


def _client() -> httpx.Client:
    """Return the blocking client of this process."""
    import httpx

    with _lock:
        pid = os.getpid()
        if pid not in _blocking:
            _blocking.clear()
            _blocking[pid] = httpx.Client(transport=httpx.HTTPTransport(retries=_CONNECT_RETRIES))
        return _blocking[pid]


def _async_client() -> httpx.AsyncClient:
    """Return the client of the running event loop."""
    import httpx

    loop = asyncio.get_running_loop()
    if loop not in _by_loop:
        transport = httpx.AsyncHTTPTransport(retries=_CONNECT_RETRIES)
        _by_loop[loop] = httpx.AsyncClient(transport=transport)
    return _by_loop[loop]

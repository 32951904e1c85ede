"""Send HTTP requests to the platform with httpx, for blocking code and for code on an event loop.

A conversation is a generator that yields a `Send`, a `Pause` or an `Item`.  It gets a `Reply` for
each `Send`, or an `Unreachable` is raised in it.  It returns its result.  `run` and `run_async` run
it on the event loop of a thread that sends all requests of the process: they share its connections,
and the time limit of a request does not depend on what blocks the caller's own event loop.
`iterate` and `iterate_async` also yield its items.

If the caller does not want the result any more, `Abandoned` is raised in the conversation.  The
conversation may then yield one more `Send`, for example to cancel a job.  If this `Send` needs a reply
that has not arrived yet, the sending thread waits for the reply.  The caller does not wait for it, but
the process does before it ends, for a limited time.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Union
from urllib.parse import unquote

from .replies import Body, Reply, Unreadable, reply_of

if TYPE_CHECKING:
    import httpx


@dataclass(kw_only=True)
class Send:
    """One HTTP request; `content` are keyword arguments of httpx.

    `timeout` are the seconds from connecting up to the last byte of the answer.  `is_kept` says that the
    reply is needed even if the caller gives up before it arrives, because the reply contains the id of
    the job to cancel.
    """

    method: str
    url: str
    headers: dict[str, Any]
    timeout: float
    content: dict[str, Any] = field(default_factory=dict)
    is_kept: bool = False


@dataclass
class Pause:
    """A pause of some seconds."""

    seconds: float


@dataclass
class Item:
    """One of several results."""

    value: Any


def leaves_route(path: str) -> bool:
    """Return whether a path has a segment `.` or `..`, also an encoded one.

    Clients, proxies and servers remove such segments, so that the request reaches another route.
    """
    before = ""
    while path != before:
        before, path = path, unquote(path)
    segments = path.partition("?")[0].replace("\\", "/").split("/")
    return any(segment in (".", "..") for segment in segments)


class Unreachable(Exception):
    """There was no reply.

    `timed_out`: the request was sent, and no reply came in time.  `answered`: what came is no reply
    that can be read.
    """

    def __init__(self, reason: str, timed_out: bool, *, answered: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out
        self.answered = answered


class Abandoned(BaseException):
    """The caller was cancelled or interrupted, and does not wait for the result any more."""


Conversation = Generator[Union[Send, Pause, Item], Any, Any]


class _Talk:
    """A conversation that runs, and the answer to its last request.

    `task` runs it at present.  `receiving` is a reply on its way that is needed in any case.
    """

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.answer: Reply | Unreachable | None = None
        self.task: asyncio.Task[Any] | None = None
        self.receiving: asyncio.Future[Reply] | None = None

    def proceed(self) -> Send | Pause | Item:
        """Give the answer to the conversation, and return what it yields or returns next."""
        answer, self.answer = self.answer, None
        try:
            if isinstance(answer, Unreachable):
                return self.conversation.throw(answer)
            return self.conversation.send(answer)
        except StopIteration as stop:
            return _Result(stop.value)

    def abandon(self) -> Send | None:
        """Raise `Abandoned` in the conversation; return the last request that it wants to send, or None."""
        with contextlib.suppress(Abandoned, StopIteration):
            step = self.conversation.throw(Abandoned())
            return step if isinstance(step, Send) else None
        return None


class _Result(Item):
    """What a conversation returned."""


def run(conversation: Conversation) -> Any:
    """Run a conversation to its end, blocking, and return its result."""
    talk = _Talk(conversation)
    try:
        return _begin(_next(talk)).result().value
    except KeyboardInterrupt:
        _send_last_request(talk)
        raise


async def run_async(conversation: Conversation) -> Any:
    """Run a conversation to its end while the running event loop goes on, and return its result."""
    talk = _Talk(conversation)
    try:
        return (await asyncio.wrap_future(_begin(_next(talk)))).value
    except asyncio.CancelledError:
        await _send_last_request_async(talk)
        raise


def iterate(conversation: Conversation) -> Generator[Any, None, None]:
    """Run a conversation to its end, blocking, and yield its items."""
    talk = _Talk(conversation)
    try:
        while not isinstance(item := _begin(_next(talk)).result(), _Result):
            yield item.value
    except (KeyboardInterrupt, GeneratorExit):
        _send_last_request(talk)
        raise


async def iterate_async(conversation: Conversation) -> AsyncGenerator[Any, None]:
    """Run a conversation to its end while the running event loop goes on, and yield its items."""
    talk = _Talk(conversation)
    try:
        while not isinstance(item := await asyncio.wrap_future(_begin(_next(talk))), _Result):
            yield item.value
    except (asyncio.CancelledError, GeneratorExit):
        await _send_last_request_async(talk)
        raise


def _send_last_request(talk: _Talk) -> None:
    """Let a conversation send its last request, and block until the request is answered.

    Return at once if a reply that the conversation needs is still on its way.
    """
    left = _leave(talk)
    if left is not None:
        left.result()


async def _send_last_request_async(talk: _Talk) -> None:
    """Let a conversation send its last request, and wait until the request is answered.

    Return at once if a reply that the conversation needs is still on its way.
    """
    left = _leave(talk)
    if left is not None:
        await asyncio.wrap_future(left)


_leaving: set[tuple[int, Future[Any]]] = set()


def _leave(talk: _Talk) -> Future[Any] | None:
    """Begin to abandon a conversation; return the future that the caller must wait for.

    The result is None if only the end of the process must wait, because a reply that the conversation
    needs is still on its way.
    """
    waits = talk.receiving is not None
    left = _begin(_abandon(talk))
    if not waits:
        return left
    entry = (os.getpid(), left)
    _leaving.add(entry)
    left.add_done_callback(lambda _: _leaving.discard(entry))
    return None


def finish_leaving() -> None:
    """Wait for the last requests of conversations that this process has abandoned."""
    with contextlib.suppress(KeyboardInterrupt):
        wait([left for pid, left in _leaving if pid == os.getpid()], timeout=2 * _KEPT_SECONDS)


def _begin(coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
    """Begin to run a coroutine in the thread that sends requests, in the caller's context."""
    return asyncio.run_coroutine_threadsafe(coroutine, _sending_loop())


async def _next(talk: _Talk) -> Item:
    """Return the next item of a conversation, or its result."""
    talk.task = asyncio.current_task()
    pid = os.getpid()
    slots = _slots.get(pid) or _slots.setdefault(pid, asyncio.Semaphore(_MOST))
    while True:
        # The time limit of a request begins when the request has a slot; that of a conversation, with
        # its first slot
        async with slots:
            step = talk.proceed()
            if isinstance(step, Send):
                try:
                    talk.answer = await (_kept(talk, step) if step.is_kept else _exchange(step))
                except Unreachable as error:
                    talk.answer = error
                continue
        if isinstance(step, Item):
            return step
        await asyncio.sleep(step.seconds)


async def _kept(talk: _Talk, step: Send) -> Reply:
    """Send a request and return the reply, which is still received if the running task is cancelled.

    Raises:
        Unreachable: no reply came.
    """
    receiving = talk.receiving = asyncio.ensure_future(_exchange(step))
    await asyncio.wait((receiving,))
    talk.receiving = None
    return receiving.result()


async def _abandon(talk: _Talk) -> None:
    """Cancel the running task, wait for the reply that the last request needs, and send the request."""
    if talk.task is not None and not talk.task.done():
        talk.task.cancel()
        await asyncio.wait((talk.task,))
    receiving, talk.receiving = talk.receiving, None
    if receiving is not None:
        await asyncio.wait((receiving,), timeout=_KEPT_SECONDS)
        if receiving.done() and not receiving.cancelled() and receiving.exception() is None:
            talk.answer = receiving.result()
            if isinstance(talk.proceed(), Item):
                return
        receiving.cancel()
    last = talk.abandon()
    if last is not None:
        with contextlib.suppress(Unreachable):  # the caller does not wait for anything
            await _exchange(last)


async def _exchange(step: Send) -> Reply:
    """Send a request and return the reply.

    Raises:
        Unreachable: no reply came, or not all of it in time, or it can't be read.
    """
    import httpx

    where = f"on {step.method} {step.url}"
    try:
        return await asyncio.wait_for(_receive(step), step.timeout)
    except asyncio.TimeoutError:
        text = f"no complete answer within {step.timeout:g} s {where}"
        raise Unreachable(text, True) from None
    except (httpx.HTTPError, httpx.InvalidURL, Unreadable) as error:
        late = isinstance(error, (httpx.ReadTimeout, httpx.WriteTimeout, httpx.ReadError))
        odd = isinstance(error, (httpx.RemoteProtocolError, Unreadable))
        text = f"{type(error).__name__.lstrip('_')} {where}: {str(error)[:200]}"
        raise Unreachable(text, late, answered=odd) from None


async def _receive(step: Send) -> Reply:
    """Send a request, and read the answer up to its end.

    Raises:
        httpx.HTTPError, httpx.InvalidURL, Unreadable: there is no answer, or it can't be read.
    """
    sent: dict[str, Any] = {"headers": step.headers, "timeout": step.timeout, **step.content}
    async with _client().stream(step.method, step.url, **sent) as response:
        body = Body(response.headers.get("content-encoding", ""))
        async for chunk in response.aiter_raw():
            body.add(chunk)
    return reply_of(response, body.whole())


# The thread that sends requests: one in each process ---------------------------------------------

_CONNECT_RETRIES = 2  # only connecting is tried again: nothing was sent yet
_KEPT_SECONDS = 10.0  # how long a reply is waited for after its caller has given up
_MOST = 100  # requests at once; more wait for their turn, which is not a part of their time limit
# Many servers close a connection that was idle for 5 seconds.  A request that is just then on its way
# is lost, and can't be sent again, because it may have been carried out.
_IDLE_SECONDS = 2.0
_lock = threading.Lock()
_loops: dict[int, asyncio.AbstractEventLoop] = {}  # by the id of the process, which may be forked
_clients: dict[int, httpx.AsyncClient] = {}
_slots: dict[int, asyncio.Semaphore] = {}


def _sending_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that sends the requests of this process."""
    pid = os.getpid()
    with _lock:
        if pid not in _loops:
            loop = _loops[pid] = asyncio.new_event_loop()
            atexit.register(finish_leaving)
            threading.Thread(target=loop.run_forever, name="flashc-calls", daemon=True).start()
        return _loops[pid]


def _client() -> httpx.AsyncClient:
    """Return the client of this process, which keeps no cookies.

    Only code on the loop that sends requests may call this function.
    """
    pid = os.getpid()
    if pid not in _clients:
        from http.cookiejar import DefaultCookiePolicy

        import httpx

        limits = httpx.Limits(
            max_connections=None, max_keepalive_connections=_MOST, keepalive_expiry=_IDLE_SECONDS
        )
        transport = httpx.AsyncHTTPTransport(retries=_CONNECT_RETRIES, limits=limits)
        client = httpx.AsyncClient(transport=transport, headers={"Accept-Encoding": "gzip"})
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
        _clients[pid] = client
    return _clients[pid]

"""Run an endpoint in a thread of the test run: its modules, its event loop, and its handler or its routes."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import Context
from typing import Any, TypeVar

import httpx

from .worlds import World

_T = TypeVar("_T")
_JOIN_SECONDS = 10.0  # in which a thread has to end
_START_SECONDS = 300.0
_PATIENCE = (
    0.2  # seconds, after which a thread that waits for another endpoint is taken to be blocked
)

_INSTALL = "; install the package for the tests too (`flashc[testing]` has FastAPI)"


class DidNotStart(Exception):
    """The modules of an endpoint can't be imported; `__cause__` is the reason."""


class LocalEndpoint:
    """An endpoint in the process of the tests, which plays the part of one worker.

    Its handler runs on an event loop in a thread of its own, as on a worker.  If this thread is blocked because the
    endpoint's code waits for another endpoint, further jobs run in further threads, as they would run on further workers.
    """

    def __init__(self, resource: str, world: World) -> None:
        self.resource, self.world = resource, world
        self._started: Future[Any] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve, name=f"flashc-{resource}", daemon=True)
        self._waiting, self._waiting_lock = 0, threading.Lock()

    def begin(self) -> None:
        """Begin to import the endpoint's modules, and to serve."""
        self.world.open()
        self._thread.start()

    def wait_until_started(self) -> None:
        """Wait until the endpoint serves.

        Raises:
            DidNotStart: a module raised an exception, or its import takes too long.
        """
        try:
            self._started.result(_START_SECONDS)
        except Exception as error:  # what the user's code raises
            advice = _INSTALL if isinstance(error, ModuleNotFoundError) else ""
            raise DidNotStart(
                f"the endpoint {self.resource!r} does not start: {type(error).__name__}: {error}{advice}"
            ) from error

    def close(self) -> None:
        """Stop serving, and remove the endpoint's modules."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_JOIN_SECONDS)
        self.world.close()

    @property
    def handler(self) -> Any:
        """The `handler` of a queue, or the `app` of a load balancer."""
        return self._started.result()

    def _serve(self) -> None:
        """Import the handler as a worker does, without a running event loop; then run the loop until `close`."""
        try:
            module = self.world.module(f"handler_{self.resource}")
        except BaseException as error:  # the thread that starts the endpoint raises it again
            self._started.set_exception(error)
            return
        found = module.handler if hasattr(module, "handler") else module.app
        with asyncio.Runner() as runner:
            self._loop = loop = runner.get_loop()
            loop.call_soon(self._started.set_result, found)
            loop.run_forever()

    def submit(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> Future[_T]:
        """Run a coroutine in the endpoint's thread, or in a new one while that one may be waiting for another endpoint."""
        future: Future[_T] = Future()
        claim = threading.Lock()  # it is acquired once, by the thread that runs the coroutine
        assert self._loop is not None
        loop = self._loop

        def begin() -> None:
            """Start the coroutine; the callback of `future` keeps the task alive."""
            if claim.acquire(blocking=False):
                task = loop.create_task(_run_into(future, work))
                future.add_done_callback(lambda _: task.done())

        def take_over() -> None:
            """Run the coroutine here if the endpoint's thread has not begun it soon."""
            time.sleep(_PATIENCE)
            if claim.acquire(blocking=False):
                asyncio.run(_run_into(future, work))

        # a fresh context: as between workers, the caller's context variables are not passed on
        loop.call_soon_threadsafe(begin, context=Context())
        if self._waiting:
            threading.Thread(target=take_over, daemon=True).start()
        return future

    @contextmanager
    def waiting_for_another(self) -> Generator[None, None, None]:
        """Note, during the block, that code of this endpoint waits for another endpoint."""
        with self._waiting_lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._waiting_lock:
                self._waiting -= 1

    async def serve_request(self, request: httpx.Request) -> httpx.Response:
        """Return the answer of the endpoint's routes to a request."""
        transport = httpx.ASGITransport(_PrintingErrors(self.handler), raise_app_exceptions=False)
        response = await transport.handle_async_request(request)
        # Raw, because `Response` decodes the content as the headers say.
        content = b"".join([part async for part in response.aiter_raw()])
        return httpx.Response(response.status_code, headers=response.headers.raw, content=content)


async def _run_into(future: Future[_T], work: Callable[[], Awaitable[_T]]) -> None:
    """Run a coroutine, and give its result or its exception to a future."""
    try:
        result = await work()
    except BaseException as error:  # the thread that waits for the future raises it again
        if not future.cancelled():
            future.set_exception(error)
    else:
        if not future.cancelled():
            future.set_result(result)


class _PrintingErrors:
    """An ASGI app that prints the traceback of an exception in it, as uvicorn does."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            traceback.print_exc()
            raise

"""Make a job handler from a generator function: it streams results, or returns them as a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

from . import trace
from .jobs import call, job_input


class StreamingHandler:
    """A handler that looks like an async generator function, and whose result can also be awaited.

    The platform's SDK streams handlers that `inspect.isasyncgenfunction` accepts, which it decides
    by the flags of `__code__`; the attributes below are what `inspect` asks of a function-like
    object.  The worker image of Flash, however, wraps handlers in a function of its own and awaits
    what they return: it gets all chunks as one list.
    """

    def __init__(self, function: Callable[..., Any], max_concurrency: int) -> None:
        self._function = function
        self.max_concurrency = max_concurrency
        self.__name__ = "handler"
        self.__code__ = _an_async_generator.__code__
        self.__defaults__ = None
        self.__kwdefaults__ = None
        self.__annotations__: dict[str, Any] = {}

    def __call__(self, job: dict[str, Any]) -> Chunks:
        """Start the generator for a job and return its results."""
        trace.begin_job(job)
        return Chunks(call(self._function, job_input(job)))


async def _an_async_generator() -> AsyncIterator[None]:
    """Do nothing useful: `StreamingHandler` uses the `__code__` of this function as its own."""
    yield None


class Chunks:
    """The results of a generator: one by one for `async for`, as a list for `await`."""

    def __init__(self, source: Any) -> None:
        self._source = source

    async def __aiter__(self) -> AsyncIterator[Any]:
        if hasattr(self._source, "__aiter__"):
            async for chunk in self._source:
                yield chunk
        else:
            for chunk in self._source:
                yield chunk

    def __await__(self) -> Generator[Any, Any, list[Any]]:
        return self._all().__await__()

    async def _all(self) -> list[Any]:
        """Return all results as a list."""
        return [chunk async for chunk in self]

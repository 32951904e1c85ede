"""Make a job handler from a generator function: it streams results, or returns them as a list."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import AsyncIterator, Generator
from typing import Any

from . import identity, trace
from .jobs import Call, job_input


class StreamingHandler:
    """A handler that looks like an async generator function, and whose result can also be awaited.

    The platform's SDK streams handlers that `inspect.isasyncgenfunction` accepts, which it decides
    by the flags of `__code__`; the attributes below are what `inspect` asks of a function-like
    object.  Who calls the handler and awaits what it returns gets all items as one list.
    """

    streams = True

    def __init__(self, call: Call, max_concurrency: int) -> None:
        self._call = call
        self.max_concurrency = max_concurrency
        self.__name__ = "handler"
        self.__code__ = _an_async_generator.__code__
        self.__defaults__ = None
        self.__kwdefaults__ = None
        self.__annotations__: dict[str, Any] = {}

    def __call__(self, job: dict[str, Any]) -> Chunks:
        """Start the generator for a job and return its results."""
        if job.get("input") == identity.QUESTION:
            return Chunks(Call(lambda: iter([identity.build()])), {}, 1)
        trace.begin_job(job)
        return Chunks(self._call, job_input(job), self.max_concurrency)


async def _an_async_generator() -> AsyncIterator[None]:
    """Do nothing useful: `StreamingHandler` uses the `__code__` of this function as its own."""
    yield None


class Chunks:
    """The results of a generator: one by one for `async for`, as a list for `await`."""

    def __init__(self, call: Call, payload: dict[str, Any], limit: int) -> None:
        self._call = call
        self._source = call(payload)
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[Any]:
        try:
            async for item in self._items():
                yield item
        except Exception as error:
            # The SDK would make one text of an exception; a caller is to get its type and message.
            yield {"error": json.dumps(_record(error))}

    def __await__(self) -> Generator[Any, Any, list[Any]]:
        return self._all().__await__()

    async def _all(self) -> list[Any]:
        """Return all results as a list."""
        return [chunk async for chunk in self._items()]

    async def _items(self) -> AsyncIterator[Any]:
        """Yield the results as JSON data."""
        output = self._call.interface.output
        if hasattr(self._source, "__aiter__"):
            waiting = sys.modules.get(f"{__package__}.waiting")
            async for item in self._source:
                yield output(await waiting.with_calls_awaited(item) if waiting else item)
        elif self._limit > 1:
            from . import threads

            async for item in threads.items(iter(self._source), self._limit):
                yield output(item)
        else:
            for item in self._source:
                yield output(item)


def _record(error: Exception) -> dict[str, str]:
    """Return an exception as the SDK reports one."""
    return {
        "error_type": str(type(error)),
        "error_message": str(error),
        "error_traceback": "".join(
            traceback.format_exception(type(error), error, error.__traceback__)
        ),
    }

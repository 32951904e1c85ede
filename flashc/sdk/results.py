"""Let scripts read the results of a generator one by one, or all of them with `await`.

Under Flash's own SDK, `await` is the only way, and gives a list.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any


class Results:
    """The results of a generator, whose kind decides how a script gets them as they come.

    A plain generator is read with `for`, an async generator with `async for`; the other loop raises a
    `TypeError`, as Python does.  `await` gets all results as a list from both kinds.
    """

    def __init__(self, items: Generator[Any] | AsyncGenerator[Any]) -> None:
        self._items: Any = items

    def __iter__(self) -> Any:
        return iter(self._items)

    def __aiter__(self) -> Any:
        return aiter(self._items)

    def __next__(self) -> Any:
        return next(self._items)

    async def __anext__(self) -> Any:
        return await anext(self._items)

    def __await__(self) -> Generator[Any, Any, list[Any]]:
        return self._all().__await__()

    def __getattr__(self, name: str) -> Any:
        if name == "_items":  # not set yet: `copy` looks for methods before it sets anything
            raise AttributeError(name)
        return getattr(self._items, name)

    async def _all(self) -> list[Any]:
        """Return all results; the event loop goes on meanwhile."""
        if isinstance(self._items, AsyncGenerator):
            return [item async for item in self._items]
        return await asyncio.to_thread(list, self._items)


def readable(stub: Any) -> Any:
    """Return a stub of a function or a class whose generators return `Results`."""
    if isinstance(stub, type):
        for name, method in list(vars(stub).items()):
            is_bound = isinstance(method, (staticmethod, classmethod))
            function = method.__func__ if is_bound else method
            if _generates(function):
                read = _reading(function)
                setattr(stub, name, type(method)(read) if is_bound else read)
        return stub
    return _reading(stub) if _generates(stub) else stub


def _generates(function: Any) -> bool:
    """Return whether a function is a generator."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _reading(stub: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that returns the results of a generator."""

    @functools.wraps(stub)
    def read(*args: Any, **kwargs: Any) -> Results:
        return Results(stub(*args, **kwargs))

    return read

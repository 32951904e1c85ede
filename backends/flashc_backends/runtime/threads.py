"""Run plain functions of an endpoint in threads, so that a worker runs several jobs at once."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .jobs import Call

# Not asyncio's own threads: there are few of them on a machine with few processors.
_pools: dict[int, ThreadPoolExecutor] = {}


async def output(call: Call, payload: dict[str, Any], limit: int) -> Any:
    """Call a function in a thread of a pool of `limit` threads, and return its output."""
    context = contextvars.copy_context()
    found = await _in_thread(limit, context, lambda: call.output(call(payload)))
    return await found if hasattr(found, "__await__") else found


async def items(source: Iterator[Any], limit: int) -> AsyncIterator[Any]:
    """Yield the items of a generator, each of which is computed in a thread."""
    context = contextvars.copy_context()
    while True:
        found = await _in_thread(limit, context, lambda: next(source, _end))
        if found is _end:
            return
        yield found


_end = object()


async def _in_thread(limit: int, context: contextvars.Context, function: Callable[[], Any]) -> Any:
    """Call a function in this context, in a thread of a pool.

    All calls with the same `limit` share a pool of `limit` threads.
    """
    if limit not in _pools:
        _pools[limit] = ThreadPoolExecutor(limit, "flashc-job")
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_pools[limit], context.run, function)

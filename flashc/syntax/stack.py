"""Work that recurses natively -> the same work on a stack that is deep enough for it.

LibCST's parser recurses with the nesting of the code, and would overrun the stack of a usual thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_STACK = 256 * 1024 * 1024  # bytes, of address space only
_here = threading.local()
_sizing = threading.Lock()


def on_a_deep_stack(function: Callable[[], _T]) -> _T:
    """Call `function`, in a thread of its own unless this one is deep already; what it raises is raised here.

    An interrupt ends the waiting at once, and the thread with the process.
    """
    if getattr(_here, "is_deep", False):
        return function()
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        _here.is_deep = True
        try:
            results.append(function())
        except BaseException as error:  # handed over to the caller, whatever it is
            errors.append(error)

    thread = threading.Thread(target=run, name="deep", daemon=True)
    with _sizing:  # the size is that of all threads that start
        before = threading.stack_size(_STACK)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if errors:
        raise errors[0]
    return results[0]

"""Call a function on a large stack.

LibCST's parser recurses in native code as deeply as the program is nested, and would overflow the stack of
an ordinary thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_STACK_SIZE = 256 * 1024 * 1024  # bytes of address space; only pages that are used take memory
_current = threading.local()
_size_lock = threading.Lock()


def call_with_large_stack(function: Callable[[], _T]) -> _T:
    """Call `function` in a new thread with a large stack and return its result.

    A thread that already has a large stack calls it directly.  Exceptions of `function` are raised in the
    calling thread.  `KeyboardInterrupt` ends the wait at once; the new thread is a daemon and ends with the
    process.
    """
    if getattr(_current, "has_large_stack", False):
        return function()
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        _current.has_large_stack = True
        try:
            results.append(function())
        except BaseException as error:  # raised again in the calling thread
            errors.append(error)

    thread = threading.Thread(target=run, name="large-stack", daemon=True)
    with _size_lock:  # `threading.stack_size` applies to every thread that starts
        before = threading.stack_size(_STACK_SIZE)
        try:
            thread.start()
        finally:
            threading.stack_size(before)
    thread.join()
    if errors:
        raise errors[0]
    return results[0]

"""Call a function on a new, large stack.

LibCST's parser recurses in native code as deeply as the program is nested, and would overflow the stack of
an ordinary thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_STACK_SIZE = 256 * 1024 * 1024  # bytes of address space; only pages that are used take memory
_size_lock = threading.Lock()


def call_on_new_stack(function: Callable[[], _T]) -> _T:
    """Call `function` in a new thread with a large stack and return its result.

    How deep `function` can recurse does not depend on the caller, so its result does not either.  Exceptions of
    `function` are raised in the calling thread.  `KeyboardInterrupt` ends the wait at once; the new thread is a
    daemon and ends with the process.
    """
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:  # raised again in the calling thread
            errors.append(error)

    thread = threading.Thread(target=run, name="new-stack", daemon=True)
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

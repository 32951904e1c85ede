"""Call a function in a new thread with a large stack, for code that recurses deeply.

LibCST's parser recurses in native code as deeply as the program is nested, and would overflow the
stack of an ordinary thread.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")
_STACK_SIZE = 256 * 1024 * 1024  # bytes of address space; only pages that are used take memory
_SHALLOW = 30  # frames; reading a batch of modules uses about fifteen up to the parser
_size_lock = threading.Lock()
_current = threading.local()


def call_on_new_stack(function: Callable[[], _T]) -> _T:
    """Call `function` in a new thread with a large stack and return its result.

    Then the depth to which `function` can recurse does not depend on how much of the stack the
    caller has used.  If the current thread has such a stack already and uses at most `_SHALLOW`
    frames of it, `function` is called directly, because a thread for each module would cost a fifth
    of the time of reading many modules.  Exceptions of `function` are raised in the calling thread.
    `KeyboardInterrupt` ends the wait at once; the new thread is a daemon and ends with the process.
    """
    if _has_new_stack():
        return function()
    results: list[_T] = []
    errors: list[BaseException] = []

    def run() -> None:
        """Call the function, and keep its result or its exception."""
        _current.is_new = True
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


def _has_new_stack() -> bool:
    """Return whether this thread has a large stack that is almost unused."""
    frame = inspect.currentframe() if getattr(_current, "is_new", False) else None
    if frame is None:
        return False
    for _ in range(_SHALLOW):
        frame = frame.f_back
        if frame is None:
            return True
    return False

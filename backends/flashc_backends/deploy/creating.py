"""Create something once, although the answer to a request may be lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from flashc_backends.cloud.errors import CloudError, Trouble

_T = TypeVar("_T")
_ATTEMPTS = 4
_PAUSES = (0.2, 0.5, 1.0)  # seconds between looks; the server may still be at work
_NOT_ARRIVED = frozenset((Trouble.UNREACHABLE, Trouble.BUSY))


def create_once(create: Callable[[], _T], find: Callable[[], _T | None]) -> _T:
    """Create something, and look whether it exists before the request is sent again.

    Args:
        create: sends the request.
        find: returns what the request creates; None if it does not exist.

    Raises:
        CloudError: it can't be created.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return create()
        except CloudError as error:
            is_last = attempt == _ATTEMPTS - 1
            if not error.may_have_acted:
                if error.trouble not in _NOT_ARRIVED or is_last:
                    raise
                time.sleep(
                    _PAUSES[min(attempt, len(_PAUSES) - 1)]
                    if error.wait is None
                    else min(error.wait, 30.0)
                )
                continue
            found = _look(find)
            if found is not None:
                return found
            if is_last:
                raise
    raise AssertionError("unreachable")


def _look(find: Callable[[], _T | None]) -> _T | None:
    """Look several times for what a request without an answer may have created."""
    for pause in _PAUSES:
        found = find()
        if found is not None:
            return found
        time.sleep(pause)
    return find()

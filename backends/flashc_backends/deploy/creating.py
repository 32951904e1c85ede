"""Create something once, although the answer to a request may be lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.pace import STANDARD, Pace

_T = TypeVar("_T")
_ATTEMPTS = 4
_NOT_ARRIVED = frozenset((Trouble.UNREACHABLE, Trouble.BUSY))


def create_once(
    create: Callable[[], _T], find: Callable[[], _T | None], pace: Pace = STANDARD
) -> _T:
    """Create something, and look whether it exists before the request is sent again.

    A refusal is looked at too: the name may be taken because an earlier attempt, or another
    deployment, has created just this.

    Args:
        create: sends the request.
        find: returns what the request creates; None if it does not exist.
        pace: how long to wait.

    Raises:
        CloudError: it can't be created.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return create()
        except CloudError as error:
            is_refused = error.trouble is Trouble.REFUSED
            if error.may_have_acted or is_refused:
                found = _look(find, () if is_refused else pace.looks)
                if found is not None:
                    return found
            elif error.trouble not in _NOT_ARRIVED:
                raise
            if is_refused or attempt == _ATTEMPTS - 1 or not pace.waits(error.wait):
                raise
            if not error.may_have_acted:
                pause = pace.looks[min(attempt, len(pace.looks) - 1)]
                time.sleep(pause if error.wait is None else error.wait)
    raise AssertionError("unreachable")


def _look(find: Callable[[], _T | None], pauses: tuple[float, ...]) -> _T | None:
    """Look several times for what a request may have created; the server may still be at work."""
    for pause in pauses:
        found = find()
        if found is not None:
            return found
        time.sleep(pause)
    return find()

"""Go on to another API of the platform where one is not there, and let what is gone be gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from .errors import CloudError, Trouble

_T = TypeVar("_T")


def unless_missing(delete: Callable[[], Any]) -> None:
    """Delete something; that it does not exist is no error."""
    try:
        delete()
    except CloudError as error:
        if error.trouble is not Trouble.MISSING:
            raise


def first_of(*ways: Callable[[], _T], skip: frozenset[Trouble]) -> _T:
    """Try APIs in order; go on to the next one only if a failure is in `skip`: the API is not there."""
    for way in ways[:-1]:
        try:
            return way()
        except CloudError as error:
            if error.trouble not in skip:
                raise
    return ways[-1]()

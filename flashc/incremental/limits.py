"""Limit the evaluations of modules that are evaluated once for each module that imports them.

If this takes more evaluations per module than the limit, all modules are evaluated once, together,
and an edit of one reads them all again.  The decision depends only on the number of imports, not on
the cache or the number of processors, so that a project always has the same results: modules that
share state can have other results if they are evaluated together.
"""

from __future__ import annotations

_OF_A_MODULE = 10
_FREE = 500


class TooManyEvaluations(Exception):
    """The modules import too many others to evaluate each of them separately."""


def max_evaluations(modules: int) -> int:
    """Return the number of evaluations beyond which so many modules are evaluated together."""
    return _FREE + _OF_A_MODULE * modules

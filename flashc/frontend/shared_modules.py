"""Evaluate a module that several workers import once, and not again for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:  # a run that finds everything in the cache does not import the evaluator
    from flashc.evaluator.snapshot import SharedModule

# Modules that import each other deeper than this are evaluated with their importers, because the
# stack of an evaluation on its own would be deeper.
_MAX_DEPTH = 10

Evaluate: TypeAlias = "Callable[[str], SharedModule | None]"
"""Evaluate a module on its own; the result is None if it does more than define names."""


class SharedModules:
    """The modules that evaluations of one state of a project share.

    A module that only one evaluation wants is evaluated there: otherwise it would be evaluated twice
    if it can't be shared.
    """

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._found: dict[str, SharedModule | None] = {}
        self._depth = 0

    def get(self, name: str, evaluate: Evaluate) -> SharedModule | None:
        """Return a module to share.

        The result is None if the module is wanted for the first time, is being evaluated (in an
        import cycle), does more than define names, or has been changed by a worker.
        """
        if name in self._found:
            found = self._found[name]
            if found is not None and not found.is_unchanged():
                found = self._found[name] = None
            return found
        is_first = name not in self._wanted
        self._wanted.add(name)
        # What a shared module imports has to be shared too, so that each module exists once.
        if self._depth >= _MAX_DEPTH or (is_first and self._depth == 0):
            return None
        self._found[name] = None
        self._depth += 1
        try:
            self._found[name] = evaluate(name)
        finally:
            self._depth -= 1
        return self._found[name]

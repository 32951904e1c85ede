"""Make LibCST import faster and parse faster in a process that only reads modules.

The classes of LibCST are patched, so the process must not contain other code that uses LibCST.
"""

from __future__ import annotations

import abc
import dataclasses
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache, partial
from importlib import import_module
from types import ModuleType
from typing import Any

_KEPT_NODES = 1024
_FIELDS = "__dataclass_fields__"
_MODULE_OF_THE_BASE, _CHECK = "libcst._nodes.base", "__post_init__"
_MODULE_OF_SLOTS = "libcst._add_slots"
WHITESPACE = ("SimpleWhitespace", "ParenthesizedWhitespace", "TrailingWhitespace", "Newline")
"""The kinds of nodes that have no positions in the process."""


def import_libcst() -> None:
    """Import LibCST, with lighter nodes."""
    with _light_nodes():
        import_module("libcst")
    _lighten_whitespace()
    _lighten_parentheses()


class _Abstract:
    """An abstract base class without the registry of `abc.ABC`."""

    __slots__ = ()


@contextmanager
def _light_nodes() -> Generator[None, None, None]:
    """Import LibCST in the block, so that its nodes are defined without what reading does not need.

    - Its dataclasses get their fields and `__init__` when the first instance is made: most programs
      contain a third of the two hundred kinds of nodes, and generating and compiling the methods of
      all of them takes half of the time of importing LibCST.  They get no methods that LibCST
      overrides.  Without `frozen`, nodes are only not protected against changes.
    - They do not check themselves: Python's compiler has checked the program before.
    - They have no slots: to add slots, the fields have to be known, and each class is made twice.
    - `isinstance` does not ask the registries of abstract classes, which takes several times longer.
    """
    import_module("subprocess")  # import it before the patch, so that its classes stay normal
    changed = ((dataclasses, "dataclass", _light_dataclass), (abc, "ABC", _Abstract))
    whole = [getattr(module, name) for module, name, _ in changed]
    for module, name, light in changed:
        setattr(module, name, light)
    slots = ModuleType(_MODULE_OF_SLOTS)
    slots.add_slots = _unchanged  # type: ignore[attr-defined]
    sys.modules[_MODULE_OF_SLOTS] = slots
    try:
        yield
    finally:
        for (module, name, _), before in zip(changed, whole, strict=True):
            setattr(module, name, before)


def _lighten_whitespace() -> None:
    """Let the nodes of white space, which are half of all nodes, do only what reading needs.

    They get no positions, because reading needs none.  Therefore one node can stand for all equal
    ones; the parser takes the classes from the package `libcst`, and gets such a node from a cache
    there.
    """
    libcst = import_module("libcst")
    whitespace = import_module("libcst._nodes.whitespace")
    for name in WHITESPACE:
        kind = getattr(whitespace, name)
        kind._codegen = kind._codegen_impl
    for name in ("SimpleWhitespace", "Newline"):  # nodes without other nodes
        setattr(libcst, name, lru_cache(_KEPT_NODES)(getattr(whitespace, name)))


def _lighten_parentheses() -> None:
    """Write expressions without parentheses directly, not through a generator for each."""
    kind = import_module("libcst._nodes.expression")._BaseParenthesizedNode
    with_parentheses = kind._parenthesize

    def parenthesize(node: Any, state: Any) -> AbstractContextManager[None]:
        """Return the context in which a node writes what is between its parentheses."""
        if node.lpar or node.rpar:
            context: AbstractContextManager[None] = with_parentheses(node, state)
            return context
        without: AbstractContextManager[None] = state.record_syntactic_position(node)
        return without

    kind._parenthesize = parenthesize


_WHOLE_DATACLASS: Callable[..., object] = dataclasses.dataclass


def _light_dataclass(cls: type | None = None, /, **options: bool) -> object:
    """Make a class a dataclass at its first use, and only with `__init__`."""
    if cls is None:
        return partial(_light_dataclass, **options)
    if cls.__module__ == _MODULE_OF_THE_BASE and _CHECK in vars(cls):
        delattr(cls, _CHECK)
    options |= {"frozen": False, "eq": False, "repr": False}
    if "__init__" in vars(cls) or not options.get("init", True):
        return _WHOLE_DATACLASS(cls, **options)
    later = _LaterDataclass(cls, options)

    def initialise(self: object, /, *args: object, **kwargs: object) -> None:
        """Make the class a dataclass, and initialise its first instance."""
        later.complete()
        cls.__init__(self, *args, **kwargs)  # type: ignore[misc]

    setattr(cls, _FIELDS, later)
    cls.__init__ = initialise  # type: ignore[misc]
    return cls


class _LaterDataclass:
    """A descriptor in place of the fields of a class; when it is read, it makes the class a dataclass."""

    def __init__(self, cls: type, options: dict[str, bool]) -> None:
        self._cls = cls
        self._options = options

    def __get__(self, instance: object, owner: type | None = None) -> object:
        """Return the fields of the class, perhaps for a subclass that is no dataclass itself."""
        self.complete()
        return getattr(self._cls, _FIELDS)

    def complete(self) -> None:
        """Make the class a dataclass; this asks for the fields of its base classes."""
        delattr(self._cls, _FIELDS)
        del self._cls.__init__  # type: ignore[misc]
        _WHOLE_DATACLASS(self._cls, **self._options)


def _unchanged(cls: type) -> type:
    """Return a class as it is."""
    return cls

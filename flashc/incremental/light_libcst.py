"""Make LibCST import faster and parse faster in a process that only reads modules.

The classes of LibCST are patched, so the process must not contain other code that uses LibCST.
"""

from __future__ import annotations

import abc
import dataclasses
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
    _lighten_recording()
    _lighten_whitespace()


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
    - They are compared by identity, as in LibCST, by Python's own function, which is in C.
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
    there.  The nodes in a node are equal if they are the same, so they come from such a cache too.
    """
    libcst = import_module("libcst")
    whitespace = import_module("libcst._nodes.whitespace")
    for name in WHITESPACE:
        kind = getattr(whitespace, name)
        kind._codegen = kind._codegen_impl
        setattr(libcst, name, lru_cache(_KEPT_NODES)(kind))


def _lighten_recording() -> None:
    """Record the positions of nodes with fewer calls for each node.

    The position of an expression without parentheses is that of the whole node, except for elements,
    whose nodes have a comma too.
    """
    positions = import_module("flashc.syntax.positions")
    kind = import_module("libcst._nodes.base").CSTNode
    expressions = import_module("libcst._nodes.expression")
    expression, element = expressions._BaseParenthesizedNode, expressions.BaseElement
    write, with_parentheses = kind._codegen, expression._parenthesize
    nothing = nullcontext()

    def codegen(node: Any, state: Any, **options: object) -> None:
        """Write a node; record its position if `state` is a `Recorder`."""
        if type(state) is not positions.Recorder:
            write(node, state, **options)
            return
        begin = len(state.tokens)
        if options:
            node._codegen_impl(state, **options)
        else:
            node._codegen_impl(state)
        state.places.setdefault(id(node), (begin, len(state.tokens)))

    def parenthesize(node: Any, state: Any) -> AbstractContextManager[None]:
        """Return the context in which an expression writes what is between its parentheses."""
        if node.lpar or node.rpar or isinstance(node, element):
            context: AbstractContextManager[None] = with_parentheses(node, state)
            return context
        return nothing

    kind._codegen, expression._parenthesize = codegen, parenthesize


_WHOLE_DATACLASS: Callable[..., object] = dataclasses.dataclass


def _light_dataclass(cls: type | None = None, /, **options: bool) -> object:
    """Make a class a dataclass at its first use, and only with `__init__`."""
    if cls is None:
        return partial(_light_dataclass, **options)
    if cls.__module__ == _MODULE_OF_THE_BASE and _CHECK in vars(cls):
        delattr(cls, _CHECK)
        cls.__eq__, cls.__hash__ = object.__eq__, object.__hash__  # type: ignore[method-assign, assignment]
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

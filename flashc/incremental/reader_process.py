"""Start a process that imports LibCST and the evaluator while this one opens the project.

The process then reads modules.  After an edit of one module, importing LibCST takes as long as all
other work.
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

from flashc_core.processes import Prefork

_NEEDED_BY_BOTH = "flashc.project.inputs"
_NEEDED_FOR_READING = (
    "flashc.incremental.summaries",
    "flashc.frontend.summarise",
    "flashc.frontend.exports",
    "flashc.frontend.flash",
    "libcst.native",
)
# Modules without endpoints are read without these.  So a process that reads alone imports them only then,
# while several processes get them from the one that forks them.
_NEEDED_FOR_ENDPOINTS = (
    "flashc.frontend.legacy.lower",
    "flashc.frontend.legacy.rewrite",
    "flashc.frontend.legacy.semantics",
    "flashc.frontend.flash.imports",
    "flashc.frontend.flash.lower",
    "flashc.frontend.flash.semantics",
)
_KEPT_NODES = 1024
_FIELDS = "__dataclass_fields__"
_MODULE_OF_SLOTS = "libcst._add_slots"
WHITESPACE = ("SimpleWhitespace", "ParenthesizedWhitespace", "TrailingWhitespace", "Newline")
"""The kinds of nodes that have no positions in the process."""


def start_reader() -> Prefork | None:
    """Start the process; return it, as the argument `prefork` of `open_workspace`.

    The result is None if the process would save no time or can't be started.
    """
    import_module(_NEEDED_BY_BOTH)  # before the process is forked, so that it is imported once
    return None if "libcst" in sys.modules else Prefork.start(_prepare, _prepare_for_endpoints)


def _prepare() -> None:
    """Import the modules that read modules of a project."""
    with _light_nodes():
        import_module("libcst")
    _lighten_whitespace()
    _lighten_parentheses()
    for name in _NEEDED_FOR_READING:
        import_module(name)


def _prepare_for_endpoints() -> None:
    """Import the modules that lower endpoints."""
    for name in _NEEDED_FOR_ENDPOINTS:
        import_module(name)


class _Abstract:
    """An abstract base class without the registry of `abc.ABC`."""

    __slots__ = ()


@contextmanager
def _light_nodes() -> Generator[None, None, None]:
    """Let LibCST, which is imported now, define its nodes without what reading does not need.

    - Its dataclasses get their fields and `__init__` when the first instance is made: most programs
      contain a third of the two hundred kinds of nodes, and generating and compiling the methods of
      all of them takes half of the time of importing LibCST.  They get no methods that LibCST replaces,
      and without `frozen`, only the protection against changes is missing.
    - They have no slots, for which the fields have to be known, and each class has to be made twice.
    - `isinstance` does not ask the registries of abstract classes, which takes several times longer.

    This process contains no other code that uses LibCST.
    """
    import_module("subprocess")  # LibCST imports it; its own classes stay as they are
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

    The parser makes them of white space, so this needs no check; and nobody asks for their positions.
    So equal ones may be one node: the parser, which takes the classes from the package, gets the node
    that it has made before.
    """
    libcst = import_module("libcst")
    whitespace = import_module("libcst._nodes.whitespace")
    for name in WHITESPACE:
        kind = getattr(whitespace, name)
        kind.__post_init__ = _do_nothing
        kind._codegen = kind._codegen_impl
    for name in ("SimpleWhitespace", "Newline"):  # nodes without other nodes
        setattr(libcst, name, lru_cache(_KEPT_NODES)(getattr(whitespace, name)))


def _lighten_parentheses() -> None:
    """Let expressions without parentheses write their text without a generator for each of them."""
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


def _do_nothing(_node: object) -> None:
    """Check nothing."""


_WHOLE_DATACLASS: Callable[..., object] = dataclasses.dataclass


def _light_dataclass(cls: type | None = None, /, **options: bool) -> object:
    """Decorate a class so that it becomes a dataclass, with only `__init__`, when that is needed."""
    if cls is None:
        return partial(_light_dataclass, **options)
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
    """Stands for the fields of a class that becomes a dataclass when somebody asks for them."""

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

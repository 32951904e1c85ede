"""Compute digests of evaluated values, so that the cache notices changes of a module's exports.

Law: if two values have the same fingerprint, a module that imports one of them computes the same
results and has the same findings, at the same positions, as with the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from enum import Enum, EnumMeta
from typing import Any, cast

import libcst as cst
from msgspec import Struct

from flashc.syntax.parse import Syntax
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference, Text

from .objects import OWN_VALUES, Frame, FunctionValue, LambdaValue, NamespaceValue
from .values import SCALARS, IteratorValue, Value

_MAX_PARTS = 20_000
_NAME = re.compile(r"[^\W\d]\w*")


class NotComparable(Exception):
    """The state of a part of a value can't be compared, or the value is too large."""


def fingerprint(value: Value | None) -> str:
    """Return the digest of a value in hex; None stands for a name that is not bound.

    Raises:
        NotComparable: two evaluations of this value can't be compared.
    """
    return _Digest().of(value)


def fingerprints(frame: Frame) -> dict[str, str | None]:
    """Return the fingerprints of the names of a module, and of the function bodies in their values.

    The name of a function has the fingerprint of its signature; its body is under `qualname()`.
    None stands for a value that can't be compared.
    """
    found: dict[str, str | None] = {}
    pending: list[FunctionValue] = []
    for name, value in frame.names.items():
        digest = _Digest()
        try:
            found[name] = digest.of(value)
        except NotComparable:
            found[name] = None
        pending += digest.functions
    seen: set[int] = set()
    bodies: dict[str, list[str | None]] = {}
    while pending:
        function = pending.pop(0)
        if id(function.node) in seen or function.frame.syntax is not frame.syntax:
            continue
        seen.add(id(function.node))
        digest = _Digest()
        try:
            digest.add_code(function.node, function.frame)
            bodies.setdefault(f"{function.qualname}()", []).append(digest.result())
        except NotComparable:
            bodies.setdefault(f"{function.qualname}()", []).append(None)
        pending += digest.functions
    for name, digests in bodies.items():
        found[name] = None if None in digests else " ".join(map(str, digests))
    return found


class _Digest:
    """Digest one value.

    Objects are numbered in the order in which they are found.  So the digest depends on which parts
    are the same object, but not on their addresses in memory.
    """

    def __init__(self) -> None:
        self._total = hashlib.sha256()
        self._numbers: dict[int, int] = {}
        self._kept: list[
            object
        ] = []  # keeps objects alive, so that each `id` belongs to one object
        self.functions: list[FunctionValue] = []

    def of(self, value: object) -> str:
        """Return the digest of a value."""
        self._add(value)
        return self.result()

    def result(self) -> str:
        """Return the digest of everything that was added, in hex."""
        return self._total.hexdigest()

    def _write(self, *parts: object) -> None:
        """Add the texts of plain values to the digest."""
        self._total.update(repr(parts).encode("utf-8", "backslashreplace"))

    def _add(self, item: object) -> None:
        """Add a value of any kind to the digest, including its parts."""
        if isinstance(item, Enum):
            self._add(type(item))
            self._write(item.name)
        elif isinstance(item, (*SCALARS, Span, Text, EnvironmentReference)):
            self._write(type(item).__name__, item)
        elif isinstance(item, type) and not isinstance(item, EnumMeta):
            self._write("type", item.__module__, item.__qualname__)
        elif isinstance(item, (tuple, list)):
            self._add_sequence(type(item).__name__, list(item))
        elif isinstance(item, (set, frozenset)):
            self._add_sequence("set", sorted(item, key=repr))
        else:
            self._add_object(item)

    def _add_sequence(self, kind: str, items: list[Any]) -> None:
        """Add the kind, the length and the items of a sequence to the digest."""
        self._write(kind, len(items))
        for item in items:
            self._add(item)

    def _add_object(self, item: object) -> None:
        """Add a container, function, class or other object to the digest, but only once."""
        number = self._numbers.get(id(item))
        if number is not None:
            self._write("again", number)
            return
        if len(self._numbers) >= _MAX_PARTS:
            raise NotComparable
        self._numbers[id(item)] = len(self._numbers)
        self._kept.append(item)
        match item:
            case dict():
                self._add_sequence("dict", [part for pair in item.items() for part in pair])
            case EnumMeta():
                own = getattr(item, OWN_VALUES, False)
                self._write("enum", item.__module__, item.__qualname__, item.__bases__, own)
                members = cast("Mapping[str, Enum]", item.__members__)
                for name, member in members.items():
                    self._write(name)
                    self._add(member.value)
            case FunctionValue():
                self._add_signature(item)
            case LambdaValue():
                self._write("lambda")
                self._add(item.defaults)
                self.add_code(item.node, item.frame)
            case IteratorValue() | NamespaceValue() | Frame() | cst.CSTNode():
                raise NotComparable
            case Struct():
                self._write(type(item).__qualname__)
                for name, part in _parts_of(item):
                    self._write(name)
                    self._add(part)
            case _:
                raise NotComparable

    def _add_signature(self, function: FunctionValue) -> None:
        """Add the parts of a function that matter to modules that do not call it during import."""
        self.functions.append(function)
        syntax, node = function.frame.syntax, function.node
        self._write("function", syntax.name, function.qualname, function.decorated, function.kind)
        self._write(function.memo is not None)
        self._write(function.docstring, node.asynchronous is not None)
        self._write(syntax.source(node.params), *map(syntax.source, node.decorators))
        self._add(function.defaults)
        if _is_closure(function.frame):
            self.add_code(
                node, function.frame
            )  # the module has no name for this function, so its body is added here

    def add_code(self, node: cst.CSTNode, frame: Frame) -> None:
        """Add a function's text, its location, and the values of the outer names that it uses."""
        text = frame.syntax.source(node)
        self._write(text, frame.syntax.span(node))
        for name in sorted(set(_NAME.findall(text))):
            found = frame.lookup(name)
            if found is not None:
                self._write(name)
                self._add(found)


def _is_closure(frame: Frame) -> bool:
    """Return whether code in this frame is inside a function that was called."""
    scope: Frame | None = frame
    while scope is not None and scope.is_class:
        scope = scope.enclosing
    return scope is not None and scope.enclosing is not None


def _parts_of(item: Struct) -> Iterator[tuple[str, object]]:
    """Yield the fields of a struct, without the private ones, which are computed from the others.

    For a definition, yield its text instead of its node and frame.
    """
    frame = getattr(item, "frame", None)
    for name in item.__struct_fields__:
        if name.startswith("_"):
            continue
        part = getattr(item, name)
        if isinstance(part, cst.CSTNode) and isinstance(frame, Frame):
            yield name, (frame.syntax.source(part), frame.syntax.span(part))
        elif isinstance(part, Frame):
            yield name, (part.syntax.name, part.qualname)
        elif not isinstance(part, Syntax):
            yield name, part

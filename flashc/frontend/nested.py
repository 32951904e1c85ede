"""Find endpoints that are declared inside functions, so that an import does not declare them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import libcst as cst

from flashc.evaluator.dialect import DialectObject
from flashc.evaluator.objects import Frame
from flashc.evaluator.values import External, Known
from flashc.syntax.parse import Syntax
from flashc.syntax.walk import children, dotted
from flashc_core.source import Span

from .dialect import Dialect

_INDENTED_DECORATOR = re.compile(r"[\r\n][ \t]+@")


def nested_endpoints(frame: Frame, dialects: Iterable[Dialect]) -> tuple[Span, ...]:
    """Return the spans of decorators inside functions that declare endpoints."""
    if not _INDENTED_DECORATOR.search(frame.syntax.text):
        return ()
    return tuple(_decorators(frame.syntax, set(declaring_calls(frame, tuple(dialects)))))


def declaring_calls(frame: Frame, dialects: Sequence[Dialect]) -> Iterator[str]:
    """Yield the calls that declare an endpoint as a decorator, as dotted text: `flash.Endpoint`.

    `frame` has the names of a module after its import.
    """
    for name, value in frame.names.items():
        known = value.value if isinstance(value, Known) else None
        yield from _calls(name, known)
        if isinstance(known, External):
            for dialect in dialects:
                if known.name in dialect.packages:
                    for public, item in dialect.objects().items():
                        yield from _calls(f"{name}.{public}", item)


def _calls(name: str, item: object) -> Iterator[str]:
    """Yield the calls that declare an endpoint if `name` is bound to `item`, as dotted text."""
    if isinstance(item, DialectObject):
        for attribute in item.declaring:
            yield f"{name}.{attribute}" if attribute else name


def _decorators(syntax: Syntax, spelled: set[str]) -> Iterator[Span]:
    """Yield the spans of decorators inside functions that are one of the calls in `spelled`."""
    pending: list[tuple[cst.CSTNode, bool]] = [(syntax.tree, False)]
    while pending:
        node, inside = pending.pop()
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and inside:
            for decorator in node.decorators:
                call = decorator.decorator
                if isinstance(call, cst.Call) and dotted(call.func) in spelled:
                    yield syntax.span(call)
        within = inside or isinstance(node, cst.FunctionDef)
        if isinstance(node, (cst.BaseCompoundStatement, cst.BaseSuite, cst.Module)):
            pending.extend((child, within) for child in children(node))

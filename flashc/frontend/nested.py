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
    listed = tuple(dialects)
    calls = frozenset(declaring_calls(frame, listed))
    return tuple(_decorators(frame.syntax, calls, listed))


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


def _decorators(syntax: Syntax, top: frozenset[str], dialects: Sequence[Dialect]) -> Iterator[Span]:
    """Yield the spans of decorators inside functions that declare an endpoint.

    `top` are the calls that declare one at the module's top.
    """
    # Each node that is left, and the calls that declare an endpoint there; None outside of functions.
    pending: list[tuple[cst.CSTNode, frozenset[str] | None]] = [(syntax.tree, None)]
    while pending:
        node, calls = pending.pop()
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and calls is not None:
            for decorator in node.decorators:
                call = decorator.decorator
                if isinstance(call, cst.Call) and dotted(call.func) in calls:
                    yield syntax.span(call)
        if isinstance(node, cst.FunctionDef):
            calls = (top if calls is None else calls) | frozenset(_imported(node, dialects))
        if isinstance(node, (cst.BaseCompoundStatement, cst.BaseSuite, cst.Module)):
            pending.extend((child, calls) for child in children(node))


def _imported(function: cst.FunctionDef, dialects: Sequence[Dialect]) -> Iterator[str]:
    """Yield the calls that declare an endpoint by the names that a function's own imports bind."""
    pending: list[cst.CSTNode] = [function.body]
    while pending:
        node = pending.pop()
        if isinstance(node, cst.ImportFrom):
            yield from _imported_names(node, dialects)
        elif isinstance(node, cst.Import):
            for item in node.names:
                for dialect in dialects:
                    if item.evaluated_name in dialect.packages:
                        bound = item.evaluated_alias or item.evaluated_name
                        for public, meaning in dialect.objects().items():
                            yield from _calls(f"{bound}.{public}", meaning)
        elif not isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            pending.extend(children(node))


def _imported_names(node: cst.ImportFrom, dialects: Sequence[Dialect]) -> Iterator[str]:
    """Yield the calls that declare an endpoint by the names that `from sdk import ...` binds."""
    module = None if node.module is None or node.relative else dotted(node.module)
    if isinstance(node.names, cst.ImportStar):  # not allowed in a function
        return
    for dialect in dialects:
        if module in dialect.packages:
            objects = dialect.objects()
            for item in node.names:
                bound = item.evaluated_alias or item.evaluated_name
                yield from _calls(bound, objects.get(item.evaluated_name))

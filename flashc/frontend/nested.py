"""Find endpoints that are declared inside functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import libcst as cst

from flashc.evaluator.objects import Frame
from flashc.syntax.parse import Syntax
from flashc.syntax.walk import children, dotted
from flashc_core.source import Span

from .dialect import Dialect

_INDENTED_DECORATOR = re.compile(r"[\r\n][ \t]+@")


def nested_endpoints(frame: Frame, dialects: Iterable[Dialect]) -> tuple[Span, ...]:
    """Return each decorator that declares an endpoint on a function or class inside a function."""
    if not _INDENTED_DECORATOR.search(frame.syntax.text):
        return ()
    spelled = {name for dialect in dialects for name in dialect.declaring_decorators(frame)}
    return tuple(_decorators(frame.syntax, spelled))


def _decorators(syntax: Syntax, spelled: set[str]) -> Iterator[Span]:
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

"""Functions that are never called while their module is imported -> a report of endpoints inside them."""

from __future__ import annotations

import re

import libcst as cst

from flashc.evaluator.objects import Frame
from flashc.evaluator.values import External, Known
from flashc.syntax.parse import Syntax
from flashc.syntax.walk import children, dotted
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import Span

from .flash.semantics import SdkClass

_INDENTED_DECORATOR = re.compile(r"[\r\n][ \t]+@")


def check_nested_endpoints(frame: Frame, constructed: frozenset[Span], sink: Sink) -> None:
    """Report each `@Endpoint(...)` in a function of this module that no endpoint came from.

    `constructed` are the places of the arguments that endpoints were made with.
    """
    names = {
        name
        for name, value in frame.names.items()
        if isinstance(value, Known) and isinstance(value.value, SdkClass)
    }
    modules = {
        name
        for name, value in frame.names.items()
        if isinstance(value, Known) and value.value == External("runpod_flash")
    }
    spelled = names | {f"{m}.Endpoint" for m in modules}
    for span in _decorators(frame.syntax, spelled):
        if span not in constructed:
            sink.report(
                rules.ENDPOINT_IN_FUNCTION,
                span,
                "this endpoint stands in a function that is not called when the module is imported",
                notes=("it is not deployed",),
                help=("move the decorated function to the top of the module",),
            )


def _decorators(syntax: Syntax, spelled: set[str]) -> list[Span]:
    """The argument lists of `@Endpoint(...)` on functions and classes inside functions."""
    found: list[Span] = []
    if not _INDENTED_DECORATOR.search(syntax.text):
        return found
    pending: list[tuple[cst.CSTNode, bool]] = [(syntax.tree, False)]
    while pending:
        node, inside = pending.pop()
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)) and inside:
            for decorator in node.decorators:
                call = decorator.decorator
                if isinstance(call, cst.Call) and dotted(call.func) in spelled:
                    found.append(syntax.arguments_span(call))
        within = inside or isinstance(node, cst.FunctionDef)
        if isinstance(node, (cst.BaseCompoundStatement, cst.BaseSuite, cst.Module)):
            pending.extend((child, within) for child in children(node))
    return found

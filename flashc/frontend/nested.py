"""Find endpoints that are declared inside functions, so that an import does not declare them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import libcst as cst
from libcst import matchers as m

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
    known = tuple(dialects)
    spelled = set(declaring_calls(frame, known)) | set(_imported_in_functions(frame.syntax, known))
    return tuple(_decorators(frame.syntax, spelled))


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


def _imported_in_functions(syntax: Syntax, dialects: Sequence[Dialect]) -> Iterator[str]:
    """Yield the calls that declare an endpoint by what imports in functions bind, as dotted text."""
    if not any(package in syntax.text for dialect in dialects for package in dialect.packages):
        return
    for node in m.findall(syntax.tree, m.Import() | m.ImportFrom()):
        for module, name, bound in _bindings(node):
            for dialect in dialects:
                if module.partition(".")[0] not in dialect.packages:
                    continue
                if name:
                    yield from _calls(bound, dialect.objects().get(name))
                else:
                    for public, item in dialect.objects().items():
                        yield from _calls(f"{bound}.{public}", item)


def _bindings(node: cst.CSTNode) -> Iterator[tuple[str, str, str]]:
    """Yield (module, imported name, bound name) of an import; the imported name is "" for a module."""
    match node:
        case cst.Import(names=names):
            for item in names:
                bound = item.evaluated_alias or item.evaluated_name
                yield item.evaluated_name, "", bound
        case cst.ImportFrom(module=cst.BaseExpression() as module, names=[*names]):
            for item in names:
                bound = item.evaluated_alias or item.evaluated_name
                yield dotted(module) or "", item.evaluated_name, bound
        case _:
            pass


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

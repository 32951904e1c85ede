"""Convert the records of the `--trace` process into the values that the evaluator uses."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from enum import Enum
from types import NoneType
from typing import Any

import libcst as cst
from msgspec import Struct, field

from flashc.evaluator.declarations import DecoratedTarget, EndpointValue, RouteTarget
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import (
    Argument,
    ClassValue,
    Frame,
    FunctionValue,
)
from flashc.evaluator.values import DictValue, Known, SequenceValue, Symbolic, Unknown, Value
from flashc.syntax.parse import Syntax
from flashc.syntax.walk import children
from flashc_core.source import Span, column_of_byte
from flashc_ir.resources import EnvironmentReference, Text

from .dialect import Tracing
from .trace_answer import LONGEST_REASON

_Definition = cst.FunctionDef | cst.ClassDef


class TracedEndpoints(Struct, frozen=True, eq=False, kw_only=True):
    """Makes values of the evaluator from records; `tracings` are by the name of the dialect.

    `variables` are the environment variables that the traced modules mention.
    """

    machine: Machine
    tracings: Mapping[str, Tracing]
    variables: frozenset[str]
    _calls: dict[str, dict[Span, cst.Call]] = field(default_factory=dict[str, dict[Span, cst.Call]])
    _named: dict[str, dict[str, list[_Definition]]] = field(
        default_factory=dict[str, "dict[str, list[_Definition]]"]
    )

    def endpoint(self, record: dict[str, Any]) -> EndpointValue | None:
        """Return the endpoint of a record; None if it was declared outside of the project."""
        site = self._site(record)
        if site is None:
            return None
        syntax, span = site
        call = self._call_at(syntax, span)
        text = span if call is None else syntax.arguments_span(call)
        arguments = {
            name: self._argument(value, syntax, call, name, span)
            for name, value in record["arguments"].items()
        }
        problem = record["problem"] and record["problem"][:LONGEST_REASON]
        value = EndpointValue(
            dialect=record["dialect"],
            module=syntax.name,
            span=span,
            text=text,
            arguments=arguments,
            problems=[] if problem is None else [Unknown(reason=problem, origin=span)],
            condition=None,
            traced=True,
        )
        for item in record["targets"]:
            function = self._target(item["target"])
            if function is None:
                value.problems.append(
                    Unknown(reason="flashc can't find what it decorates", origin=span)
                )
                continue
            value.targets.append(
                DecoratedTarget(
                    value=function, module=syntax.name, span=span, outermost=True, condition=None
                )
            )
        for item in record["routes"]:
            function = self._target(item["target"])
            if not isinstance(function, FunctionValue):
                value.problems.append(
                    Unknown(reason="flashc can't find what its route decorates", origin=span)
                )
                continue
            site = self._site(item)
            where = span if site is None else site[1]
            path = Argument(self._value(item["path"], where), where)
            module = syntax.name if site is None else site[0].name
            value.routes.append(
                RouteTarget(
                    method=item["method"],
                    path=path,
                    value=function,
                    module=module,
                    span=where,
                    outermost=True,
                    condition=None,
                )
            )
        return value

    def _argument(
        self,
        value: dict[str, Any],
        syntax: Syntax,
        call: cst.Call | None,
        name: str,
        span: Span,
    ) -> Argument:
        """Return an argument, with the spans of its name and value if the call contains them."""
        written = _written(call, name)
        if written is None or written.keyword is None:
            return Argument(self._value(value, span), span)
        return Argument(
            self._value(value, span), syntax.span(written.value), syntax.span(written.keyword)
        )

    def _site(self, record: dict[str, Any]) -> tuple[Syntax, Span] | None:
        """Return the module and the span of the call that a record describes.

        The result is None if the call is outside of the project.
        """
        syntax, position = self._syntax(record.get("file")), record.get("position")
        if syntax is None or position is None or None in position:
            return None
        line, end_line, column, end_column = position  # columns count UTF-8 bytes, from 0
        if not 1 <= line <= end_line <= len(syntax.lines) or min(column, end_column) < 0:
            return None
        begin = column_of_byte(syntax.lines.line(line), column)
        return syntax, Span(
            syntax.path,
            line,
            begin,
            end_line,
            column_of_byte(syntax.lines.line(end_line), end_column),
        )

    def _syntax(self, file: str | None) -> Syntax | None:
        """Return the syntax of the module in a file; None if the file is not in the project."""
        root = os.path.realpath(self.machine.project.root)
        if file is None or "\0" in file or not os.path.realpath(file).startswith(root + os.sep):
            return None
        path = os.path.relpath(os.path.realpath(file), root).replace(os.sep, "/")
        by_path = {path: name for name, path in self.machine.project.modules.items()}
        return self.machine.load(by_path[path]) if path in by_path else None

    def _target(self, record: dict[str, Any]) -> FunctionValue | ClassValue | None:
        """Return the function or class of the project that an endpoint decorates."""
        name = record["module"]
        syntax = self.machine.load(name) if name in self.machine.project.modules else None
        if syntax is None:
            return None
        frame = self.machine.evaluate_module(syntax.name) or Frame(syntax=syntax)
        qualname = record["qualname"]
        for node in self._definitions_of(syntax).get(qualname, ()):
            if isinstance(node, cst.FunctionDef) and _first_line(syntax, node) == record["line"]:
                return FunctionValue(node=node, frame=frame, qualname=qualname)
            if isinstance(node, cst.ClassDef) and record["kind"] == "class":
                known = frame.names.get(qualname)
                if isinstance(known, Known) and isinstance(known.value, ClassValue):
                    return known.value
        return None

    def _call_at(self, syntax: Syntax, span: Span) -> cst.Call | None:
        """Return the call whose span is `span`; None if there is no such call."""
        if syntax.path not in self._calls:
            found = self._calls[syntax.path] = {}
            pending: list[cst.CSTNode] = [syntax.tree]
            while pending:
                node = pending.pop()
                if isinstance(node, cst.Call):
                    found.setdefault(syntax.span(node), node)
                pending.extend(children(node))
        return self._calls[syntax.path].get(span)

    def _definitions_of(self, syntax: Syntax) -> dict[str, list[_Definition]]:
        """Return the functions and classes of a module by their qualified names."""
        if syntax.path not in self._named:
            found = self._named[syntax.path] = {}
            for node, qualname in _definitions(syntax.tree, ""):
                found.setdefault(qualname, []).append(node)
        return self._named[syntax.path]

    def _value(self, record: dict[str, Any], span: Span) -> Value:
        """Convert what the process recorded about a value, as JSON, to a value of the evaluator."""
        match record:
            case {"value": value}:
                return Known(value, span)
            case {"enum": [kind, member]}:
                found = self._enum(kind)
                known = None if found is None else found.__members__.get(member)
                return (
                    Unknown(reason=f"it is a `{kind}`", origin=span)
                    if known is None
                    else Known(known, span)
                )
            case {"variable": name}:
                return Symbolic((EnvironmentReference(name),), span)
            case {"parts": [before, name, after]}:
                return Symbolic((Text(before), EnvironmentReference(name), Text(after)), span)
            case {"computed": True}:
                reason = "it is computed from an environment variable"
                return Unknown(reason=reason, origin=span, computed=self.variables)
            case {"sequence": [kind, items]}:
                made = list if kind == "list" else tuple
                return Known(SequenceValue(made, [self._value(item, span) for item in items]), span)
            case {"pairs": pairs}:
                entries: dict[object, tuple[Value, Value]] = {}
                for key, item in pairs:
                    known_key = self._value(key, span)
                    if not isinstance(known_key, Known) or not isinstance(
                        known_key.value, (str, int, float, Enum, NoneType)
                    ):
                        return Unknown(reason="a key of it is not a constant", origin=span)
                    entries[known_key.value] = (known_key, self._value(item, span))
                return Known(DictValue(entries), span)
            case {"sdk": kind, "dialect": dialect, "arguments": given} if dialect in self.tracings:
                arguments = {
                    name: Argument(self._value(item, span), span) for name, item in given.items()
                }
                return self.tracings[dialect].make(kind, arguments, span)
            case _:
                reason = str(record.get("unknown"))[:LONGEST_REASON]
                return Unknown(reason=reason, origin=span, is_refused=True)

    def _enum(self, kind: str) -> type[Enum] | None:
        """Return the enum of this name, if one of the SDKs has it."""
        found = (tracing.enums.get(kind) for tracing in self.tracings.values())
        return next((enum for enum in found if enum is not None), None)


def _written(call: cst.Call | None, name: str) -> cst.Arg | None:
    """Return the keyword argument `name` as the call contains it; None if it does not."""
    for argument in call.args if call is not None else ():
        if argument.keyword is not None and argument.keyword.value == name:
            return argument
    return None


def _definitions(node: cst.CSTNode, prefix: str) -> Iterator[tuple[_Definition, str]]:
    """Yield every function and class of a module with its qualified name."""
    for child in children(node):
        if isinstance(child, (cst.FunctionDef, cst.ClassDef)):
            qualname = f"{prefix}{child.name.value}"
            yield child, qualname
            inner = "." if isinstance(child, cst.ClassDef) else ".<locals>."
            yield from _definitions(child.body, qualname + inner)
        else:
            yield from _definitions(child, prefix)


def _first_line(syntax: Syntax, node: cst.FunctionDef) -> int:
    """Return the line on which a function begins for Python: that of its first decorator."""
    if node.decorators:
        return syntax.span(node.decorators[0]).line
    return syntax.span(node).line

"""`--trace`: what endpoints the modules define that flashc cannot evaluate, found by importing them.

Only when asked for, only for modules beyond the evaluator's reach, and in a process of its own that has a
stub in place of the SDK, no network, and a time limit.  What comes back takes the place of what the
evaluator found in these modules, and is marked in the IR.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst as cst

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
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import Span, WholeFile, column_of_byte
from flashc_ir.platform import catalogue
from flashc_ir.resources import EnvironmentReference, Text

from . import trace_runner
from .decode import ArgumentDecoder
from .flash.lower import lower_endpoints
from .flash.names import ENUMS
from .flash.semantics import SdkObject

LIMIT = 60  # seconds


def trace(machine: Machine, environment: Mapping[str, str], sink: Sink) -> None:
    """Replace the endpoints of modules that the evaluator does not understand by traced ones."""
    beyond = _modules_beyond(machine)
    if not beyond:
        return
    answer = _run(machine.tree.root, sorted(beyond), environment, sink)
    if answer is None:
        return
    for name, reason in sorted(answer["failed"].items()):
        sink.report(
            rules.TRACE_FAILED,
            WholeFile(machine.tree.modules[name]),
            f"importing `{name}` failed while tracing: {reason}",
            help=(
                "correct the cause of the exception, or write the endpoints so that flashc can evaluate them",
            ),
        )
    traced = beyond - answer["failed"].keys()
    builder = _Builder(machine)
    found = [builder.endpoint(record) for record in answer["endpoints"]]
    machine.endpoints[:] = [
        *(value for value in machine.endpoints if value.module not in traced),
        *(value for value in found if value is not None and value.module in traced),
    ]
    for name in sorted(traced):
        machine.stopped.pop(name, None)
        sink.report(
            rules.TRACED_MODULE,
            WholeFile(machine.tree.modules[name]),
            f"the endpoints of `{name}` were found by running its code (`--trace`)",
            notes=("another run may find other endpoints",),
        )


def _modules_beyond(machine: Machine) -> set[str]:
    """The modules with endpoints that evaluation leaves open."""
    quiet = Sink()
    lower_endpoints(ArgumentDecoder(machine, quiet), machine.endpoints)
    paths = {d.path for d in quiet if d.rule.traceable}
    open_places = {v.module for v in machine.endpoints if v.condition is not None or v.problems}
    by_path = {path: name for name, path in machine.tree.modules.items()}
    return (
        {by_path[path] for path in paths if path in by_path} | open_places | machine.stopped.keys()
    )


def _run(
    root: Path, modules: list[str], environment: Mapping[str, str], sink: Sink
) -> dict[str, Any] | None:
    """The tracing process's answer; None, and a finding, where it gives none."""
    reader, writer = os.pipe()
    command = [
        *(sys.executable, "-I", "-B", str(trace_runner.__file__)),
        *(str(root), str(catalogue.__file__), str(writer), *modules),
    ]
    reason = "the process ended without a result"
    try:
        with os.fdopen(reader, "rb") as stream:
            process = subprocess.Popen(
                command,
                cwd=root,
                env={name: environment[name] for name in environment},
                pass_fds=(writer,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            os.close(writer)
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                reason = f"it took more than {LIMIT} s"
            finally:
                process.kill()
                process.wait()
            text = b"" if reason.startswith("it took") else stream.read()
        if text:
            answer: dict[str, Any] = json.loads(text)
            return answer
    except (OSError, ValueError) as error:
        reason = type(error).__name__
    sink.report(
        rules.TRACE_FAILED,
        WholeFile(modules[0].replace(".", "/") + ".py"),
        f"tracing failed: {reason}",
        help=("write the endpoints so that flashc can evaluate them",),
    )
    return None


@dataclass(frozen=True, eq=False)
class _Builder:
    """Records of the tracing process -> the evaluator's own values."""

    machine: Machine

    def endpoint(self, record: dict[str, Any]) -> EndpointValue | None:
        site = self._site(record)
        if site is None:
            return None
        syntax, span = site
        call = _call_at(syntax, span)
        text = span if call is None else syntax.arguments_span(call)
        arguments = {
            name: Argument(self._value(value, span), _written(syntax, call, name) or span)
            for name, value in record["arguments"].items()
        }
        value = EndpointValue(
            module=syntax.name,
            span=span,
            text=text,
            arguments=arguments,
            problems=[],
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
            place = self._site(item)
            where = span if place is None else place[1]
            path = self._value(item["path"], where)
            module = syntax.name if place is None else place[0].name
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

    def _site(self, record: dict[str, Any]) -> tuple[Syntax, Span] | None:
        """The module and the call that a record tells of; None outside of the project."""
        syntax = self._syntax(record.get("file"))
        if syntax is None or None in record["place"]:
            return None
        line, end_line, column, end_column = record["place"]  # columns count UTF-8 bytes, from 0
        begin = column_of_byte(syntax.lines.line(line), column)
        return syntax, Span(
            syntax.path,
            line,
            begin,
            end_line,
            column_of_byte(syntax.lines.line(end_line), end_column),
        )

    def _syntax(self, file: str | None) -> Syntax | None:
        root = os.path.realpath(self.machine.tree.root)
        if file is None or not os.path.realpath(file).startswith(root + os.sep):
            return None
        path = os.path.relpath(os.path.realpath(file), root).replace(os.sep, "/")
        by_path = {path: name for name, path in self.machine.tree.modules.items()}
        return self.machine.load(by_path[path]) if path in by_path else None

    def _target(self, record: dict[str, Any]) -> FunctionValue | ClassValue | None:
        """The function or class of the project's text that an endpoint was put on."""
        name = record["module"]
        syntax = self.machine.load(name) if name in self.machine.tree.modules else None
        if syntax is None:
            return None
        frame = self.machine.module(syntax.name) or Frame(syntax=syntax)
        for node, qualname in _definitions(syntax.tree, ""):
            if qualname != record["qualname"]:
                continue
            if isinstance(node, cst.FunctionDef) and _first_line(syntax, node) == record["line"]:
                return FunctionValue(node=node, frame=frame, qualname=qualname)
            if isinstance(node, cst.ClassDef) and record["kind"] == "class":
                known = frame.names.get(qualname)
                if isinstance(known, Known) and isinstance(known.value, ClassValue):
                    return known.value
        return None

    def _value(self, record: dict[str, Any], span: Span) -> Value:
        match record:
            case {"value": value}:
                return Known(value, span)
            case {"enum": [kind, member]}:
                found = ENUMS.get(kind)
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
            case {"list": items}:
                return Known(SequenceValue(list, [self._value(item, span) for item in items]), span)
            case {"tuple": items}:
                return Known(
                    SequenceValue(tuple, [self._value(item, span) for item in items]), span
                )
            case {"dict": pairs}:
                entries: dict[object, tuple[Value, Value]] = {}
                for key, item in pairs:
                    known_key = self._value(key, span)
                    if not isinstance(known_key, Known) or isinstance(
                        known_key.value, SequenceValue
                    ):
                        return Unknown(reason="a key of it is not a constant", origin=span)
                    entries[known_key.value] = (known_key, self._value(item, span))
                return Known(DictValue(entries), span)
            case {"sdk": kind, "arguments": given}:
                arguments = {
                    name: Argument(self._value(item, span), span) for name, item in given.items()
                }
                return Known(SdkObject(kind, arguments, span), span)
            case _:
                return Unknown(reason=str(record.get("unknown")), origin=span)


def _call_at(syntax: Syntax, span: Span) -> cst.Call | None:
    """The call whose text is exactly this."""
    pending: list[cst.CSTNode] = [syntax.tree]
    while pending:
        node = pending.pop()
        if isinstance(node, cst.Call) and syntax.span(node) == span:
            return node
        pending.extend(children(node))
    return None


def _written(syntax: Syntax, call: cst.Call | None, name: str) -> Span | None:
    """Where a keyword argument stands in a call."""
    for argument in call.args if call is not None else ():
        if argument.keyword is not None and argument.keyword.value == name:
            return syntax.span(argument.value)
    return None


def _definitions(
    node: cst.CSTNode, prefix: str
) -> Iterator[tuple[cst.FunctionDef | cst.ClassDef, str]]:
    """Every function and class of a module, with its qualified name."""
    for child in children(node):
        if isinstance(child, (cst.FunctionDef, cst.ClassDef)):
            qualname = f"{prefix}{child.name.value}"
            yield child, qualname
            inner = "." if isinstance(child, cst.ClassDef) else ".<locals>."
            yield from _definitions(child.body, qualname + inner)
        else:
            yield from _definitions(child, prefix)


def _first_line(syntax: Syntax, node: cst.FunctionDef) -> int:
    """The line of the first decorator, which is where Python says that the function begins."""
    if node.decorators:
        return syntax.span(node.decorators[0]).line
    return syntax.span(node).line

"""Evaluate imports that are calls: `importlib.import_module("name")` and `__import__("name")`."""

from __future__ import annotations

from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import CallArguments
from flashc.evaluator.operations.comparisons import truth
from flashc.evaluator.values import External, Known, ModuleRef, Unknown, Value
from flashc_core.source import Span
from flashc_ir.imports.resolve import resolve_name
from flashc_ir.modules import Origin


def import_module(machine: Machine, name: str, arguments: CallArguments) -> Value | None:
    """Evaluate `importlib.import_module("name")`."""
    target = arguments.values[0] if arguments.values else None
    if not isinstance(target, Known) or not isinstance(target.value, str):
        return None
    full = target.value
    if full.startswith("."):
        given = arguments.keywords.get("package")
        anchor = (
            arguments.values[1] if len(arguments.values) > 1 else given.value if given else None
        )
        if not isinstance(anchor, Known) or not isinstance(anchor.value, str):
            return None
        full = resolve_name(anchor.value, full) or ""
        if not full:
            return None
    machine.import_module(full)
    return _module(machine, full, arguments.span)


def dunder_import(machine: Machine, arguments: CallArguments) -> Value:
    """Evaluate `__import__("a.b")`, which returns `a`, or `a.b` if `fromlist` is not empty."""
    target = arguments.values[0] if arguments.values else None
    given = arguments.keywords.get("fromlist")
    names = arguments.values[3] if len(arguments.values) > 3 else given.value if given else None
    has_names = False if names is None else truth(machine, names)
    known = isinstance(target, Known) and isinstance(target.value, str)
    if not known or isinstance(has_names, Unknown) or "level" in arguments.keywords:
        machine.escape(arguments)
        return Unknown(reason="flashc does not evaluate this `__import__`", origin=arguments.span)
    assert isinstance(target, Known)
    full = str(target.value)
    machine.import_module(full)
    return _module(machine, full if has_names else full.partition(".")[0], arguments.span)


def _module(machine: Machine, name: str, span: Span) -> Value:
    """Return a module by its name; note an import of an SDK."""
    if machine.project.has(name):
        return Known(ModuleRef(name), span)
    if machine.project.origin(name) is Origin.SDK:
        machine.sdk_imports.add(span)
    return Known(External(name), span)

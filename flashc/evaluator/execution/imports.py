"""Execute imports: bind names to modules and to the values of other modules."""

from __future__ import annotations

import libcst as cst

from flashc.evaluator.failures import PythonError
from flashc.evaluator.library.attributes import of_external
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Frame
from flashc.evaluator.values import External, Known, ModuleRef, Unknown, Value
from flashc.syntax.walk import dotted
from flashc_core.source import Span
from flashc_ir.imports.resolve import resolve_relative
from flashc_ir.modules import Origin


def execute_import(machine: Machine, node: cst.Import, frame: Frame) -> None:
    """Execute `import a.b`, `import a.b as c`."""
    span = frame.syntax.span(node)
    for item in node.names:
        name, alias = item.evaluated_name, item.evaluated_alias
        bound = alias or name.partition(".")[0]
        if alias:
            name = machine.project.without_own_package(name)
        machine.import_module(name)
        frame.bind(bound, _module(machine, name if alias else bound, span))


def _module(machine: Machine, name: str, span: Span) -> Value:
    """Return the module `name` as a value: one of the project, or one from outside."""
    if machine.project.origin(name) is Origin.PROJECT:
        return Known(ModuleRef(name), span)
    return Known(External(name), span)


def execute_import_from(machine: Machine, node: cst.ImportFrom, frame: Frame) -> None:
    """Execute `from a import b as c`, `from . import d`, `from e import *`."""
    syntax = frame.syntax
    span = syntax.span(node)
    written = dotted(node.module) if node.module is not None else None
    module: str | None = machine.project.without_own_package(written or "")
    if node.relative:
        package = syntax.name if syntax.is_package else syntax.name.rpartition(".")[0]
        module = resolve_relative(package, len(node.relative), written or "")
    if module is None:
        return
    machine.import_module(module)
    if isinstance(node.names, cst.ImportStar):
        _import_star(machine, module, frame, span)
        return
    for item in node.names:
        name = item.evaluated_name
        is_own = bool(node.relative) or _is_own(machine, module, name)
        if module == machine.project.own_package and machine.project.has(name):
            value = _own_member(machine, "", name, span)
        elif is_own:
            value = _own_member(machine, module, name, span)
        else:
            value = _imported(machine, module, name, span)
        frame.bind(item.evaluated_alias or name, value)


def _is_own(machine: Machine, module: str, member: str) -> bool:
    """Return whether Python finds a member of a module in the project."""
    return not module or machine.project.origin(module, [member]) is Origin.PROJECT


def _own_member(machine: Machine, module: str, name: str, span: Span) -> Value:
    """Return a member of a module of the project; if it is a module too, execute that module."""
    found = machine.attribute_of_module(module, name, span)
    full = f"{module}.{name}" if module else name
    if isinstance(found, Known) and found.value == ModuleRef(full):
        machine.import_module(full)
    return found


def _imported(machine: Machine, module: str, name: str, span: Span) -> Value:
    """Return the value of `name` that `from module import name` takes from outside of the project.

    Raises:
        PythonError: the module is one of an SDK that has no such name, and the program may handle it.
    """
    if any(dialect.help_if_missing(module, name) is not None for dialect in machine.dialects):
        text = f"cannot import name '{name}' from '{module}'"
        if machine.has_handlers:
            raise PythonError(ImportError, text, span)
        # Every import of such a name is a finding, so its consequences are none.
        return Unknown(reason=f"Python raises ImportError: {text}", origin=span, is_reported=True)
    return of_external(machine, External(module), name, span)


def _import_star(machine: Machine, module: str, frame: Frame, span: Span) -> None:
    """Bind the names that `from module import *` imports."""
    if machine.project.origin(module) is Origin.PROJECT:
        frame.names.update(machine.exported(module))
        return
    for dialect in machine.dialects:
        frame.names.update(dialect.exported(module, span))

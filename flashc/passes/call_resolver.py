"""Resolve dotted names to functions and classes, and find what the code of an endpoint uses."""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from flashc_core.source import Span
from flashc_ir.endpoints import (
    CodeEndpoint,
    Endpoint,
    ExistingEndpoint,
    ImageEndpoint,
    QueueClass,
    functions_of,
    modules_of,
)
from flashc_ir.modules import ImportedName, Module, Origin, Reference
from flashc_ir.program import Program

from .imported_modules import ImportGraph

_MAX_REEXPORTS = 20  # the longest chain of re-exports that is followed
_STAR = (ImportedName(name="*"),)


class Definition(NamedTuple):
    """A function or class of a module, by its qualified name; "" stands for the module itself."""

    module: str
    qualname: str

    def is_in(self, definitions: Container[Definition]) -> bool:
        """Return whether this is one of `definitions`, or is inside one of them."""
        parts = self.qualname.split(".")
        prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
        return any(Definition(self.module, prefix) in definitions for prefix in prefixes)


class CallResolver:
    """Resolves dotted names of a program to definitions, and definitions to endpoints.

    Each result is computed once.
    """

    def __init__(self, program: Program, imports: ImportGraph) -> None:
        """Index the modules and endpoints of a program."""
        self.program = program
        self._imports = imports
        self._modules = {module.name: module for module in program.modules}
        self._bindings = {
            module.name: {binding.name: binding.target for binding in module.bindings}
            for module in program.modules
        }
        self._owners: dict[Definition, list[Endpoint]] = {}
        self._clients: dict[Definition, list[Endpoint]] = {}
        for endpoint in program.endpoints:
            for definition in entry_points(endpoint):
                self._owners.setdefault(definition, []).append(endpoint)
            if isinstance(endpoint, (ImageEndpoint, ExistingEndpoint)) and endpoint.variable:
                client = Definition(endpoint.construction.module, endpoint.variable)
                self._clients[client] = [endpoint]
        self._callees: dict[Definition, list[Endpoint]] = {}
        self._resolved: dict[str, Definition | None] = {}
        self._uses: dict[str, dict[str, tuple[Definition, ...]]] = {}
        self._imported: dict[str, tuple[Definition, ...]] = {}
        self._reachable: dict[int, dict[Definition, list[Endpoint]]] = {}

    def resolve(self, target: str) -> Definition | None:
        """Return the definition of an absolute dotted name, through re-exports and star imports.

        The result is None if the program does not define the name.
        """
        if target not in self._resolved:
            self._resolved[target] = self._resolve(target, 0)
        return self._resolved[target]

    def _resolve(self, target: str, depth: int) -> Definition | None:
        """Return the definition of a name; `depth` counts the re-exports so far."""
        parts = target.split(".")
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            if name in self._modules:
                return self._inside(name, parts[length:], depth)
        return None

    def _inside(self, module: str, rest: list[str], depth: int) -> Definition | None:
        """Return the definition of the name `rest` in a module."""
        if not rest or depth > _MAX_REEXPORTS:
            return Definition(module, "") if not rest else None
        bindings = self._bindings[module]
        if rest[0] not in bindings:
            for item in self._modules[module].imports:
                if item.names == _STAR and item.origin is Origin.PROJECT:
                    found = self._resolve(".".join((item.module, *rest)), depth + 1)
                    if found is not None and found.qualname:
                        return found
            return None
        target = bindings[rest[0]]
        if target is None or target == f"{module}.{rest[0]}":
            return Definition(module, ".".join(rest))
        return self._resolve(".".join((target, *rest[1:])), depth + 1)

    def endpoints_at(self, definition: Definition) -> list[Endpoint]:
        """Return the endpoints that a use of this definition may call."""
        found = self._callees.get(definition)
        if found is None:
            head = Definition(definition.module, definition.qualname.partition(".")[0])
            found = self._clients.get(head) or self._owners.get(definition)
            found = self._callees[definition] = found or self._owners.get(head, [])
        return found

    def uses_of(self, module: Module) -> Iterator[tuple[Reference, Definition]]:
        """Yield (reference, definition) for the references of a module that mean an endpoint.

        If a name is bound more than once, one use has several references, and it is not known which
        definition is called.  Such references are yielded without a shape, so that their arguments
        are not checked.
        """
        found = [(each, self.resolve(each.target)) for each in module.references]
        if not any(definition and self.endpoints_at(definition) for _, definition in found):
            return
        uses: dict[Span, list[tuple[Reference, Definition | None]]] = {}
        for reference, definition in found:
            uses.setdefault(reference.span, []).append((reference, definition))
        for candidates in uses.values():
            is_certain = len({definition for _, definition in candidates}) == 1
            for reference, definition in candidates:
                if definition is not None and definition.qualname:
                    yield reference if is_certain else _without_shape(reference), definition

    def reachable(self, endpoint: CodeEndpoint) -> dict[Definition, list[Endpoint]]:
        """Return every definition that the code of `endpoint` may use, each with `endpoints_at`.

        If it uses a function of another endpoint, the definitions that this function uses are left
        out, because it runs on other workers.
        """
        known = self._reachable.get(id(endpoint))
        if known is None:
            known = self._reachable[id(endpoint)] = self._reach(endpoint)
        return known

    def _reach(self, endpoint: CodeEndpoint) -> dict[Definition, list[Endpoint]]:
        """Compute `reachable`."""
        pending = [*entry_points(endpoint), *(Definition(m, "") for m in modules_of(endpoint))]
        found: dict[Definition, list[Endpoint]] = {}
        while pending:
            definition = pending.pop()
            if definition in found:
                continue
            owners = found[definition] = self.endpoints_at(definition)
            if not definition.qualname:
                pending.extend(self._imports_of(definition.module))
            elif owners and endpoint not in owners:
                continue
            pending.extend(self._uses_in(definition))
        return found

    def runs(self, endpoint: CodeEndpoint) -> Iterator[Definition]:
        """Yield every definition that workers of `endpoint` may run."""
        for definition, owners in self.reachable(endpoint).items():
            if not owners or endpoint in owners:
                yield definition

    def _imports_of(self, module: str) -> tuple[Definition, ...]:
        """Return the project's modules that `module` may import, also in its functions."""
        if module not in self._imported:
            names = self._imports.imported(module)
            self._imported[module] = tuple(Definition(name, "") for name in names)
        return self._imported[module]

    def _uses_in(self, definition: Definition) -> tuple[Definition, ...]:
        """Return the definitions that the code of this definition uses, including nested code."""
        module, qualname = definition
        if module not in self._uses:
            self._uses[module] = self._uses_by_scope(self._modules[module])
        return self._uses[module].get(qualname, ())

    def _uses_by_scope(self, module: Module) -> dict[str, tuple[Definition, ...]]:
        """Return the definitions that each function or class of a module uses, by its qualname."""
        uses: dict[str, dict[Definition, None]] = {}
        for reference in module.references:
            found = self.resolve(reference.target)
            if found is None or not found.qualname:
                continue
            scope = reference.scope
            uses.setdefault(scope, {})[found] = None
            while "." in scope:
                scope = scope.rpartition(".")[0]
                uses.setdefault(scope, {})[found] = None
        return {scope: tuple(found) for scope, found in uses.items()}


def entry_points(endpoint: Endpoint) -> tuple[Definition, ...]:
    """Return the definitions that an endpoint runs: its functions, or its class and methods."""
    if isinstance(endpoint, QueueClass):
        head = Definition(_class_module(endpoint), endpoint.qualname)
        return (head, *(Definition(m.module, m.qualname) for m in endpoint.methods))
    return tuple(Definition(f.module, f.qualname) for f in functions_of(endpoint))


def _class_module(endpoint: QueueClass) -> str:
    """Return the module that contains an endpoint's class."""
    own = f"{endpoint.qualname}."
    return next((m.module for m in endpoint.methods if m.qualname.startswith(own)), endpoint.module)


def _without_shape(reference: Reference) -> Reference:
    """Return a reference without the call's arguments, because it may call something else."""
    return replace(reference, shape=None, member=None, member_shape=None)

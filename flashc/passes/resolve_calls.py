"""Resolve references between modules to calls of endpoints, and compute which endpoint may call which."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from flashc_core.source import Span
from flashc_ir.endpoints import (
    CodeEndpoint,
    Endpoint,
    ExistingEndpoint,
    ImageEndpoint,
    LoadBalanced,
    QueueClass,
    QueueFunction,
    functions_of,
    modules_of,
)
from flashc_ir.modules import ImportedName, Module, Origin, Reference
from flashc_ir.program import Call, Edge, Program, callee_of

from .context import PassContext

_MAX_REEXPORTS = 20  # length of a chain of re-exports; real programs stay far below


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or class of a module, by its qualified name; "" is the module itself."""

    module: str
    qualname: str


def resolve_calls(program: Program, _context: PassContext) -> Program:
    """Set `Program.calls` and `Program.edges`.

    Every reference to an endpoint counts as a call, because the program may pass it on and call it elsewhere.
    An endpoint runs its functions, everything that they refer to, and the top level of every imported module.
    """
    resolver = CallResolver(program)
    calls = tuple(dict.fromkeys(resolver.calls()))
    edges = sorted(
        {edge for endpoint in program.code_endpoints() for edge in resolver.edges(endpoint)},
        key=lambda edge: (edge.caller, str(edge.callee)),
    )
    return replace(program, calls=calls, edges=tuple(edges))


@dataclass(eq=False)
class CallResolver:
    """Resolve dotted names of a program to definitions, and definitions to endpoints.

    `owners` are the endpoints that run a definition; `clients` are the variables that hold a client.
    """

    program: Program
    modules: dict[str, Module] = field(init=False)
    owners: dict[Definition, list[Endpoint]] = field(init=False)
    clients: dict[Definition, Endpoint] = field(init=False)

    def __post_init__(self) -> None:
        self.modules = {module.name: module for module in self.program.modules}
        self._bindings = {
            module.name: {binding.name: binding for binding in module.bindings}
            for module in self.program.modules
        }
        self.owners, self.clients = {}, {}
        for endpoint in self.program.endpoints:
            for definition in entry_points(endpoint):
                self.owners.setdefault(definition, []).append(endpoint)
            if isinstance(endpoint, (ImageEndpoint, ExistingEndpoint)) and endpoint.variable:
                variable = Definition(endpoint.construction.module, endpoint.variable)
                self.clients[variable] = endpoint

    def resolve(self, target: str, depth: int = 0) -> Definition | None:
        """Return the definition of an absolute dotted name, through re-exports and star imports.

        Returns None if the program does not define the name.
        """
        parts = target.split(".")
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            if name in self.modules:
                return self._inside(name, parts[length:], depth)
        return None

    def _inside(self, module: str, rest: list[str], depth: int) -> Definition | None:
        if not rest or depth > _MAX_REEXPORTS:
            return Definition(module, "") if not rest else None
        binding = self._bindings[module].get(rest[0])
        if binding is None:
            for item in self.modules[module].imports:
                if item.names == (ImportedName(name="*"),) and item.origin is Origin.PROJECT:
                    found = self.resolve(".".join((item.module, *rest)), depth + 1)
                    if found is not None and found.qualname:
                        return found
            return None
        own = f"{module}.{rest[0]}"
        if binding.target in (None, own):
            return Definition(module, ".".join(rest))
        return self.resolve(".".join((binding.target or own, *rest[1:])), depth + 1)

    def endpoints_at(self, definition: Definition) -> list[Endpoint]:
        """Return the endpoints that a use of this definition may call."""
        head = Definition(definition.module, definition.qualname.partition(".")[0])
        if head in self.clients:
            return [self.clients[head]]
        return self.owners.get(definition) or self.owners.get(head) or []

    def calls(self) -> Iterator[Call]:
        """Yield every use of an endpoint by code that is not the endpoint's own."""
        for module in self.program.modules:
            for reference, definition in self._uses_of(module):
                scope = Definition(module.name, reference.scope)
                for endpoint in self.endpoints_at(definition):
                    if not self._runs_in(scope, endpoint):
                        yield _call(scope, definition, endpoint, reference)

    def _uses_of(self, module: Module) -> Iterator[tuple[Reference, Definition]]:
        """Yield the references of a module and their definitions.

        If a name is bound more than once, one use has several references, and it is not known which of them is
        called; they are yielded without a shape.
        """
        uses: dict[Span, list[tuple[Reference, Definition | None]]] = {}
        for reference in module.references:
            found = (reference, self.resolve(reference.target))
            uses.setdefault(reference.span, []).append(found)
        for candidates in uses.values():
            certain = len({definition for _, definition in candidates}) == 1
            for reference, definition in candidates:
                if definition is not None and definition.qualname:
                    yield reference if certain else _uncertain(reference), definition

    def _runs_in(self, scope: Definition, endpoint: Endpoint) -> bool:
        """Tell whether the code of `scope` is in one of the endpoint's own functions."""
        return any(
            scope.module == own.module
            and (scope.qualname == own.qualname or scope.qualname.startswith(f"{own.qualname}."))
            for own in entry_points(endpoint)
        )

    def edges(self, endpoint: QueueFunction | QueueClass | LoadBalanced) -> Iterator[Edge]:
        """Yield an edge to every other endpoint that `endpoint` may call."""
        own = set(entry_points(endpoint))
        for definition in self.reachable(endpoint):
            for other in self.endpoints_at(definition):
                if other is not endpoint and definition not in own:
                    yield Edge(endpoint.resource, callee_of(other))

    def reachable(
        self, endpoint: QueueFunction | QueueClass | LoadBalanced
    ) -> Iterator[Definition]:
        """Yield every definition that the code of `endpoint` refers to, including other endpoints.

        The definitions that the code of another endpoint refers to are left out: it runs on other workers.
        """
        pending = [*entry_points(endpoint), *(Definition(m, "") for m in modules_of(endpoint))]
        seen: set[Definition] = set()
        while pending:
            definition = pending.pop()
            if definition in seen:
                continue
            seen.add(definition)
            yield definition
            owners = self.endpoints_at(definition)
            if not definition.qualname:
                pending.extend(self._imported(definition.module))
            elif owners and endpoint not in owners:
                continue
            pending.extend(self._uses(definition))

    def runs(self, endpoint: CodeEndpoint) -> Iterator[Definition]:
        """Yield every definition that workers of `endpoint` may run."""
        for definition in self.reachable(endpoint):
            owners = self.endpoints_at(definition)
            if not owners or endpoint in owners:
                yield definition

    def _imported(self, module: str) -> Iterator[Definition]:
        for item in self.modules[module].imports:
            names = [item.module, *(n.submodule for n in item.names or () if n.submodule)]
            for name in names:
                parts = name.split(".")
                for length in range(1, len(parts) + 1):
                    if ".".join(parts[:length]) in self.modules:
                        yield Definition(".".join(parts[:length]), "")

    def _uses(self, definition: Definition) -> Iterator[Definition]:
        module = self.modules[definition.module]
        prefix = f"{definition.qualname}."
        for reference in module.references:
            inside = reference.scope == definition.qualname or (
                definition.qualname and reference.scope.startswith(prefix)
            )
            if inside:
                found = self.resolve(reference.target)
                if found is not None and found.qualname:
                    yield found


def _uncertain(reference: Reference) -> Reference:
    return replace(reference, shape=None, member=None, member_shape=None)


def entry_points(endpoint: Endpoint) -> tuple[Definition, ...]:
    """Return the definitions that an endpoint runs directly: its functions, or its class and methods."""
    if isinstance(endpoint, QueueClass):
        head = Definition(_class_module(endpoint), endpoint.qualname)
        return (head, *(Definition(m.module, m.qualname) for m in endpoint.methods))
    return tuple(Definition(f.module, f.qualname) for f in functions_of(endpoint))


def _class_module(endpoint: QueueClass) -> str:
    own = f"{endpoint.qualname}."
    return next((m.module for m in endpoint.methods if m.qualname.startswith(own)), endpoint.module)


def _call(
    scope: Definition, definition: Definition, endpoint: Endpoint, reference: Reference
) -> Call:
    member = reference.member
    own = definition.qualname
    qualname = own if member is None else f"{own}.{member}"
    shape = reference.shape if member is None else reference.member_shape
    if isinstance(endpoint, QueueClass) and member is None:
        shape = reference.shape
    return Call(
        caller=f"{scope.module}:{scope.qualname}",
        callee=f"{definition.module}:{qualname}",
        endpoint=callee_of(endpoint),
        shape=shape,
        span=reference.span,
    )

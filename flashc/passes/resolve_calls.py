"""References between modules -> `Program.calls` and `Program.edges`: who may call which endpoint."""

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

_DEPTH = 20  # re-exports of re-exports


@dataclass(frozen=True, slots=True)
class Place:
    """Something in a module: a function or class by its qualified name, "" for the module itself."""

    module: str
    qualname: str


def resolve_calls(program: Program, _context: PassContext) -> Program:
    """Link every reference that leads to an endpoint, and every endpoint to those it can reach.

    A reference counts although nothing shows that it is ever called: it may be passed on.  What runs in
    an endpoint: its functions, everything that they refer to, and the top of every imported module.
    """
    linker = Linker(program)
    calls = tuple(dict.fromkeys(linker.calls()))
    edges = sorted(
        {edge for endpoint in program.code_endpoints() for edge in linker.edges(endpoint)},
        key=lambda edge: (edge.caller, str(edge.callee)),
    )
    return replace(program, calls=calls, edges=tuple(edges))


@dataclass(eq=False)
class Linker:
    """What dotted names lead to in a program."""

    program: Program
    modules: dict[str, Module] = field(init=False)
    owners: dict[Place, list[Endpoint]] = field(init=False)
    clients: dict[Place, Endpoint] = field(init=False)

    def __post_init__(self) -> None:
        self.modules = {module.name: module for module in self.program.modules}
        self._bindings = {
            module.name: {binding.name: binding for binding in module.bindings}
            for module in self.program.modules
        }
        self.owners, self.clients = {}, {}
        for endpoint in self.program.endpoints:
            for place in entry_points(endpoint):
                self.owners.setdefault(place, []).append(endpoint)
            if isinstance(endpoint, (ImageEndpoint, ExistingEndpoint)) and endpoint.variable:
                place = Place(endpoint.construction.module, endpoint.variable)
                self.clients[place] = endpoint

    def resolve(self, target: str, depth: int = 0) -> Place | None:
        """What a dotted, absolute name leads to, re-exports and star imports followed."""
        parts = target.split(".")
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            if name in self.modules:
                return self._inside(name, parts[length:], depth)
        return None

    def _inside(self, module: str, rest: list[str], depth: int) -> Place | None:
        if not rest or depth > _DEPTH:
            return Place(module, "") if not rest else None
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
            return Place(module, ".".join(rest))
        return self.resolve(".".join((binding.target or own, *rest[1:])), depth + 1)

    def endpoints_at(self, place: Place) -> list[Endpoint]:
        """The endpoints that a use of this place may call."""
        head = Place(place.module, place.qualname.partition(".")[0])
        if head in self.clients:
            return [self.clients[head]]
        return self.owners.get(place) or self.owners.get(head) or []

    def calls(self) -> Iterator[Call]:
        """Every use of an endpoint by code that is not the endpoint's own."""
        for module in self.program.modules:
            for reference, place in self._uses_of(module):
                scope = Place(module.name, reference.scope)
                for endpoint in self.endpoints_at(place):
                    if not self._runs_in(scope, endpoint):
                        yield _call(scope, place, endpoint, reference)

    def _uses_of(self, module: Module) -> Iterator[tuple[Reference, Place]]:
        """The references of a module with what they lead to.  Where a name was bound again, one use has
        several references, and which one it calls is not known."""
        uses: dict[Span, list[tuple[Reference, Place | None]]] = {}
        for reference in module.references:
            found = (reference, self.resolve(reference.target))
            uses.setdefault(reference.span, []).append(found)
        for candidates in uses.values():
            certain = len({place for _, place in candidates}) == 1
            for reference, place in candidates:
                if place is not None and place.qualname:
                    yield reference if certain else _uncertain(reference), place

    def _runs_in(self, scope: Place, endpoint: Endpoint) -> bool:
        """Whether code in `scope` is one of the endpoint's own functions."""
        return any(
            scope.module == place.module
            and (
                scope.qualname == place.qualname or scope.qualname.startswith(f"{place.qualname}.")
            )
            for place in entry_points(endpoint)
        )

    def edges(self, endpoint: QueueFunction | QueueClass | LoadBalanced) -> Iterator[Edge]:
        """The endpoints that `endpoint` may call."""
        own = set(entry_points(endpoint))
        for place in self.reachable(endpoint):
            for other in self.endpoints_at(place):
                if other is not endpoint and place not in own:
                    yield Edge(endpoint.resource, callee_of(other))

    def reachable(self, endpoint: QueueFunction | QueueClass | LoadBalanced) -> Iterator[Place]:
        """Everything of the project that code of `endpoint` refers to, other endpoints included.

        The code of another endpoint is not entered: it runs elsewhere.
        """
        pending = [*entry_points(endpoint), *(Place(m, "") for m in modules_of(endpoint))]
        seen: set[Place] = set()
        while pending:
            place = pending.pop()
            if place in seen:
                continue
            seen.add(place)
            yield place
            if not place.qualname:
                pending.extend(self._imported(place.module))
            elif endpoint not in self.endpoints_at(place) and self.endpoints_at(place):
                continue
            pending.extend(self._uses(place))

    def runs(self, endpoint: CodeEndpoint) -> Iterator[Place]:
        """Everything of the project that workers of `endpoint` may run."""
        for place in self.reachable(endpoint):
            owners = self.endpoints_at(place)
            if not owners or endpoint in owners:
                yield place

    def _imported(self, module: str) -> Iterator[Place]:
        for item in self.modules[module].imports:
            names = [item.module, *(n.submodule for n in item.names or () if n.submodule)]
            for name in names:
                parts = name.split(".")
                for length in range(1, len(parts) + 1):
                    if ".".join(parts[:length]) in self.modules:
                        yield Place(".".join(parts[:length]), "")

    def _uses(self, place: Place) -> Iterator[Place]:
        module = self.modules[place.module]
        prefix = f"{place.qualname}."
        for reference in module.references:
            inside = reference.scope == place.qualname or (
                place.qualname and reference.scope.startswith(prefix)
            )
            if inside:
                found = self.resolve(reference.target)
                if found is not None and found.qualname:
                    yield found


def _uncertain(reference: Reference) -> Reference:
    return replace(reference, shape=None, member=None, member_shape=None)


def entry_points(endpoint: Endpoint) -> tuple[Place, ...]:
    """Where the code that an endpoint runs begins."""
    if isinstance(endpoint, QueueClass):
        head = Place(_class_module(endpoint), endpoint.qualname)
        return (head, *(Place(m.module, m.qualname) for m in endpoint.methods))
    return tuple(Place(f.module, f.qualname) for f in functions_of(endpoint))


def _class_module(endpoint: QueueClass) -> str:
    own = f"{endpoint.qualname}."
    return next((m.module for m in endpoint.methods if m.qualname.startswith(own)), endpoint.module)


def _call(scope: Place, place: Place, endpoint: Endpoint, reference: Reference) -> Call:
    member = reference.member
    qualname = place.qualname if member is None else f"{place.qualname}.{member}"
    shape = reference.shape if member is None else reference.member_shape
    if isinstance(endpoint, QueueClass) and member is None:
        shape = reference.shape
    return Call(
        caller=f"{scope.module}:{scope.qualname}",
        callee=f"{place.module}:{qualname}",
        endpoint=callee_of(endpoint),
        shape=shape,
        span=reference.span,
    )

"""Names as Python's compiler sees them: scopes, what each binds, and what a dotted name leads to.

A name's *target* is dotted and absolute: `g.run` in a module with `import pkg.gpu as g` leads to
`pkg.gpu.run`.  Only what the text of one module says counts here; what other modules say comes later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique

from flashc_core.source import Span


@unique
class ScopeKind(Enum):
    MODULE = "module"
    FUNCTION = "function"
    CLASS = "class"


@dataclass(frozen=True, slots=True)
class Chain:
    """`root.a.b` as written; `absolute` says that the root is a module's full name, not a local name."""

    root: str
    attributes: tuple[str, ...] = ()
    absolute: bool = False

    def then(self, attribute: str) -> Chain:
        return Chain(self.root, (*self.attributes, attribute), self.absolute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One binding of a name.

    `target` is absolute (an import, a definition at the module's top), `alias` another name of the same
    module, `instance` an object made by calling that name.  All None: some other value.
    """

    span: Span
    target: str | None = None
    alias: Chain | None = None
    instance: Chain | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class Scope:
    """One scope; `qualname` is that of the function or class whose code it is, "" for the module."""

    kind: ScopeKind
    qualname: str
    parent: Scope | None
    bindings: dict[str, list[Bound]] = field(default_factory=dict[str, list[Bound]])
    global_names: set[str] = field(default_factory=set[str])
    nonlocal_names: set[str] = field(default_factory=set[str])
    rebound: list[tuple[str, str, Span]] = field(default_factory=list[tuple[str, str, Span]])
    """Of the module's scope: (name, qualified name of the function, place) of every `global` binding."""

    def child_qualname(self, name: str) -> str:
        """The qualified name of a function or class called `name` that is defined here."""
        match self.kind:
            case ScopeKind.MODULE:
                return name
            case ScopeKind.CLASS:
                return f"{self.qualname}.{name}"
            case ScopeKind.FUNCTION:
                return f"{self.qualname}.<locals>.{name}"

    def bind(self, name: str, bound: Bound) -> None:
        scope = self
        if name in self.global_names:
            scope = self.module
            scope.rebound.append((name, self.qualname, bound.span))
        elif name in self.nonlocal_names and self.parent is not None:
            scope = self.parent.owner(name) or self
        scope.bindings.setdefault(name, []).append(bound)

    @property
    def module(self) -> Scope:
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def owner(self, name: str) -> Scope | None:
        """The scope whose binding a load of `name` in this scope sees, None for a builtin."""
        if name in self.global_names:
            return self.module if name in self.module.bindings else None
        scope: Scope | None = self
        while scope is not None:
            visible = scope is self or scope.kind is not ScopeKind.CLASS
            if visible and name in scope.bindings:
                return scope
            scope = scope.parent
        return None


_DEPTH = 16  # aliases of aliases; a longer chain is no program's
_MOST = 64  # targets of one name; more come only from text made to be hostile

Target = tuple[str, bool]
_Seen = dict[tuple[int, str, int], tuple[Target, ...]]


def targets(scope: Scope, chain: Chain) -> tuple[Target, ...]:
    """What `chain`, loaded in `scope`, may lead to: (target, whether it is an instance of the target).

    Flow-insensitive: a name bound twice leads to both.  Empty for locals, builtins and plain values.
    Every name is followed once per depth, so that aliases which meet again cost no more than others.
    """
    return _leads(scope, chain, 0, {})


def _leads(scope: Scope, chain: Chain, depth: int, seen: _Seen) -> tuple[Target, ...]:
    if chain.absolute:
        return ((".".join((chain.root, *chain.attributes)), False),)
    owner = scope.owner(chain.root)
    if owner is None or depth > _DEPTH:
        return ()
    key = (id(owner), chain.root, depth)
    if key not in seen:
        seen[key] = _named(owner, chain.root, depth, seen)
    return tuple(
        (".".join((target, *chain.attributes)), instance) for target, instance in seen[key]
    )


def _named(owner: Scope, name: str, depth: int, seen: _Seen) -> tuple[Target, ...]:
    """What a name that `owner` binds leads to."""
    found: dict[Target, None] = {}
    for bound in owner.bindings[name]:
        if bound.target is not None:
            found[bound.target, False] = None
        elif bound.alias is not None:
            found |= dict.fromkeys(_leads(owner, bound.alias, depth + 1, seen))
        elif bound.instance is not None:
            made = _leads(owner, bound.instance, depth + 1, seen)
            found |= {(target, True): None for target, instance in made if not instance}
    return tuple(found)[:_MOST]

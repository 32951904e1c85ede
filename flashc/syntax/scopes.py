"""Represent the scopes of a module as Python's compiler does, and resolve dotted names in them.

A *resolved name* is dotted and absolute: in a module with `import pkg.gpu as g`, `g.run` resolves
to `pkg.gpu.run`.  Only the text of one module is used here; `passes.resolve_calls` follows names
through other modules.
"""

from __future__ import annotations

from enum import Enum, unique

from msgspec import Struct, field

from flashc_core.source import Span


@unique
class ScopeKind(Enum):
    """The kind of code that a scope belongs to."""

    MODULE = "module"
    FUNCTION = "function"
    CLASS = "class"


class Chain(Struct, frozen=True):
    """A dotted name `root.a.b` as it is written.

    `absolute` says that the root is the full name of a module, and not a name of the scope.
    """

    root: str
    attributes: tuple[str, ...] = ()
    absolute: bool = False

    def then(self, attribute: str) -> Chain:
        """Return the chain with one more attribute."""
        return Chain(self.root, (*self.attributes, attribute), self.absolute)


class Bound(Struct, frozen=True, kw_only=True):
    """One binding of a name.

    `target` is the absolute dotted name of an import or a top-level definition, `alias` another
    name of the same module, `instance` the name whose call created the object.  All are None for
    any other value.
    """

    span: Span
    target: str | None = None
    alias: Chain | None = None
    instance: Chain | None = None


class Scope(Struct, eq=False, kw_only=True):
    """One scope; `qualname` is the qualified name of its function or class, "" for the module."""

    kind: ScopeKind
    qualname: str
    parent: Scope | None
    bindings: dict[str, list[Bound]] = field(default_factory=dict[str, list[Bound]])
    global_names: set[str] = field(default_factory=set[str])
    nonlocal_names: set[str] = field(default_factory=set[str])
    rebound: list[tuple[str, str, Span]] = field(default_factory=list[tuple[str, str, Span]])
    """(name, qualified name of the function, span) of every `global` binding; only the module's scope has them."""

    def child_qualname(self, name: str) -> str:
        """Return the qualified name of a function or class `name` that is defined in this scope."""
        match self.kind:
            case ScopeKind.MODULE:
                return name
            case ScopeKind.CLASS:
                return f"{self.qualname}.{name}"
            case ScopeKind.FUNCTION:
                return f"{self.qualname}.<locals>.{name}"

    def bind(self, name: str, bound: Bound) -> None:
        """Add a binding of `name`, in the scope that `global` and `nonlocal` statements select."""
        scope = self
        if name in self.global_names:
            scope = self.module
            scope.rebound.append((name, self.qualname, bound.span))
        elif name in self.nonlocal_names and self.parent is not None:
            scope = self.parent.owner(name) or self
        scope.bindings.setdefault(name, []).append(bound)

    @property
    def module(self) -> Scope:
        """The scope of the module that contains this scope."""
        scope = self
        while scope.parent is not None:
            scope = scope.parent
        return scope

    def owner(self, name: str) -> Scope | None:
        """Return the scope whose binding of `name` is used in this scope; None for a builtin."""
        if name in self.global_names:
            return self.module if name in self.module.bindings else None
        scope: Scope | None = self
        while scope is not None:
            visible = scope is self or scope.kind is not ScopeKind.CLASS
            if visible and name in scope.bindings:
                return scope
            scope = scope.parent
        return None


_MAX_ALIASES = 16  # the longest chain of aliases that is followed
_MAX_RESOLVED = 64  # the most meanings of one name that are followed

ResolvedName = tuple[str, bool]
"""An absolute dotted name, and whether the value is an instance of the named class."""
_Seen = dict[tuple[int, str, int], tuple[ResolvedName, ...]]


def resolve_chain(scope: Scope, chain: Chain) -> tuple[ResolvedName, ...]:
    """Return every absolute name that `chain`, used in `scope`, may mean.

    The order of statements is ignored: a name that is bound twice has both meanings.  The result is
    empty for locals, builtins and plain values.  Each name is resolved only once per depth, so that
    many aliases of one target take little time.
    """
    return _resolve_chain(scope, chain, 0, {})


def _resolve_chain(scope: Scope, chain: Chain, depth: int, seen: _Seen) -> tuple[ResolvedName, ...]:
    """Resolve a chain; `depth` counts the aliases so far, and `seen` has the results so far."""
    if chain.absolute:
        return ((".".join((chain.root, *chain.attributes)), False),)
    owner = scope.owner(chain.root)
    if owner is None or depth > _MAX_ALIASES:
        return ()
    key = (id(owner), chain.root, depth)
    if key not in seen:
        seen[key] = _resolve_name(owner, chain.root, depth, seen)
    return tuple(
        (".".join((target, *chain.attributes)), instance) for target, instance in seen[key]
    )


def _resolve_name(owner: Scope, name: str, depth: int, seen: _Seen) -> tuple[ResolvedName, ...]:
    """Return the absolute names that a name which `owner` binds may mean."""
    found: dict[ResolvedName, None] = {}
    for bound in owner.bindings[name]:
        if bound.target is not None:
            found[bound.target, False] = None
        elif bound.alias is not None:
            found |= dict.fromkeys(_resolve_chain(owner, bound.alias, depth + 1, seen))
        elif bound.instance is not None:
            made = _resolve_chain(owner, bound.instance, depth + 1, seen)
            found |= {(target, True): None for target, instance in made if not instance}
    return tuple(found)[:_MAX_RESOLVED]

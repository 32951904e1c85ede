"""Find the names of a module that an SDK is behind, from its statements and imports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from enum import IntEnum

from msgspec import Struct, field

from flashc_ir.modules import Import, Module, Origin

from .module_names import ModuleStatements, Statement
from .used_names import Names, NamesByUse


class Link(IntEnum):
    """How an SDK may be behind a name or an expression, from the weakest link to the strongest one."""

    NONE = 0
    STRING = 1
    """It is a string with the name of an SDK, from which `import_module` makes a value."""
    USE = 2
    """The code behind it uses an SDK, but what it returns does not come from one."""
    BUILDER = 3
    """A call of it may return a maker: a class with a method that returns a value."""
    MAKER = 4
    """A call of it may return a value: a function that returns a class of the SDK."""
    VALUE = 5
    """Its value may come from an SDK: a class of the SDK, an endpoint."""


LinkedNames = Mapping[str, Link]
_AFTER_CALL = {Link.BUILDER: Link.MAKER, Link.MAKER: Link.VALUE}
IMPORTERS = frozenset({"import_module", "__import__", "find_spec"})
"""The functions that import, or look for, the module that a string names."""
_SETS_ANY_NAME = frozenset({"globals", "vars", "locals", "setattr", "exec", "eval", "modules"})
_OF_FUNCTION = {Link.VALUE: Link.MAKER, Link.MAKER: Link.BUILDER}


class ModuleLinks(Struct, frozen=True):
    """The names of a module that an SDK may be behind.

    `others` is how one may be behind all names that are not in `names`.  `is_user` says whether the
    module uses a value that may come from an SDK, or makes one while it is imported: such a module
    can declare, call or re-export endpoints.
    """

    names: LinkedNames
    others: Link
    is_user: bool

    def of(self, name: str) -> Link:
        """Return how an SDK may be behind a name of the module."""
        return self.names.get(name, self.others)

    def strongest(self) -> Link:
        """Return the strongest link of the names of the module."""
        return max(self.names.values(), default=self.others)


_ALL_NAMES = ModuleLinks({}, Link.VALUE, is_user=True)


class BoundLinks(Struct, eq=False, kw_only=True):
    """What a module binds to names: at first by its imports, then by its statements too.

    `names` are linked names, `modules` names of modules with their links, `foreign` names that are
    imported from elsewhere.  `has_sdk` says that it imports an SDK, `has_all` that any name may be
    linked.
    """

    names: dict[str, Link] = field(default_factory=dict[str, Link])
    modules: dict[str, list[ModuleLinks]] = field(default_factory=dict[str, list[ModuleLinks]])
    foreign: set[str] = field(default_factory=set[str])
    has_sdk: bool = False
    has_all: bool = False

    @classmethod
    def by_imports(
        cls, module: Module, of_others: Mapping[str, ModuleLinks], packages: Iterable[str]
    ) -> BoundLinks:
        """Return what the imports of a module bind.

        `of_others` are the links of modules that it imports; modules without links may be absent.
        `packages` are the SDKs that the text of the module may name.
        """
        bound = cls()
        bound.add(dict.fromkeys(packages, Link.STRING))
        for item in module.imports:
            bound._add_import(item, of_others)
        return bound

    def key(self) -> str:
        """Return a text that is different for different links."""
        modules = sorted((name, repr(links)) for name, links in self.modules.items())
        names = sorted(self.names.items())
        return repr((names, modules, sorted(self.foreign), self.has_sdk, self.has_all))

    def words(self) -> frozenset[str]:
        """Return the names that are linked, and the names of modules that have links."""
        modules = self.links_of_modules().items()
        return frozenset((*self.names, *(name for name, link in modules if link is not Link.NONE)))

    def links_of_modules(self) -> LinkedNames:
        """Return the strongest link of each name of a module."""
        return {
            name: max(links.strongest() for links in modules)
            for name, modules in self.modules.items()
        }

    def add(self, names: LinkedNames) -> bool:
        """Add linked names, and return whether that changes anything; the stronger link counts."""
        stronger = {
            name: link for name, link in names.items() if link > self.names.get(name, Link.NONE)
        }
        self.names |= stronger
        return bool(stronger)

    def _add_import(self, item: Import, of_others: Mapping[str, ModuleLinks]) -> None:
        """Add what an import binds."""
        if item.origin is Origin.SDK:
            self.has_sdk = True
            self.has_all |= any(name.name == "*" for name in item.names or ())
            self.add(dict.fromkeys(item.bound_names(), Link.VALUE))
        elif item.origin is Origin.PROJECT and item.names is None:
            self._add_modules(item, of_others)
        elif item.origin is Origin.PROJECT:
            self._add_names(item, of_others)
        else:
            self.foreign.update(item.bound_names())

    def _add_modules(self, item: Import, of_others: Mapping[str, ModuleLinks]) -> None:
        """Add the modules of `import a.b`, and of `import_module("a.b")`."""
        for target in item.modules():
            for links in filter(None, (of_others.get(target),)):
                # the string with a module's name stands for the module
                last = [target.rpartition(".")[2]] if item.dynamic else []
                for name in (*item.bound_names(), *last):
                    self.modules.setdefault(name, []).append(links)

    def _add_names(self, item: Import, of_others: Mapping[str, ModuleLinks]) -> None:
        """Add the names of `from a import b`."""
        links = of_others.get(item.module)
        for name in item.names or ():
            submodule = of_others.get(name.submodule or "")
            if name.name == "*" and links is not None:
                self.has_all |= links.others is Link.VALUE
                self.add(links.names)
            elif links is not None and links.of(name.name) is not Link.NONE:
                self.add({name.bound: links.of(name.name)})
            elif submodule is not None:
                self.modules.setdefault(name.bound, []).append(submodule)

    def links_of(self, names: Names) -> Iterator[Link]:
        """Yield the links of names that are used."""
        yield from (self.names[name] for name in names.variables & self.names.keys())
        for name, attribute in names.attributes:
            yield from (links.of(attribute) for links in self.modules.get(name, ()))
        for name in names.whole & self.modules.keys():
            yield from (links.strongest() for links in self.modules[name])

    def strongest(self, names: Names) -> Link:
        """Return the strongest link of names that are used."""
        if not names.variables:
            return Link.NONE  # as in most cases
        return max(self.links_of(names), default=Link.NONE)


def find_links(bound: BoundLinks, statements: ModuleStatements | None) -> ModuleLinks:
    """Return the links of a module, from what its imports bind, and its statements.

    `statements` is None if the module can't be read.
    """
    if bound.has_all:
        return _ALL_NAMES
    with suppress(RecursionError):
        if statements is not None and statements.is_valid:
            return _follow(statements, bound)
    links = [*bound.names.values(), *bound.links_of_modules().values()]
    strongest = max(links, default=Link.NONE)
    if strongest > Link.USE or Link.STRING in links:
        return _ALL_NAMES
    return ModuleLinks({}, strongest, is_user=False)


def _follow(statements: ModuleStatements, bound: BoundLinks) -> ModuleLinks:
    """Return the links of a module with these statements and imports."""
    # a method of an imported module does not change it
    unchanged = bound.foreign | bound.modules.keys()
    is_user, has_changed = bound.has_sdk, True
    while has_changed:
        has_changed = False
        for statement in statements.using(bound.words()):
            value = _value(statement.now, bound)
            is_user |= _uses_value(statement.now, bound) or _uses_value(statement.later, bound)
            is_user |= value is Link.VALUE and bool(statement.binds) and not statement.deferred
            link = max(value, _callable(statement, bound))
            if link > Link.USE and _may_bind_any_name(statement):
                return _ALL_NAMES
            if link is not Link.NONE:
                has_changed |= bound.add(dict.fromkeys(statement.binds, link))
            if link > Link.USE:
                changed = (name for name in statement.changes if name not in unchanged)
                has_changed |= bound.add(dict.fromkeys(changed, link))
    bound.add(bound.links_of_modules())
    lazily = bound.names.get("__getattr__", Link.NONE)
    return ModuleLinks(bound.names, _AFTER_CALL.get(lazily, lazily), is_user)


def _may_bind_any_name(statement: Statement) -> bool:
    """Return whether a statement may bind names that it does not spell: `globals()[key] = value`."""
    now = {name for names in statement.now.every() for name in names.variables}
    now |= {attribute for names in statement.now.every() for _, attribute in names.attributes}
    return not now.isdisjoint(_SETS_ANY_NAME) or any(
        "globals" in names.variables for names in statement.later.every()
    )


def _uses_value(uses: NamesByUse, bound: BoundLinks) -> bool:
    """Return whether code uses a value that may come from an SDK."""
    return _imports_by_string(uses, bound) or any(
        bound.strongest(names) is Link.VALUE for names in uses.every()
    )


def _imports_by_string(uses: NamesByUse, bound: BoundLinks) -> bool:
    """Return whether code may import an SDK by a string, as `import_module(name)` does."""
    called = {attribute for _, attribute in uses.called.attributes} | uses.called.variables
    return not called.isdisjoint(IMPORTERS) and any(
        Link.STRING in bound.links_of(names) for names in uses.every()
    )


def _value(uses: NamesByUse, bound: BoundLinks) -> Link:
    """Return the link of what code computes from the names that it uses."""
    if _imports_by_string(uses, bound):
        return Link.VALUE
    applied, called = bound.strongest(uses.applied), bound.strongest(uses.called)
    passed, loaded = bound.strongest(uses.passed), bound.strongest(uses.loaded)
    return max(
        Link.VALUE if applied > Link.USE else applied,
        _AFTER_CALL.get(called, called),
        passed if passed is Link.VALUE else min(passed, Link.USE),
        loaded,
    )


def _callable(statement: Statement, bound: BoundLinks) -> Link:
    """Return the link of a function or a class by what its functions use and return."""
    result = _value(statement.results, bound)
    if result > Link.USE:
        return Link.BUILDER if statement.is_class else _OF_FUNCTION.get(result, result)
    later = max(map(bound.strongest, statement.later.every()))
    if later < Link.USE and not _imports_by_string(statement.later, bound):
        return result
    return Link.USE

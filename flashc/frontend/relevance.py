"""Find the modules that can matter for endpoints, by the name of the SDK and by imports.

A module is *relevant* if it imports an SDK, if it uses a value that may come from one, or if a
relevant module takes a name from it that an SDK may be behind: only relevant modules can declare,
call or re-export endpoints.  Of other modules only the imports matter, and only if a worker can
reach them from a relevant one.  All others are searched for a few words, and not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from weakref import WeakKeyDictionary

from msgspec import Struct, field, structs

from flashc.project.parsing import MAX_PLAIN_TEXT, PlainFacts, parse_module, read_module
from flashc.project.project import Project
from flashc.project.source_file import SourceFile
from flashc.syntax.stack import call_on_new_stack
from flashc_core.diagnostics import Sink
from flashc_ir.imports.ast_imports import collect_imports_ast
from flashc_ir.modules import Import, Module, Origin

from .module_names import ModuleStatements
from .possible_imports import PossibleImports
from .sdk_links import IMPORTERS, BoundLinks, Link, ModuleLinks, find_links

ReadLinks = Callable[[Mapping[str, BoundLinks]], dict[str, ModuleLinks]]
"""Finds the links of modules from what their imports bind."""
CheckPlain = Callable[[Sequence[str]], dict[str, PlainFacts]]
"""Finds what Python's compiler says of modules that are not evaluated."""
_LETTER = rb"[0-9A-Za-z_\x80-\xff]"
# Links are looked for several times, as those of other modules become known.
_STATEMENTS: WeakKeyDictionary[SourceFile, ModuleStatements] = WeakKeyDictionary()
_IMPORT = rb"^[ \t]*(?:from|import)[ \t]+{}"  # for most modules, no tree is needed


class Relevance(Struct, frozen=True, eq=False, dict=True):
    """The modules of a project by whether they can matter for endpoints.

    `relevant` are the names of the modules to be parsed and evaluated.  `read_plain` returns all
    modules by name, as far as they are read without evaluation: a relevant module may have no imports
    here, and those that no worker can reach have none.
    """

    relevant: frozenset[str]
    read_plain: Callable[[], dict[str, Module]]

    @cached_property
    def plain(self) -> dict[str, Module]:
        """What `read_plain` returns; the relevant modules can be evaluated before it is known."""
        return self.read_plain()


def find_relevant_modules(
    project: Project,
    read_plain: Callable[[Sequence[str]], dict[str, Module]],
    read_links: ReadLinks,
    check_plain: CheckPlain,
) -> Relevance:
    """Return the relevant and the plain modules.

    `read_plain` reads the imports of modules, `check_plain` asks Python's compiler about those that
    workers can reach.
    """
    naming = _modules_that_name(project, rb"{}", project.modules)
    importing = _modules_that_name(project, _IMPORT, naming)
    search = _Search(
        project=project,
        read_plain=read_plain,
        read_links=read_links,
        naming=naming,
        importing=importing,
    )
    search.follow_links()
    relevant = search.relevant()

    def read_all() -> dict[str, Module]:
        """Read the modules that workers can reach, and return all."""
        reached = search.reach(relevant) - relevant
        valid = sorted(name for name in reached if not search.found[name].unreadable)
        for name, facts in check_plain(valid).items():
            search.found[name] = structs.replace(
                search.found[name],
                unreadable=facts.refused,
                names=facts.names,
                may_be_newer=facts.may_be_newer,
            )
        return {
            name: search.found.get(name) or _unread(name, path)
            for name, path in project.modules.items()
        }

    return Relevance(frozenset(relevant), read_all)


def _unread(name: str, path: str) -> Module:
    """Return a module whose imports do not matter."""
    return Module(name=name, path=path, is_package=path.endswith("__init__.py"))


class _Search(Struct, eq=False, dict=True, kw_only=True):
    """Follows imports from the modules that name an SDK, in both directions.

    `naming` are the modules that name an SDK, `importing` those that import one.  `found` are the modules whose imports were read,
    `targets` and `importers` are the imports between
    the modules whose `links` are looked for, in both directions.
    """

    project: Project
    read_plain: Callable[[Sequence[str]], dict[str, Module]]
    read_links: ReadLinks
    naming: frozenset[str]
    importing: frozenset[str]
    found: dict[str, Module] = field(default_factory=dict[str, Module])
    links: dict[str, ModuleLinks] = field(default_factory=dict[str, ModuleLinks])
    targets: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    importers: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    @cached_property
    def possible(self) -> PossibleImports:
        """What the modules may import, by a search through their texts."""
        return PossibleImports(self.project)

    @cached_property
    def importing_by_string(self) -> set[str]:
        """The modules whose texts have the name of a function that imports a module by a string."""
        words = [word.encode() for word in IMPORTERS]
        return {
            name
            for name in self.project.modules
            if any(word in (self.possible.data(name) or b"") for word in words)
        }

    def read(self, names: Iterable[str]) -> None:
        """Read the imports of some modules."""
        missing = sorted({n for n in names if n in self.project.modules} - self.found.keys())
        if missing:
            self.found |= self.read_plain(missing)

    def reach(self, relevant: set[str]) -> set[str]:
        """Read the imports of the other modules that these import, directly or not; return all of them.

        The imports of a relevant module are read only if it may import one of the others.
        """
        others = self.project.modules.keys() - relevant
        pending = set(self.possible.importers(others, relevant))
        seen = set(relevant)
        while pending:
            self.read(pending)
            targets = {
                target
                for name in pending
                if name in self.found
                for item in self.found[name].imports
                if item.origin is Origin.PROJECT
                for target in item.modules()
                if target in self.project.modules
            }
            pending = targets - seen
            seen |= pending
        return seen & self.found.keys()

    def follow_links(self) -> None:
        """Find the links of all modules that get something of an SDK from another module."""
        self._settle(self._add(self._with_hidden_imports()))
        while candidates := self._candidates():
            self._settle(self._add(candidates))

    def _with_hidden_imports(self) -> set[str]:
        """Return the modules that import an SDK behind another statement, as in `try: import sdk`."""
        packages = self.project.sdk_packages
        others = self.naming - self.importing
        return {name for name in others if not self.possible.of(name).isdisjoint(packages)}

    def _candidates(self) -> set[str]:
        """Return the modules that may get a link from a module whose links are known or assumed.

        A weak link never becomes a strong one, except by an import of a string.  So weak links are
        followed only in modules that a user of an SDK, or a module with such an import, may reach.
        """
        linked = {name for name, links in self.links.items() if links.strongest() is not Link.NONE}
        others = self.project.modules.keys() - self.targets.keys() - self.importing
        importers = self.possible.importers(self.naming | linked, others)
        users = {name for name, links in self.links.items() if links.is_user}
        found = {name for name in importers if self._strongest(name) > Link.USE}
        left = {*importers, *self.naming & others} - found
        if left:
            left &= self.possible.reached_from(self.importing | users | self.importing_by_string)
        return found | left

    def _strongest(self, name: str) -> Link:
        """Return the strongest link that a module may get by its imports."""
        taken = self.possible.names_by_module(name).items()
        links = (self._link_of(module, each) for module, names in taken for each in names)
        return max(links, default=Link.NONE)

    def _link_of(self, module: str, name: str) -> Link:
        """Return the link of a name of a module, `*` for all; it is assumed if it is not known."""
        links = self.links.get(module)
        if links is None:
            return Link.VALUE if module in self.importing else Link.NONE
        return links.strongest() if name == "*" else links.of(name)

    def _add(self, names: Iterable[str]) -> set[str]:
        """Read the imports of modules, and of those modules that they import and that name an SDK.

        Return the names of the modules that were not known before.
        """
        added: set[str] = set()
        new = set(names)
        while new:
            self.read(new)
            for name in new:
                self.targets[name] = _imported_modules(self.found[name])
                for target in self.targets[name]:
                    self.importers.setdefault(target, set()).add(name)
            added |= new
            imported = {target for name in new for target in self.targets[name]}
            new = (imported & self.naming) - self.targets.keys()
        return added

    def _settle(self, pending: set[str]) -> None:
        """Find the links of modules until nothing changes."""
        while pending:
            due = {
                name
                for name in pending
                if name in self.naming or not self.targets[name].isdisjoint(self.links)
            }
            found = self.read_links({name: self._bound(name) for name in sorted(due)})
            changed = {name for name, links in found.items() if links != self.links.get(name)}
            self.links |= found
            pending = {each for name in changed for each in self.importers.get(name, ())}

    def _bound(self, name: str) -> BoundLinks:
        """Return what the imports of a module bind, and the SDKs that its text names."""
        packages = self.project.sdk_packages if name in self.naming else ()
        return BoundLinks.by_imports(self.found[name], self.links, packages)

    def relevant(self) -> set[str]:
        """Return the modules that use a value of an SDK, and those that they take links from."""
        relevant = {name for name, links in self.links.items() if links.is_user}
        relevant |= self.importing
        linked = {name for name, links in self.links.items() if links.strongest() is not Link.NONE}
        left = linked - relevant
        new = set(relevant)
        while new and left:
            importers = self.possible.importers(left, new)
            self.read(importers)
            new = {
                target
                for name in importers
                for item in self.found[name].imports
                if item.origin is Origin.PROJECT
                for target in left.intersection(item.modules())
                if _takes(item, target, self.links[target], self.possible.data(name) or b"")
            }
            relevant |= new
            left -= new
        return relevant


def _imported_modules(module: Module) -> frozenset[str]:
    """Return the modules of the project that a module imports."""
    items = (item for item in module.imports if item.origin is Origin.PROJECT)
    return frozenset(target for item in items for target in item.modules())


def _takes(item: Import, target: str, links: ModuleLinks, text: bytes) -> bool:
    """Return whether an import of `target` may take a name that an SDK may be behind."""
    if links.others is Link.VALUE:
        return True
    if item.names is not None and item.module == target:
        if any(name.name == "*" or links.of(name.name) is not Link.NONE for name in item.names):
            return True
        if not any(name.submodule == target for name in item.names):
            return False
    return any(re.search(rb"\." + re.escape(name.encode()) + rb"\b", text) for name in links.names)


def _modules_that_name(project: Project, pattern: bytes, among: Iterable[str]) -> frozenset[str]:
    """Return those modules of `among` whose bytes match a pattern, in which `{}` stands for an SDK's name."""
    if not project.sdk_packages:
        return frozenset()
    packages = [name.encode() for name in sorted(project.sdk_packages)]
    name = rb"(?<!%s)(?:%s)(?!%s)" % (_LETTER, b"|".join(map(re.escape, packages)), _LETTER)
    search = re.compile(pattern.replace(b"{}", name), re.MULTILINE).search
    found: set[str] = set()
    for module in among:
        with suppress(OSError):
            source = project.source_of_module(module)
            # most files have none of the names, and this is much faster than the pattern
            if source.mentions(packages) and search(source.data):
                found.add(module)
    return frozenset(found)


def read_plain_module(project: Project, name: str) -> Module:
    """Return the imports of a module, and what is wrong with its text."""
    path = project.modules[name]
    module = Module(name=name, path=path, is_package=path.endswith("__init__.py"))
    sink = Sink()
    source = read_module(project, name, sink)
    if source is None:
        return structs.replace(module, unreadable=tuple(sink))
    if len(source.text) > MAX_PLAIN_TEXT:
        return module
    collect = partial(collect_imports_ast, path, name, source.is_package, source.text, project)
    try:
        try:
            imports, problems = collect()
        except RecursionError:
            imports, problems = call_on_new_stack(collect)
        except (SyntaxError, ValueError, MemoryError):
            return _read_with_libcst(project, module)
    except RecursionError:
        return module  # a module that a worker imports is reported when it is evaluated
    return structs.replace(module, imports=imports, import_problems=problems)


def _read_with_libcst(project: Project, module: Module) -> Module:
    """Read the imports of a module with LibCST, if the running Python can't parse the module.

    If LibCST can't parse it either, record why the module is unreadable.
    """
    # LibCST takes a while to import and is rarely needed here
    from flashc.syntax.names import collect_names

    sink = Sink()
    syntax = parse_module(project, module.name, sink)
    if syntax is None:
        return structs.replace(module, unreadable=tuple(sink))
    names = collect_names(syntax, project)
    return structs.replace(module, imports=names.imports, import_problems=names.import_problems)


def find_module_links(project: Project, name: str, bound: BoundLinks) -> ModuleLinks:
    """Return the links of a module of the project, from what its imports bind."""
    if not bound.words() and not bound.has_sdk and not bound.has_all:
        return ModuleLinks({}, Link.NONE, is_user=False)
    source = read_module(project, name, Sink())
    if source is None or len(source.text) > MAX_PLAIN_TEXT:
        return find_links(bound, None)
    if source not in _STATEMENTS:
        _STATEMENTS[source] = ModuleStatements(source.text)
    return find_links(bound, _STATEMENTS[source])

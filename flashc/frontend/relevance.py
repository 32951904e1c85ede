"""Find the modules that can matter for endpoints, by the name of the SDK and by imports.

A module is *relevant* if its text names an SDK, or if it imports something of a relevant module that
an SDK may be behind: only relevant modules can declare, call or re-export endpoints.  Of other
modules only the imports matter, and only if a worker can reach them from a relevant one.  All
others are searched for a few words, and not parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from unicodedata import normalize

from msgspec import structs

from flashc.project.parsing import parse_module, read_module
from flashc.project.project import Project
from flashc.syntax.stack import call_on_new_stack
from flashc_core.diagnostics import Sink
from flashc_ir.imports.ast_imports import collect_imports_ast
from flashc_ir.modules import Import, Module, Origin

from .tainted_names import names_behind

_MAX_PLAIN_TEXT = 32_000_000  # characters
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, eq=False)
class Relevance:
    """The modules of a project by whether they can matter for endpoints.

    `relevant` are the names of the modules to be parsed and evaluated.  `plain` has all modules by
    name, as far as they were read without evaluation: a relevant module may have no imports here,
    and those that no worker can reach have none.
    """

    relevant: frozenset[str]
    plain: dict[str, Module]


def find_relevant_modules(
    project: Project, read_plain: Callable[[Sequence[str]], dict[str, Module]]
) -> Relevance:
    """Return the relevant and the plain modules.

    `read_plain` reads the imports of modules.
    """
    packages = tuple(name.encode() for name in sorted(project.sdk_packages))
    mentioning = {
        name for name, path in project.modules.items() if _mentions(project, path, packages)
    }
    search = _Search(project, read_plain)
    relevant = search.importers(mentioning)
    search.reach(relevant)
    plain = {
        name: search.found.get(name) or _unread(name, path)
        for name, path in project.modules.items()
    }
    return Relevance(frozenset(relevant), plain)


def _unread(name: str, path: str) -> Module:
    """Return a module whose imports do not matter."""
    return Module(name=name, path=path, is_package=path.endswith("__init__.py"))


@dataclass(eq=False)
class _Search:
    """Follows imports from the modules that name an SDK, in both directions.

    `found` are the modules whose imports were read.
    """

    project: Project
    read_plain: Callable[[Sequence[str]], dict[str, Module]]
    found: dict[str, Module] = field(default_factory=dict[str, Module])

    def read(self, names: Iterable[str]) -> None:
        """Read the imports of some modules."""
        missing = sorted({n for n in names if n in self.project.modules} - self.found.keys())
        if missing:
            self.found |= self.read_plain(missing)

    def reach(self, relevant: set[str]) -> None:
        """Read the imports of the other modules that these import, directly or not.

        The imports of a relevant module are read only if it may import one of the others.
        """
        others = self.project.modules.keys() - relevant
        pending = set(self._that_may_import(others, others))
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
            }
            pending = targets - seen
            seen |= pending

    def importers(self, mentioning: set[str]) -> set[str]:
        """Return the modules that name an SDK, and those that may get something of it from one.

        In the text of a module that imports another one, the last part of the other's name occurs,
        or the module is in the same package.
        """
        behind: dict[str, frozenset[str] | None] = dict.fromkeys(mentioning)  # None: all names
        new = set(mentioning)
        while new:
            candidates = self._that_may_import(new, behind.keys())
            self.read(candidates)
            new = {name for name in candidates if self._gets_one(self.found[name], behind)}
            for name in new:
                text = self._text(name)
                taken = self._taken(self.found[name], behind)
                behind[name] = names_behind(text, taken) if text is not None else None
        return set(behind)

    def _that_may_import(self, targets: set[str], known: Iterable[str]) -> list[str]:
        """Return the modules whose text may import one of `targets`, without the known ones."""
        words = {name.rpartition(".")[2] for name in targets}
        packages = {name for name in targets if self.project.modules[name].endswith("__init__.py")}
        left = self.project.modules.keys() - set(known) if words else ()
        return sorted(
            name
            for name in left
            if (data := self._data(name)) is not None
            and (
                not words.isdisjoint(self._words(name, data))
                or (_is_inside(name, packages) and b"import" in data)
            )
        )

    def _words(self, name: str, data: bytes) -> list[str]:
        """Return all words in the text of a module, spelled as Python spells names."""
        if data.isascii():
            return _WORD.findall(data.decode("ascii"))
        return _WORD.findall(normalize("NFKC", self._text(name) or ""))

    def _gets_one(self, module: Module, behind: dict[str, frozenset[str] | None]) -> bool:
        """Return whether a module imports a name, or a module, that an SDK may be behind."""
        text = self._data(module.name) or b""
        return any(
            _takes(item, target, names, text)
            for item in module.imports
            if item.origin is Origin.PROJECT
            for target in item.modules()
            if target in behind
            for names in [behind[target]]
        )

    def _taken(self, module: Module, behind: dict[str, frozenset[str] | None]) -> frozenset[str]:
        """Return the names of a module that its imports bind to something of `behind`."""
        bound: set[str] = set()
        for item in module.imports:
            if item.origin is not Origin.PROJECT or not any(m in behind for m in item.modules()):
                continue
            if item.names is None:
                bound.add(item.alias or item.module.partition(".")[0])
            else:
                bound |= {name.bound for name in item.names}
        return frozenset(bound)

    def _data(self, name: str) -> bytes | None:
        """Return the bytes of a module; None if it can't be read."""
        try:
            return self.project.source_of_module(name).data
        except OSError:
            return None

    def _text(self, name: str) -> str | None:
        """Return the text of a module; None if it can't be read."""
        source = read_module(self.project, name, Sink())
        return None if source is None else source.text


def _is_inside(name: str, packages: set[str]) -> bool:
    """Return whether a module is in one of the packages, so that `from . import x` may import it."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in packages for length in range(1, len(parts)))


def _takes(item: Import, target: str, names: frozenset[str] | None, text: bytes) -> bool:
    """Return whether an import of `target` may take one of its names; None stands for all names."""
    if names is None:
        return True
    if item.names is not None and item.module == target:
        if any(name.name == "*" or name.name in names for name in item.names):
            return True
        if not any(name.submodule == target for name in item.names):
            return False
    return any(re.search(rb"\." + re.escape(name.encode()) + rb"\b", text) for name in names)


def _mentions(project: Project, path: str, packages: tuple[bytes, ...]) -> bool:
    """Return whether the text of a file contains the name of an SDK's package."""
    try:
        return project.source(path).mentions(packages)
    except OSError:
        return False


def read_plain_module(project: Project, name: str) -> Module:
    """Return the imports of a module, and what is wrong with its text."""
    path = project.modules[name]
    module = Module(name=name, path=path, is_package=path.endswith("__init__.py"))
    sink = Sink()
    source = read_module(project, name, sink)
    if source is None:
        return structs.replace(module, unreadable=tuple(sink))
    if len(source.text) > _MAX_PLAIN_TEXT:
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

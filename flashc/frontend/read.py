"""A project's files -> the text, syntax and names of its modules, each read once and only as far as needed.

A module is parsed by LibCST if it names the SDK, or imports (through others) one that does: only such
modules can declare, call or re-export endpoints.  Of the others only the imports matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flashc_ir import rules
from flashc_ir.diagnostics import Sink
from flashc_ir.encoding import Undecodable, decode
from flashc_ir.modules import Import, Module, Origin
from flashc_ir.source import Span

from ..cst.imports import ImportProblem
from ..cst.names import collect_names
from ..cst.parse import Syntax, SyntaxProblem, parse
from ..cst.plain import collect_plain_imports
from .discover import SDK_PACKAGES, Tree

MAX_WORKER_TEXT = 2_000_000  # characters that LibCST reads in seconds
MAX_PLAIN_TEXT = 32_000_000
_MENTIONS = tuple(name.encode() for name in sorted(SDK_PACKAGES))


@dataclass(eq=False)
class Sources:
    """The modules of a project, by name.  `relevant` are those that LibCST parsed or must parse."""

    tree: Tree
    sink: Sink
    relevant: set[str] = field(default_factory=set[str])
    problems: dict[str, tuple[ImportProblem, ...]] = field(
        default_factory=dict[str, tuple[ImportProblem, ...]]
    )
    installs: dict[str, tuple[Span, ...]] = field(default_factory=dict[str, "tuple[Span, ...]"])
    broken: set[str] = field(default_factory=set[str])
    _texts: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    _syntaxes: dict[str, Syntax | None] = field(default_factory=dict[str, "Syntax | None"])

    def text(self, name: str) -> str | None:
        """A module's text; None, and a diagnostic, where it can't be read."""
        if name not in self._texts:
            self._texts[name] = self._read(name)
        return self._texts[name]

    def _read(self, name: str) -> str | None:
        path = self.tree.modules[name]
        try:
            return decode(self.tree.read(path))[0]
        except Undecodable as error:
            self.sink.report(
                rules.UNDECODABLE_SOURCE,
                Span(path, error.line, 1, error.line, 1),
                f"`{path}` can't be decoded: {error}",
                help=("save the file as UTF-8, or declare its encoding in the first line",),
            )
        except OSError as error:
            self.sink.report(
                rules.UNREADABLE_FILE,
                Span.whole(path),
                f"`{path}` can't be read: {error.strerror or type(error).__name__}",
                help=("make it readable, or keep it out with a `.flashignore`",),
            )
        return None

    def syntax(self, name: str) -> Syntax | None:
        """A module parsed by LibCST; None, and a diagnostic, where it is no Python."""
        if name not in self.tree.modules:
            return None
        if name not in self._syntaxes:
            self._syntaxes[name] = self._parse(name)
        return self._syntaxes[name]

    def _parse(self, name: str) -> Syntax | None:
        path, text = self.tree.modules[name], self.text(name)
        if text is None:
            return None
        if len(text) > MAX_WORKER_TEXT:
            self.sink.report(
                rules.MODULE_TOO_LARGE,
                Span.whole(path),
                f"`{path}` has {len(text):,} characters; flashc analyses modules of at most "
                f"{MAX_WORKER_TEXT:,}",
                help=("move the data into a file of its own and read it at run time",),
            )
            return None
        try:
            return parse(path, name, path.endswith("__init__.py"), text)
        except SyntaxProblem as problem:
            self.sink.report(
                rules.SYNTAX_ERROR,
                Span(path, problem.line, problem.column, problem.line, problem.column + 1),
                str(problem),
                help=("a worker can't import this module",),
            )
            return None

    def require(self, name: str) -> None:
        """Report what is wrong with the text of a module that a worker imports."""
        if name in self.broken:
            self.syntax(name)


def read_modules(tree: Tree, sink: Sink) -> tuple[Sources, tuple[Module, ...]]:
    """Every module of the project with its imports; the relevant ones with all their names."""
    sources = Sources(tree, sink)
    mentioning = {name for name, path in tree.modules.items() if _mentions_sdk(tree, path)}
    plain = {name: _plain_module(sources, name) for name in tree.modules if name not in mentioning}
    sources.relevant = _importers(tree, mentioning, plain)
    modules = [
        _full_module(sources, name) if name in sources.relevant else plain[name]
        for name in tree.modules
    ]
    return sources, tuple(modules)


def _mentions_sdk(tree: Tree, path: str) -> bool:
    try:
        data = tree.read(path)
    except OSError:
        return False
    return any(name in data for name in _MENTIONS)


def _plain_module(sources: Sources, name: str) -> Module:
    """A module with its imports only.  One that the host can't parse is no error here: it matters only
    if an endpoint imports it, and then the closure check reports it."""
    path = sources.tree.modules[name]
    package = path.endswith("__init__.py")
    imports: tuple[Import, ...] = ()
    quiet = Sources(sources.tree, Sink())
    text = quiet.text(name)
    if text is None:
        sources.broken.add(name)
    elif len(text) <= MAX_PLAIN_TEXT:
        try:
            imports, problems = collect_plain_imports(path, name, package, text, sources.tree)
            sources.problems[name] = problems
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            syntax = quiet.syntax(name)
            if syntax is None:
                sources.broken.add(name)
            else:
                names = collect_names(syntax, sources.tree)
                sources.problems[name] = names.problems
                imports = names.module.imports
    return Module(name, path, package, imports)


def _full_module(sources: Sources, name: str) -> Module:
    path = sources.tree.modules[name]
    syntax = sources.syntax(name)
    if syntax is None:
        return Module(name, path, path.endswith("__init__.py"))
    try:
        names = collect_names(syntax, sources.tree)
    except RecursionError:
        sources.sink.report(
            rules.MODULE_TOO_LARGE,
            Span.whole(path),
            f"the code of `{path}` is nested too deeply to be analysed",
        )
        return Module(name, path, path.endswith("__init__.py"))
    sources.problems[name] = names.problems
    sources.installs[name] = names.installs
    return names.module


def _importers(tree: Tree, mentioning: set[str], plain: dict[str, Module]) -> set[str]:
    """The modules that mention the SDK, and all that import one of them, directly or not."""
    importers: dict[str, set[str]] = {}
    for module in plain.values():
        for target in imported_modules(module, tree):
            importers.setdefault(target, set()).add(module.name)
    found = set(mentioning)
    pending = list(mentioning)
    while pending:
        for importer in importers.get(pending.pop(), ()):
            if importer not in found:
                found.add(importer)
                pending.append(importer)
    return found


def imported_modules(module: Module, tree: Tree) -> dict[str, Import]:
    """The project's modules that `module` imports, parents and submodules included."""
    found: dict[str, Import] = {}
    for item in module.imports:
        if item.origin is not Origin.PROJECT:
            continue
        names = [item.module, *(n.submodule for n in item.names or () if n.submodule)]
        for name in names:
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                prefix = ".".join(parts[:length])
                if prefix in tree.modules:
                    found.setdefault(prefix, item)
    return found

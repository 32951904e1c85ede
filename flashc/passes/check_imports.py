"""The modules that endpoints import -> a report of every import that a worker could not carry out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flashc.frontend.relevance import imported_modules
from flashc.frontend.summary import Facts
from flashc.project.discover import SDK_PACKAGES, Tree
from flashc.project.ignore import IgnoreRule, IgnoreRules
from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.source import Span
from flashc_ir.endpoints import ExistingEndpoint, ImageEndpoint, modules_of
from flashc_ir.imports.resolve import ImportProblem
from flashc_ir.modules import Import, Module, Origin


def check_closure(tree: Tree, facts: Facts, sink: Sink) -> set[str]:
    """Follow the imports of every endpoint's modules through the project and check each.

    Returns the names of the modules that workers import.
    """
    by_name = {module.name: module for module in facts.modules}
    pending = [
        name
        for endpoint in facts.endpoints
        if not isinstance(endpoint, (ImageEndpoint, ExistingEndpoint))
        for name in modules_of(endpoint)
    ]
    checker = _Checker(tree, sink)
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        module = by_name[name]
        if name in facts.broken:
            report_broken(tree, name, sink)
        for item in module.imports:
            checker.check(module, item)
        checker.report_problems(facts.problems.get(name, ()))
        pending.extend(imported_modules(module, tree))
    check_circles([by_name[name] for name in sorted(seen)], tree, sink)
    return seen


def report_broken(tree: Tree, name: str, sink: Sink) -> None:
    """Report what is wrong with the text of a module that a worker imports."""
    from flashc.project.sources import (
        Sources,  # LibCST takes a while to import, and most projects have no such module
    )

    Sources(tree, sink).syntax(name)


@dataclass(eq=False)
class _Checker:
    tree: Tree
    sink: Sink
    _ignore: dict[str, IgnoreRules] = field(default_factory=dict[str, IgnoreRules])

    def check(self, module: Module, item: Import) -> None:
        if item.typing_only or item.guarded:
            return
        tree = self.tree
        wanted = [item.module]
        if item.origin is Origin.PROJECT and tree.has(item.module):
            if item.names is None or item.module in tree.modules:
                return
            # a namespace package has no names of its own: each must be a module
            wanted = [
                f"{item.module}.{n.name}"
                for n in item.names
                if n.submodule is None and n.name != "*"
            ]
        elif item.origin in (Origin.STDLIB, Origin.SDK):
            return
        for name in wanted:
            self._missing(module, item, name)

    def _missing(self, module: Module, item: Import, name: str) -> None:
        excluded = self._excluded(name)
        if excluded is not None:
            path, rule = excluded
            self.sink.report(
                rules.IMPORT_OF_IGNORED,
                item.span,
                f"`{module.path}` imports `{path}`, which is kept out of the artifact",
                notes=(f"by the pattern `{rule.pattern}` ({rule.source})",),
                help=(f"add `!{path}` to `.flashignore`, or move what is needed elsewhere",),
            )
            return
        if item.origin is Origin.PROJECT:
            self.sink.report(
                rules.UNRESOLVED_IMPORT,
                item.span,
                f"the project has no module `{name}`",
                help=("check the spelling and that the file belongs to the project",),
            )
            return
        folder = module.path.rpartition("/")[0]
        beside = ".".join((*folder.split("/"), name)) if folder else name
        if folder and self.tree.has(beside):
            self.sink.report(
                rules.IMPORT_BESIDE_FILE,
                item.span,
                f"`{name}` stands beside `{module.path}`; a worker imports from the project's root only",
                help=(f"write `{beside}` instead of `{name}`, or build from `{folder}/`",),
            )

    def _excluded(self, name: str) -> tuple[str, IgnoreRule] | None:
        """The file that would be the module `name`, if an ignore rule keeps it out."""
        root = self.tree.root
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            stem = "/".join(parts[:length])
            for path in (f"{stem}.py", f"{stem}/__init__.py"):
                if (root / path).is_file():
                    rule = self._rule(path)
                    return None if rule is None else (path, rule)
        return None

    def _rule(self, path: str) -> IgnoreRule | None:
        """The rule that keeps `path` or one of its folders out."""
        ignore = IgnoreRules.built_in()
        folders = path.split("/")[:-1]
        root = self.tree.root
        ignore = ignore.inside(root, "")
        for length in range(1, len(folders) + 1):
            folder = "/".join(folders[:length])
            rule = ignore.match(folder, is_folder=True)
            if rule is not None:
                return rule
            ignore = ignore.inside(root, folder)
        return ignore.match(path, is_folder=False)

    def report_problems(self, problems: Iterable[ImportProblem]) -> None:
        for problem in problems:
            if problem.expected:
                continue
            if problem.computed:
                self.sink.report(
                    rules.COMPUTED_IMPORT,
                    problem.span,
                    "flashc can't tell which module this imports",
                    help=("import the module by its literal name, so that it is checked",),
                )
            else:
                target = problem.text.lstrip(".")
                self.sink.report(
                    rules.IMPORT_LEAVES_PROJECT,
                    problem.span,
                    f"`{problem.text}` leads out of the project's root",
                    help=(f"write `{target}`",) if target else (),
                )


def check_circles(modules: list[Module], tree: Tree, sink: Sink) -> None:
    """Report modules whose top-level imports lead back to themselves."""
    edges = {module.name: _needed_names(module, tree) for module in modules}
    reported: set[frozenset[str]] = set()
    for module in modules:
        circle = _way_back(module.name, edges)
        if circle is None or frozenset(circle) in reported:
            continue
        reported.add(frozenset(circle))
        first = edges[circle[0]][circle[1 % len(circle)]]
        labels = tuple(
            Label(edges[name][circle[(i + 1) % len(circle)]], f"`{name}` imports the next one here")
            for i, name in enumerate(circle)
            if i
        )
        drawn = " -> ".join(f"`{name}`" for name in (*circle, circle[0]))
        sink.report(
            rules.CIRCULAR_IMPORT,
            first,
            f"modules import each other at the top: {drawn}",
            secondary=labels,
            help=("move one of the imports into the functions that need it",),
        )


def _needed_names(module: Module, tree: Tree) -> dict[str, Span]:
    """The modules whose names `module` needs while it is being imported, each with the import's place."""
    found: dict[str, Span] = {}
    for item in module.imports:
        if item.scope or item.typing_only or item.guarded or item.names is None:
            continue
        target = item.module
        plain = [n for n in item.names if n.submodule is None]
        parent = module.name.startswith(f"{target}.")
        if item.origin is Origin.PROJECT and plain and target in tree.modules and not parent:
            found.setdefault(target, item.span)
    return found


def _way_back(start: str, edges: dict[str, dict[str, Span]]) -> list[str] | None:
    ways: list[list[str]] = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for target in edges.get(way[-1], {}):
            if target == start:
                return way
            if target not in seen:
                seen.add(target)
                ways.append([*way, target])
    return None


def sdk_imports(modules: tuple[Module, ...]) -> list[tuple[Module, Import]]:
    """Every import of the SDK's package or of a module inside it."""
    return [
        (module, item)
        for module in modules
        for item in module.imports
        if item.origin is Origin.SDK and item.module.partition(".")[0] in SDK_PACKAGES - {"_flashc"}
    ]

"""Check that the imports in the modules of workers will succeed there, and find import cycles."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from msgspec import Struct

from flashc.project.project import Project
from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.graphs import cycles_through
from flashc_core.source import Span
from flashc_ir.modules import Import, ImportProblem, Module, Origin
from flashc_ir.platform.worker_files import whose_module
from flashc_ir.program import Program

from .context import PassContext
from .drawing import draw_path
from .misplaced_modules import broken_link, excluded_module, link_as_text, neighbouring_module


def check_imports(program: Program, context: PassContext) -> Program:
    """Report every import that would fail on a worker, and import cycles."""
    checker = _Checker(context, _brought_modules(program))
    workers = [module for name in program.worker_modules if (module := program.module(name))]
    for module in workers:
        for item in module.imports:
            checker.check(module, item)
        checker.report_problems(module.import_problems)
    check_cycles(workers, context.project, context.sink)
    return program


def _brought_modules(program: Program) -> frozenset[str]:
    """Return the names of the distributions that the app asks for, as names of modules."""
    asked = [*program.requirements]
    for endpoint in program.code_endpoints:
        asked += endpoint.configuration.dependencies
    return frozenset(dependency.name.replace("-", "_") for dependency in asked)


class _Checker(Struct, frozen=True, eq=False):
    """Checks the imports of modules that workers import."""

    context: PassContext
    brought: frozenset[str]
    """The modules whose distribution the app asks for, so that it is unpacked into the same folder."""

    @property
    def sink(self) -> Sink:
        """The sink for the findings."""
        return self.context.sink

    def check(self, module: Module, item: Import) -> None:
        """Report an import of a module that workers will not have."""
        if item.typing_only or item.guarded:
            return
        project = self.context.project
        if self._is_hidden(item):
            return
        wanted = [item.module]
        if item.origin is Origin.PROJECT and project.has(item.module):
            if item.names is None or item.module in project.modules:
                return
            # a namespace package has no names of its own, so each imported name must be a module
            wanted = [
                f"{item.module}.{n.name}"
                for n in item.names
                if n.submodule is None and n.name != "*"
            ]
        elif item.origin in (Origin.STDLIB, Origin.SDK):
            return
        for name in wanted:
            self._missing(module, item, name)

    def _is_hidden(self, item: Import) -> bool:
        """Report an import from a folder if workers have a package of its name; return whether it is one."""
        top = item.module.partition(".")[0]
        if item.origin is not Origin.PROJECT or not self.context.project.is_namespace(top):
            return False
        whose = None if top in self.brought else whose_module(top)
        if whose is not None:
            self.sink.report(
                rules.UNRESOLVED_IMPORT,
                item.span,
                f"workers do not find this: there, `{top}` is {whose}",
                notes=(
                    f"the folder `{top}/` has no `__init__.py`, and Python prefers "
                    "every other module of its name",
                ),
                help=(f"rename the folder `{top}/`",),
            )
        return whose is not None

    def _missing(self, module: Module, item: Import, name: str) -> None:
        """Report that workers will not have the module `name`, with the reason."""
        excluded = excluded_module(self.context, name)
        if excluded is not None:
            path = excluded.path
            self.sink.report(
                rules.IMPORT_OF_IGNORED,
                item.span,
                f"`{module.path}` imports `{path}`, which is excluded from the artifact",
                notes=(f"by the pattern `{excluded.pattern}` ({excluded.source})",),
                help=(
                    f"add `!{path}` to `.flashignore`, or move the code that workers need into another module",
                ),
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
        target = link_as_text(self.context, name)
        if target is not None:
            link = name.partition(".")[0]
            self.sink.report(
                rules.UNRESOLVED_IMPORT,
                item.span,
                f"`{link}` is a file with the text `{target}`, but not a link to that path",
                notes=("git writes a link like this on a system without symbolic links",),
                help=(f"remove the file, and make the link: `ln -s {target} {link}`",),
            )
            return
        broken = broken_link(self.context, name)
        if broken is not None:
            self.sink.report(
                rules.UNRESOLVED_IMPORT,
                item.span,
                f"`{broken}` is a symbolic link that leads to no file of the project",
                help=("correct the link, or put the file in its place",),
            )
            return
        full = neighbouring_module(self.context.project, module, name)
        if full is not None:
            folder = module.path.rpartition("/")[0]
            self.sink.report(
                rules.IMPORT_BESIDE_FILE,
                item.span,
                f"`{name}` is next to `{module.path}`; a worker imports from the project's root only",
                help=(
                    f"write `{full}` instead of `{name}`, or build from `{folder}/`"
                    if all(map(str.isidentifier, full.split(".")))
                    else f"build from `{folder}/`",
                ),
            )

    def report_problems(self, problems: Iterable[ImportProblem]) -> None:
        """Report imports whose module is computed, or outside of the project."""
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


def check_cycles(modules: list[Module], project: Project, sink: Sink) -> None:
    """Report modules that import themselves through the top-level imports of other modules."""
    edges = {module.name: _needed_names(module, project) for module in modules}
    for cycle in cycles_through(edges, lambda name: edges.get(name, ())):
        first = edges[cycle[0]][cycle[1 % len(cycle)]]
        labels = tuple(
            Label(edges[name][imported], f"`{name}` imports `{imported}` here")
            for name, imported in pairwise((*cycle[1:], cycle[0]))
        )
        sink.report(
            rules.CIRCULAR_IMPORT,
            first,
            f"modules import each other at their top level: {draw_path((*cycle, cycle[0]))}",
            secondary=labels,
            help=("move one of the imports into the functions that need it",),
        )


def _needed_names(module: Module, project: Project) -> dict[str, Span]:
    """Return the modules from which `module` needs names during its import, with the spans."""
    found: dict[str, Span] = {}
    for item in module.imports:
        if item.scope or item.typing_only or item.guarded or item.names is None:
            continue
        target = item.module
        plain = [n for n in item.names if n.submodule is None]
        parent = module.name.startswith(f"{target}.")
        if item.origin is Origin.PROJECT and plain and target in project.modules and not parent:
            found.setdefault(target, item.span)
    return found

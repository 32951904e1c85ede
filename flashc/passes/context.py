"""Define what passes may use besides the program: the sink, the project and the options."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from flashc.project.environment import BuildEnvironment
from flashc.project.inputs import module_input, variable_input
from flashc.project.options import Options
from flashc.project.project import Project
from flashc.project.source_file import SourceFile
from flashc_core.diagnostics import Label, Sink
from flashc_core.graphs import reachable
from flashc_ir.endpoints import modules_of
from flashc_ir.modules import Module
from flashc_ir.program import Program
from flashc_ir.spelling import Spelling

from .call_resolver import CallResolver
from .imported_modules import ImportGraph


class PassContext(Struct, frozen=True, eq=False, kw_only=True):
    """The sink for the findings of passes, and the project that the program was read from.

    `environment` are the variables of the building process; every variable that is read is
    recorded.  `credentials` are those in the files that go into the artifact.  `flags` are the names of the options that the user gave
    for this run.  `how_to_declare` has a help text for each dialect: how a program declares an endpoint.
    """

    sink: Sink
    project: Project
    credentials: tuple[Label, ...]
    options: Options
    environment: BuildEnvironment
    how_to_declare: tuple[str, ...]
    flags: frozenset[str] = frozenset()
    _texts: set[str] = field(default_factory=set[str])
    _others: set[str] = field(default_factory=set[str])
    _resolvers: list[CallResolver] = field(default_factory=list[CallResolver])
    _imports: list[tuple[tuple[Module, ...], ImportGraph]] = field(
        default_factory=list[tuple[tuple[Module, ...], ImportGraph]]
    )

    def source_of_module(self, name: str) -> SourceFile:
        """Return the file of a module, and record that a pass reads its text.

        Raises:
            OSError: the file can't be read.
            KeyError: the project has no such module.
        """
        self._texts.add(name)
        return self.project.source_of_module(name)

    def depends_on(self, item: str) -> None:
        """Record another input that a pass reads; see `flashc.project.inputs`."""
        self._others.add(item)

    def inputs(self) -> Iterator[str]:
        """Yield the inputs that passes read: environment variables, and the texts of modules."""
        yield from map(variable_input, self.environment.asked)
        yield from map(module_input, self._texts)
        yield from self._others

    def call_resolver(self, program: Program) -> CallResolver:
        """Return what resolves the dotted names of this program to functions and classes.

        The last resolver is used again if the modules and endpoints are the same.
        """
        for resolver in self._resolvers:
            known = resolver.program
            if known.modules is program.modules and known.endpoints is program.endpoints:
                return resolver
        self._resolvers[:] = [CallResolver(program, self.imports(program))]
        return self._resolvers[0]

    def spelling_of_module(self, program: Program, module: str) -> Spelling:
        """Return how the endpoints are declared whose workers import a module; if none do, all endpoints."""
        if not program.has_several_spellings:
            return program.spelling
        imported = self.imports(program).imported
        users = [
            *(e for e in program.code_endpoints if module in reachable(modules_of(e), imported)),
            *(e for e in program.unlowered if module in reachable(e.modules, imported)),
        ]
        return program.spelling_of(*users) if users else program.spelling

    def imports(self, program: Program) -> ImportGraph:
        """Return the imports between this program's modules.

        The last result is used again if the modules are the same.
        """
        for modules, imports in self._imports:
            if modules is program.modules:
                return imports
        self._imports[:] = [(program.modules, ImportGraph(program.modules))]
        return self._imports[0][1]

"""Evaluate some modules of a project, and record the inputs of the result, for the cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.machine import Machine
from flashc.evaluator.snapshot import SharedModule, Snapshot
from flashc.project.environment import BuildEnvironment
from flashc.project.inputs import (
    VOLATILE,
    effects_input,
    file_input,
    listing_input,
    module_input,
    value_input,
    variable_input,
)
from flashc.project.parsing import parse_module
from flashc.project.project import Project
from flashc.syntax.parse import Syntax
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.encoding import printable
from flashc_ir.modules import ImportFailure

from .dialect import Dialect
from .shared_modules import SharedModules

_MOST_SHARED = 50  # modules that are shared together


@dataclass(eq=False, kw_only=True)
class Evaluation:
    """One evaluation of some modules, the `roots`, each as a worker evaluates it.

    `sink` gets the errors in the text of the roots.  An error in another module is reported by the
    evaluation that has this module as a root.  `shared` has modules that other evaluations of the
    same state of the project need too; if it is None, nothing is shared.
    """

    project: Project
    roots: tuple[str, ...]
    dialects: tuple[Dialect, ...]
    sink: Sink
    environment: BuildEnvironment
    shared: SharedModules | None = None
    loaded: dict[str, Syntax | None] = field(default_factory=dict[str, "Syntax | None"])
    machine: Machine = field(init=False)

    def __post_init__(self) -> None:
        """Make the machine; nothing is evaluated yet."""
        self.environment = self.environment.recording()
        self.machine = Interpreter(
            project=self.project,
            load=self.load,
            shared=self.share,
            environment=self.environment,
            stated=self.environment.stated,
            dialects=tuple(dialect.semantics() for dialect in self.dialects),
        )

    def load(self, name: str) -> Syntax | None:
        """Return the syntax tree of a module."""
        if name not in self.project.modules:
            return None
        if name not in self.loaded:
            sink = self.sink if name in self.roots else Sink()
            self.loaded[name] = parse_module(self.project, name, sink)
        return self.loaded[name]

    def share(self, name: str) -> SharedModule | None:
        """Return a module that other evaluations have evaluated too, if it only defines names."""
        return None if self.shared is None else self.shared.get(name, self._alone)

    def _alone(self, name: str) -> SharedModule | None:
        """Evaluate a module on its own; return it if its names can be shared."""
        alone = replace(self, roots=(name,), sink=Sink(), loaded={})
        alone.run()
        return None if alone.environment.asked else _to_share(alone.machine, name)

    def run(self) -> None:
        """Evaluate the roots, in order."""
        for name in self.roots:
            self.machine.evaluate_as_worker(name)

    @property
    def is_entangled(self) -> bool:
        """Whether modules share state in ways that the recorded reads of names do not show."""
        return self.machine.interactions.is_entangled or self.machine.has_changed_imports()

    @property
    def loaded_modules(self) -> tuple[str, ...]:
        """The modules that were evaluated besides the roots."""
        return tuple(sorted(self.loaded.keys() - set(self.roots)))

    @property
    def imported(self) -> tuple[str, ...]:
        """The modules that the roots themselves imported.

        If the evaluation is entangled, the result is all modules that were evaluated besides the
        roots.  A module that shares state with the roots may import other modules than it does when
        it is evaluated alone, so that its own list of imports is not enough.
        """
        if self.is_entangled:
            return self.loaded_modules
        return tuple(sorted({name for name, _ in self._names_read()} & set(self.loaded_modules)))

    def report_step_limits(self) -> None:
        """Report the roots that need more steps than flashc evaluates."""
        for name, position in sorted(self.machine.stopped.items()):
            if name in self.roots:
                self.sink.report(
                    rules.EVALUATION_STOPPED,
                    position,
                    f"importing `{name}` takes more steps than flashc evaluates",
                    notes=("flashc does not see what the module defines after this line",),
                    help=("move the computation into a function that runs on the worker",),
                )

    def failure(self, name: str) -> ImportFailure | None:
        """Return the exception that importing a module surely raises; None if there is none."""
        error = self.machine.failed.get(name)
        if error is None:
            return None
        lost = name in self.machine.lost
        return ImportFailure(
            span=error.span, text=printable(str(error)), help=error.help, loses_endpoint=lost
        )

    # Inputs ---------------------------------------------------------------------------------------

    def inputs(self) -> tuple[str, ...]:
        """Return the inputs of the result, except the texts of the roots.

        The inputs from other modules are the names that the roots read from them; if the evaluation is
        entangled, they are the texts of these modules.
        """
        interactions = self.machine.interactions
        if self.is_entangled:
            return self.inputs_by_text()
        values = (
            value_input(module, name)
            for module, name in self._names_read()
            if module not in self.roots and module in self.project.modules
        )
        paths = {self.project.modules[name]: name for name in self.loaded}
        texts = (
            module_input(paths[path])
            for path in interactions.texts
            if path in paths and paths[path] not in self.roots
        )
        return tuple(sorted({*values, *texts, *self._files_and_variables()}))

    def inputs_by_text(self) -> tuple[str, ...]:
        """Return the inputs with the texts of other modules, not the names that were read."""
        return tuple(
            sorted({*map(module_input, self.loaded_modules), *self._files_and_variables()})
        )

    def _names_read(self) -> set[tuple[str, str]]:
        """Return (module, name) of each name that the roots read from other modules.

        The reader "" stands for flashc itself, which imports the roots.
        """
        reads = self.machine.interactions.reads
        return {read for reader in ("", *self.roots) for read in reads.get(reader, ())}

    def _files_and_variables(self) -> Iterable[str]:
        """Yield the inputs that are not names or texts of modules.

        They are files, folders, variables and skipped imports.  A skipped import is one that changes
        nothing outside its module.  VOLATILE means that a file changed.
        """
        yield from map(file_input, self.machine.files)
        yield from map(listing_input, self.machine.folders)
        yield from map(variable_input, self.environment.asked)
        yield from map(effects_input, self.machine.passed_over)
        if not self.machine.files_unchanged:
            yield VOLATILE


def _to_share(machine: Machine, name: str) -> SharedModule | None:
    """Return the only module that a machine was asked to evaluate, for other evaluations.

    The result is None if the module does more than define names, if a snapshot does not contain the
    whole state of a value, and if the module needs so many others that comparing their snapshots for
    each worker would take long.
    """
    did_more = (
        *(machine.endpoints, machine.stopped, machine.failed, machine.files, machine.folders),
        *(machine.lost, machine.unknown_decorators, machine.assigned_externals),
        *(machine.sdk_imports, machine.tested_variables, machine.may_raise_count),
        *(not machine.files_unchanged, name not in machine.frames),
        len(machine.frames) > _MOST_SHARED,
        *(machine.interactions.is_more_than_reads(), machine.has_changed_imports()),
        *(effects.assigned or effects.has_guessed for effects in machine.effects.values()),
    )
    snapshots = {module: Snapshot(frame) for module, frame in machine.frames.items()}
    if any(did_more) or not all(snapshot.is_complete() for snapshot in snapshots.values()):
        return None
    reads = {reader: frozenset(r) for reader, r in machine.interactions.reads.items() if reader}
    return SharedModule(
        frames=dict(machine.frames),
        snapshots=snapshots,
        reads=reads,
        passed_over=frozenset(machine.passed_over),
    )

"""Define `Machine`: the state of one evaluation, and the interface that all layers call.

The state consists of the evaluated modules, the endpoints that they declare, the environment
variables that the program assigns, and the number of steps that are left.  Each layer of the
evaluator imports only lower layers, and calls higher ones by `evaluate`, `execute`, `call` and
`module`.

A module is evaluated once, as Python imports it once, even in an import cycle.  Every evaluation
ends: each module may take a limited number of steps, and the depth of nesting is limited.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import libcst as cst

from flashc.project.import_effects import may_act
from flashc.project.project import Project
from flashc.syntax import walk
from flashc.syntax.parse import Syntax
from flashc_core.source import Location, Span, WholeFile
from flashc_ir.resources import EnvironmentReference

from .activation import Activation, Attempt, Effects, OutOfSteps
from .declarations import EndpointValue
from .dialect import DialectObject, Semantics
from .escape import escape_value, remaining
from .failures import PythonError
from .interactions import Interactions
from .objects import CallArguments, Flow, Frame, Suite
from .path_values import ProjectPath
from .snapshot import SharedModule, Snapshot
from .values import External, Known, ModuleRef, SequenceValue, Symbolic, Unknown, Value

_SIZE_OF_A_STEP = 20  # elements or characters that cost as much as one node
# In a deeper import, evaluation may exceed the stack's limit, so what is shared could have another result.
_MAX_SHARED_DEPTH = 10


@dataclass(eq=False, kw_only=True)
class Machine(ABC):
    """Evaluate the modules of one project.

    `load` returns a module's syntax, None if it has none.  `shared` returns a module that another
    evaluation of the project has evaluated, None if there is none.  `environment` are the variables
    that a build may read; `stated` are those whose values the project itself contains, so that they
    are no secrets.  `dialects` know the SDKs that a program may import.

    `frames` are the modules evaluated so far; `endpoints` are what they declare.  `stopped` has the
    modules that needed too many steps, with the position at which they were stopped.  `failed` has
    the modules whose import is certain to raise, with the exception; `lost` are those in which a
    statement that uses an SDK raises, so that an endpoint may be missing.  `unknown_decorators` are
    decorators that are made from an SDK by code that is not evaluated.  `files` are the files of the
    project that the program read; `files_unchanged` says that none of them has changed since then.
    `passed_over` are the modules whose import was not executed, because it changes nothing.
    `folders` are those whose files it listed.
    `sdk_imports` are the calls that import an SDK by its name.  `tested_variables` are the
    environment variables of which the program tests whether they are set.  `interactions` records what the
    modules read of each other.
    """

    project: Project
    load: Callable[[str], Syntax | None]
    environment: Mapping[str, str]
    shared: Callable[[str], SharedModule | None] = field(default=lambda _name: None)
    stated: frozenset[str] = frozenset()
    dialects: tuple[Semantics, ...] = ()
    frames: dict[str, Frame] = field(default_factory=dict[str, Frame])
    endpoints: list[EndpointValue] = field(default_factory=list[EndpointValue])
    stopped: dict[str, Location] = field(default_factory=dict[str, Location])
    failed: dict[str, PythonError] = field(default_factory=dict[str, PythonError])
    files: set[str] = field(default_factory=set[str])
    folders: set[str] = field(default_factory=set[str])
    files_unchanged: bool = True
    lost: set[str] = field(default_factory=set[str])
    unknown_decorators: set[Span] = field(default_factory=set[Span])
    assigned_externals: set[str] = field(default_factory=set[str])  # names outside the project
    passed_over: set[str] = field(default_factory=set[str])
    sdk_imports: set[Span] = field(default_factory=set[Span])
    tested_variables: set[str] = field(default_factory=set[str])
    may_raise_count: int = 0  # the number of operations so far that may raise
    activation: Activation = field(default_factory=lambda: Activation(module=""))
    interactions: Interactions = field(default_factory=Interactions)
    _snapshots: list[Snapshot] = field(default_factory=list[Snapshot])
    effects: dict[str, Effects] = field(default_factory=dict[str, "Effects"])

    # Entry points ------------------------------------------------------------------------------

    @abstractmethod
    def evaluate(self, node: cst.BaseExpression, frame: Frame) -> Value:
        """Return the value of an expression.

        Raises:
            PythonError: the program is certain to raise here.
            OutOfSteps: the module has used up its steps.
        """

    @abstractmethod
    def execute(self, suite: Suite, frame: Frame) -> Flow:
        """Execute the statements of `suite`; raises what `evaluate` raises."""

    @abstractmethod
    def call(self, callee: Value, arguments: CallArguments) -> Value:
        """Return the value of `callee(arguments)`; raises what `evaluate` raises."""

    def evaluate_module(self, name: str) -> Frame | None:
        """Evaluate the top level of a module once, and return its frame; in an import cycle, the part executed so far.

        The result is None if the project has no such module, or its text is not valid Python.
        """
        self.interactions.note_read(self.activation.module, name, "")
        if name in self.frames:
            if name in self.effects:
                self._repeat(self.effects[name])
            else:
                self.interactions.note_import_under_way(name)
            return self.frames[name]
        syntax = self.load(name)
        if syntax is None:
            return None
        outer = self.activation
        if outer.assigned or self.has_changed_imports():
            # The module may depend on what the modules that import it did before.
            self.interactions.is_entangled = True
        elif 0 < len(self.interactions.active) <= _MAX_SHARED_DEPTH and self._take_shared(name):
            return self.frames[name]
        frame = _module_frame(syntax, name)
        self.frames[name] = frame
        self.interactions.begin(name, outer.module, self.endpoints)
        self.activation = Activation(module=name, assigned=dict(outer.assigned))
        try:
            self._execute_module(syntax, frame)
        except OutOfSteps as stop:
            self.stopped[name] = stop.span
            frame.names.clear()
        except RecursionError:
            # Evaluated alone, the module may be nested less deeply, so that it does not fail.
            self.interactions.is_entangled = True
            self.stopped[name] = WholeFile(syntax.path)
            frame.names.clear()
        finally:
            ended, self.activation = self.activation, outer
            self.interactions.end(name, self.endpoints)
        if outer.module:
            self._snapshots.append(Snapshot(frame))
        new = {k: v for k, v in ended.assigned.items() if outer.assigned.get(k) is not v}
        self.effects[name] = Effects(new, ended.has_guessed)
        self._repeat(self.effects[name])
        return frame

    def _take_shared(self, name: str) -> bool:
        """Take a module, and what it needs, from another evaluation; return False if that is not possible."""
        shared = self.shared(name)
        if shared is None or any(
            self.frames.get(module, frame) is not frame for module, frame in shared.frames.items()
        ):
            return False
        for module in shared.frames.keys() - self.frames.keys():
            self.load(module)
            self.frames[module] = shared.frames[module]
            self.effects[module] = Effects({}, has_guessed=False)
            self._snapshots.append(shared.snapshots[module])
        for reader, read in shared.reads.items():
            self.interactions.reads.setdefault(reader, set()).update(read)
        self.passed_over |= shared.passed_over
        return True

    def import_module(self, name: str) -> None:
        """Execute the import of a module and of the packages that contain it.

        A module that certainly changes nothing outside of itself is evaluated when one of its names
        is read.
        """
        parts = name.split(".")
        for length in range(1, len(parts) + 1):
            module = ".".join(parts[:length])
            if module not in self.project.modules or module in self.interactions.active:
                continue
            if module in self.frames or may_act(self.project, module):
                self.evaluate_module(module)
            else:
                self.passed_over.add(module)

    def has_changed_imports(self) -> bool:
        """Return whether a module was changed by another one that imported it."""
        return not all(snapshot.is_unchanged() for snapshot in self._snapshots)

    # Modules --------------------------------------------------------------------------------------

    def evaluate_as_worker(self, name: str) -> None:
        """Evaluate a module as on a worker that imports this module before all others.

        Steps, conditions and assigned environment variables start anew.  Modules that were
        evaluated before are kept and not evaluated again.
        """
        self.activation = Activation(module="")
        self.import_module(name.rpartition(".")[0])
        self.evaluate_module(name)

    def _repeat(self, effects: Effects) -> None:
        """Apply the effects of a module's import to another module that imports it."""
        self.activation.assigned |= effects.assigned
        self.activation.has_guessed |= effects.has_guessed

    def _execute_module(self, syntax: Syntax, frame: Frame) -> None:
        """Execute the statements of a module.

        An exception ends only the statement that raises it, because flashc also reports the
        mistakes after it.
        """
        for line in syntax.tree.body:
            try:
                self.execute([line], frame)
            except PythonError as error:
                # What an SDK lacks does not depend on the environment.
                is_certain = bool(error.help) and not error.variables
                declares = self._declares(line, frame)
                if is_certain or declares or not self.activation.has_guessed:
                    self.failed.setdefault(syntax.name, error)
                if declares:
                    self.lost.add(syntax.name)
                reason = Unknown(
                    reason=f"Python raises {error}",
                    origin=error.span,
                    is_reported=bool(error.help) and self.failed.get(syntax.name) is error,
                )
                for name in walk.bound_names(line):
                    frame.names.setdefault(name, reason)

    def _declares(self, statement: cst.CSTNode, frame: Frame) -> bool:
        """Return whether a statement uses an object of an SDK, which may declare an endpoint."""
        for name in walk.find_nodes(statement, cst.Name):
            value = frame.lookup(name.value)
            used = value.value if isinstance(value, Known) else None
            if isinstance(used, DialectObject):
                return True
            if isinstance(used, External) and any(
                dialect.is_sdk(used.name) for dialect in self.dialects
            ):
                return True
        return False

    def attribute_of_module(self, module: str, name: str, origin: Span) -> Value:
        """Return `module.name`, which may be a submodule."""
        frame = self.evaluate_module(module)
        found = None if frame is None else self._read_name(frame, name)
        if found is not None:
            return found
        full = f"{module}.{name}" if module else name
        if self.project.has(full):
            return Known(ModuleRef(full), origin)
        if module in self.stopped:
            reason, stop = f"module `{module}` takes too many steps", self.stopped[module]
            return Unknown(reason=reason, origin=stop if isinstance(stop, Span) else origin)
        reason = f"module `{module}` has no name `{name}` that flashc knows"
        return Unknown(reason=reason, origin=origin)

    def exported(self, module: str) -> dict[str, Value]:
        """Return what `from module import *` binds."""
        frame = self.evaluate_module(module)
        if frame is None:
            return {}
        names = _names_in_all(self._read_name(frame, "__all__"))
        self.interactions.note_read(self.activation.module, module, "*")
        if names is None:
            names = [name for name in frame.names if not name.startswith("_")]
        found = {name: self._read_name(frame, name) for name in names}
        return {name: value for name, value in found.items() if value is not None}

    def _read_name(self, frame: Frame, name: str) -> Value | None:
        """Return the value of `name` in the module of `frame`, and record that it was read."""
        self.interactions.note_read(self.activation.module, frame.syntax.name, name)
        return frame.names.get(name)

    def text_at(self, span: Span) -> str:
        """Return the source text at a location of an evaluated module; "" for other files."""
        self.interactions.note_text(span)
        for frame in self.frames.values():
            if frame.syntax.path == span.path:
                return frame.syntax.lines.slice(span)
        return ""

    # Limits ---------------------------------------------------------------------------------------

    def step(self, node: cst.CSTNode, frame: Frame) -> None:
        """Count one step for a syntax node that is evaluated.

        Raises:
            OutOfSteps: the module has used up its steps.
        """
        self.activation.steps -= 1
        if self.activation.steps <= 0:
            raise OutOfSteps(frame.syntax.span(node))

    def charge(self, size: int, span: Span) -> None:
        """Count steps for work on `size` elements or characters.

        Raises:
            OutOfSteps: the module has used up its steps.
        """
        self.activation.steps -= size // _SIZE_OF_A_STEP
        if self.activation.steps <= 0:
            raise OutOfSteps(span)

    # What is not certain --------------------------------------------------------------------------

    @property
    def condition(self) -> Unknown | None:
        """The reason why the executed code may not run on a worker; None if it surely runs."""
        return self.activation.condition

    @property
    def doubt(self) -> Unknown | None:
        """The reason why a change that the executed code makes may not happen; None if it surely does.

        It is the condition, or that earlier code under a `try` may raise, after which the program
        goes on without the change.
        """
        if self.condition is None:
            for attempt in self.activation.attempts:
                if attempt.reason is not None:
                    return attempt.reason if self.may_raise_count > attempt.begun else None
        return self.condition

    @contextmanager
    def uncertain(self, reason: Unknown) -> Generator[None]:
        """Mark the code in the `with` block as code that may not run because of `reason`; an outer reason takes precedence."""
        outer = self.activation.condition
        self.activation.condition = outer or reason
        self.activation.uncertain_blocks += 1
        try:
            yield
        finally:
            self.activation.condition = outer
            self.activation.uncertain_blocks -= 1

    @property
    def controlled_by(self) -> frozenset[str]:
        """The environment variables that selected the code that is executed."""
        return self.activation.controlled_by

    @contextmanager
    def controlled(self, variables: frozenset[str]) -> Generator[None]:
        """Mark the code in the `with` block as code that runs because of the values of these environment variables."""
        outer = self.activation.controlled_by
        self.activation.controlled_by = outer | variables
        try:
            yield
        finally:
            self.activation.controlled_by = outer

    @property
    def has_handlers(self) -> bool:
        """Whether a `try` statement with handlers encloses the executed code."""
        return bool(self.activation.attempts)

    @contextmanager
    def handled(self, reason: Unknown | None) -> Generator[None]:
        """Mark the code in the `with` block as the body of a `try` statement with handlers.

        `reason` is why it may end early; None if the program does not go on after a handler.
        """
        self.activation.attempts.append(Attempt(self.may_raise_count, reason))
        try:
            yield
        finally:
            self.activation.attempts.pop()

    def may_raise(self) -> None:
        """Note an operation that may raise an exception at run time."""
        self.may_raise_count += 1
        self.interactions.may_raise.add(self.activation.module)

    def escape(self, arguments: CallArguments) -> None:
        """Note that these values are passed to code that flashc does not evaluate.

        That code may change mutable values, so they become unknown, and it may raise.
        """
        self.may_raise()
        reason = Unknown(
            reason="the value was passed to code that flashc does not evaluate",
            origin=arguments.span,
        )
        given = [a.value for a in (*arguments.positional, *arguments.keywords.values())]
        if arguments.problem is not None:
            given.append(arguments.problem)
        with self.uncertain(reason):  # that code may read iterators, or a part of them
            count = sum([escape_value(value, reason, remaining) for value in given])
        self.charge(count // 4, arguments.span)  # looking at a value costs less than computing one

    def declare(self, endpoint: EndpointValue) -> None:
        """Note an endpoint that the program declares."""
        self.endpoints.append(endpoint)
        self.interactions.note_declaration(self.activation.module, endpoint)

    # Environment variables --------------------------------------------------------------------------

    def assigned_variable(self, name: str) -> Value | None:
        """Return the value that the program assigned to `os.environ[name]`; None if it did not."""
        return self.activation.assigned.get(name)

    def assign_variable(self, name: str, value: Value) -> None:
        """Execute `os.environ[name] = value`."""
        self.activation.assigned[name] = self.doubt or value

    def forget_variables(self, reason: Unknown) -> None:
        """Make all values unknown that the program has assigned to `os.environ`."""
        for name in self.activation.assigned:
            self.activation.assigned[name] = reason

    def note_guess(self) -> None:
        """Note that a value depends on this machine's environment."""
        self.activation.has_guessed = True

    def read(self, value: Symbolic) -> Known | Unknown:
        """Return the string that the build's environment gives for `value`.

        `variables` of the result are the variables of `value` that are set, because their values
        may be secret.  The default of a variable that is not set is no secret.
        """
        self.note_guess()
        texts: list[str] = []
        present = frozenset(name for name in value.variables if name in self.environment)
        for part in value.parts:
            if isinstance(part, EnvironmentReference):
                text = self.environment.get(part.variable, part.default)
                if text is None:
                    if value.optional:
                        return Known(None, value.origin, present)
                    reason = f"the environment variable `{part.variable}` is not set"
                    return Unknown(reason=reason, origin=value.origin, variable=part.variable)
                texts.append(text)
            else:
                texts.append(part.text)
        return Known("".join(texts), value.origin, present)


def _module_frame(syntax: Syntax, name: str) -> Frame:
    """Return the frame of a module before its first statement is executed."""
    here = Span.start_of(syntax.path)
    package = name if syntax.is_package else name.rpartition(".")[0]
    return Frame(
        syntax=syntax,
        names={
            "__name__": Known(name, here),
            "__file__": Known(ProjectPath(syntax.path, text=True), here),
            "__package__": Known(package, here),
        },
    )


def _names_in_all(exported: Value | None) -> list[str] | None:
    """Return the names in a module's `__all__`; None if it is missing or not a sequence."""
    if not isinstance(exported, Known) or not isinstance(exported.value, SequenceValue):
        return None
    values = [item.value for item in exported.value.items if isinstance(item, Known)]
    return [name for name in values if isinstance(name, str)]

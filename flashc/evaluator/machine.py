"""The abstract machine: module names -> evaluated module frames, within bounds that no input can exceed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import libcst as cst

from flashc.project.discover import Tree
from flashc.syntax import walk
from flashc.syntax.parse import Syntax
from flashc_core.source import Location, Span, WholeFile
from flashc_ir.resources import EnvironmentReference

from . import statements
from .declarations import EndpointValue
from .dialect import Dialect
from .escape import escape_value
from .failures import PythonError
from .objects import CallArguments, Frame
from .values import NO_VARIABLES, Known, ModuleRef, ProjectPath, Symbolic, Unknown, Value

MAX_STEPS = 400_000  # nodes evaluated per module; a real worker module takes a few hundred
_SIZE_OF_A_STEP = 20  # elements or characters that cost as much as one node


class OutOfSteps(Exception):
    """The module does more work than flashc follows."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


@dataclass(frozen=True, slots=True)
class _Effects:
    """What importing a module does beside defining names; importers see it, others do not."""

    assigned: dict[str, Value]
    has_guessed: bool


@dataclass(eq=False, kw_only=True)
class Machine:
    """Evaluates the modules of one project.

    `load` gives a module's syntax, or None where it has none; `environment` are the variables that a
    build may read; `dialects` know the SDKs that a program may import.
    """

    tree: Tree
    load: Callable[[str], Syntax | None]
    environment: Mapping[str, str]
    dialects: tuple[Dialect, ...] = ()
    frames: dict[str, Frame] = field(default_factory=dict[str, Frame])
    endpoints: list[EndpointValue] = field(default_factory=list[EndpointValue])
    stopped: dict[str, Location] = field(default_factory=dict[str, Location])
    failed: dict[str, PythonError] = field(default_factory=dict[str, PythonError])
    files: set[str] = field(default_factory=set[str])  # of the project, that were looked at
    assigned: dict[str, Value] = field(default_factory=dict[str, Value])  # os.environ[K] = V
    condition: Unknown | None = None  # set inside a branch or loop that may not run
    controlled_by: frozenset[str] = NO_VARIABLES  # environment variables that chose the branch
    is_settled: bool = True  # nothing changed while it was read
    has_guessed: bool = False  # a value comes from this machine's environment; a worker has its own
    doubts: int = 0  # how often something happened that may raise or not
    guards: int = 0  # how many `try` statements with handlers are under way
    depth: int = 0
    _steps: int = MAX_STEPS
    _effects: dict[str, _Effects] = field(default_factory=dict[str, "_Effects"])

    def step(self, node: cst.CSTNode, frame: Frame) -> None:
        """Account for one node.

        Raises:
            OutOfSteps: the budget of the module under way is used up.
        """
        self._steps -= 1
        if self._steps <= 0:
            raise OutOfSteps(frame.syntax.span(node))

    def charge(self, size: int, span: Span) -> None:
        """Account for work on `size` elements or characters.

        Raises:
            OutOfSteps: the budget of the module under way is used up.
        """
        self._steps -= size // _SIZE_OF_A_STEP
        if self._steps <= 0:
            raise OutOfSteps(span)

    def declare(self, endpoint: EndpointValue) -> None:
        """Note an endpoint of the program."""
        self.endpoints.append(endpoint)

    def escape(self, arguments: CallArguments) -> None:
        """Note that code which flashc does not follow gets these values: it may change the mutable ones, and
        raise."""
        self.doubts += 1
        reason = Unknown(
            reason="it was passed to code that flashc does not follow", origin=arguments.span
        )
        for argument in (*arguments.positional, *arguments.keywords.values()):
            escape_value(argument.value, reason)

    def module(self, name: str) -> Frame | None:
        """The evaluated top of a module; a module in a circle is seen as far as it has come."""
        if name in self.frames:
            if name in self._effects:
                self._repeat(self._effects[name])
            return self.frames[name]
        syntax = self.load(name)
        if syntax is None:
            return None
        frame = Frame(syntax=syntax)
        self.frames[name] = frame
        here = Span.start_of(syntax.path)
        frame.names["__name__"] = Known(name, here)
        frame.names["__file__"] = Known(ProjectPath(syntax.path, text=True), here)
        frame.names["__package__"] = Known(
            name if syntax.is_package else name.rpartition(".")[0], here
        )
        steps, self._steps = self._steps, MAX_STEPS
        depth, self.depth = self.depth, 0
        condition, self.condition = self.condition, None
        controlled, self.controlled_by = self.controlled_by, NO_VARIABLES
        guards, self.guards = self.guards, 0
        assigned, self.assigned = self.assigned, dict(self.assigned)
        guessed, self.has_guessed = self.has_guessed, False
        try:
            self._execute(syntax, frame)
        except OutOfSteps as stop:
            self.stopped[name] = stop.span
            frame.names.clear()
        except RecursionError:
            self.stopped[name] = WholeFile(syntax.path)
            frame.names.clear()
        self._steps, self.depth, self.condition = steps, depth, condition
        self.controlled_by, self.guards = controlled, guards
        new = {k: v for k, v in self.assigned.items() if assigned.get(k) is not v}
        self._effects[name] = _Effects(new, self.has_guessed)
        self.assigned, self.has_guessed = assigned, guessed
        self._repeat(self._effects[name])
        return frame

    def worker(self, name: str) -> None:
        """Evaluate a module as a worker of its own does, which has imported nothing before."""
        self.assigned, self.has_guessed = {}, False
        self.module(name)

    def _repeat(self, effects: _Effects) -> None:
        self.assigned |= effects.assigned
        self.has_guessed |= effects.has_guessed

    def _execute(self, syntax: Syntax, frame: Frame) -> None:
        """Carry out a module.  What it raises ends a statement, not the module: its other mistakes are
        wanted too."""
        for line in syntax.tree.body:
            try:
                statements.execute(self, [line], frame)
            except PythonError as error:
                reason = Unknown(reason=f"Python raises {error}", origin=error.span)
                for name in walk.bound_names(line):
                    frame.names.setdefault(name, reason)
                if not self.has_guessed:
                    self.failed.setdefault(syntax.name, error)

    def text_at(self, span: Span) -> str:
        """The source text of a place in a module that was evaluated; empty elsewhere."""
        for frame in self.frames.values():
            if frame.syntax.path == span.path:
                return frame.syntax.lines.slice(span)
        return ""

    def attribute_of_module(self, module: str, name: str, origin: Span) -> Value:
        """`module.name`, a submodule included."""
        frame = self.module(module)
        if frame is not None and name in frame.names:
            return frame.names[name]
        full = f"{module}.{name}" if module else name
        if self.tree.has(full):
            return Known(ModuleRef(full), origin)
        if module in self.stopped:
            stop = self.stopped[module]
            return Unknown(
                reason=f"module `{module}` computes too much",
                origin=stop if isinstance(stop, Span) else origin,
            )
        return Unknown(
            reason=f"module `{module}` has no name `{name}` that flashc knows", origin=origin
        )

    def read(self, value: Symbolic) -> Known | Unknown:
        """The string that the build's environment gives for `value`.

        It carries the variables that are set; a default is the program's own text and no secret.
        """
        self.has_guessed = True
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

"""Define the state of a module while its top is executed, and what importing it does to others."""

from __future__ import annotations

from msgspec import Struct, field

from flashc_core.source import Span

from .values import NO_VARIABLES, Unknown, Value

MAX_STEPS = 400_000  # nodes evaluated per module; a real worker module takes a few hundred


class OutOfSteps(Exception):
    """The module needs more steps than flashc evaluates."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


class Activation(Struct, eq=False, kw_only=True):
    """The state of one module whose top is being executed; an import begins another activation.

    `condition` is the reason why the executed code may not run on a worker, None if it surely runs.  `controlled_by` are the environment variables that selected the branch that is executed.
    `uncertain_blocks` is the number of enclosing blocks of code that may not run; `running` maps each function
    that is being executed, by the identity of its node, to that number where its first call began.
    `attempts` are the enclosing `try` statements with handlers.  `assigned` are the
    environment variables that the program has set.  `has_guessed` says that a value was read from
    the environment of this machine; on a worker, the value may be another one.
    """

    module: str
    steps: int = MAX_STEPS
    depth: int = 0
    condition: Unknown | None = None
    uncertain_blocks: int = 0
    running: dict[int, int] = field(default_factory=dict[int, int])
    controlled_by: frozenset[str] = NO_VARIABLES
    attempts: list[Attempt] = field(default_factory=list["Attempt"])
    assigned: dict[str, Value] = field(default_factory=dict[str, Value])
    has_guessed: bool = False


class Attempt(Struct, frozen=True):
    """A `try` statement with handlers whose body is executed.

    `begun` is the machine's `may_raise_count` before the body.  `reason` is why what the body does
    may not happen if an operation raises; None if the program does not go on after a handler.
    """

    begun: int
    reason: Unknown | None


class Effects(Struct, frozen=True):
    """What an import of a module does besides defining names.

    Modules that import the module, directly or through others, see the effects; other modules do
    not.
    """

    assigned: dict[str, Value]
    has_guessed: bool

"""Connect the evaluator's layers: implement the entry points `evaluate`, `execute` and `call`.

This module contains no logic.  Operations and the library work on values and know no syntax; to
call a function of the program, they use the machine's entry points.  The functions for a kind of
syntax use them for its parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import libcst as cst

from .execution import calls, expressions, statements
from .machine import Machine
from .objects import CallArguments, Flow, Frame, Suite
from .values import Value


@dataclass(eq=False, kw_only=True)
class Interpreter(Machine):
    """A machine that evaluates the modules of a project."""

    def evaluate(self, node: cst.BaseExpression, frame: Frame) -> Value:
        """Return the value of an expression; see `Machine.evaluate` for what it raises."""
        return expressions.evaluate(self, node, frame)

    def execute(self, suite: Suite, frame: Frame) -> Flow:
        """Execute the statements of `suite`, up to one that leaves it."""
        return statements.execute(self, suite, frame)

    def call(self, callee: Value, arguments: CallArguments) -> Value:
        """Return the value of `callee(arguments)`, for every kind of callee."""
        return calls.call(self, callee, arguments)

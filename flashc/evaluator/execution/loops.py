"""Execute loops, which the program may leave in iterations of which that is not known."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import libcst as cst
from msgspec import Struct, field

from flashc.evaluator.failures import IterationUnknown, PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.objects import Flow, Frame
from flashc.evaluator.operations.comparisons import truth
from flashc.evaluator.operations.iteration import iterate
from flashc.evaluator.values import Unknown, Value

from .branches import Outcome, execute_loop_maybe, joined
from .targets import bind

_LEAVING = Flow.BREAK | Flow.RETURN


def execute_for(machine: Machine, node: cst.For, frame: Frame) -> Flow:
    """Execute a `for` loop; if the items are not known, for an unknown number of iterations."""
    items = machine.evaluate(node.iter, frame)
    loop = _Loop(machine=machine, node=node, frame=frame)
    return loop.run(partial(_for, loop, node, items))


def _for(loop: _Loop, node: cst.For, items: Value) -> Flow:
    """Execute the body for each item; return how the statement ended."""
    machine, frame = loop.machine, loop.frame
    try:
        for item in iterate(machine, items):
            machine.step(node, frame)
            bind(machine, node.target, item, frame)
            ended = loop.execute_body()
            if ended is not None:
                return ended
    except IterationUnknown as problem:
        bind(machine, node.target, problem.reason, frame)
        loop.execute_maybe_often(problem.reason)
    return loop.execute_else()


def execute_while(machine: Machine, node: cst.While, frame: Frame) -> Flow:
    """Execute a `while` loop; if the test is not known, for an unknown number of iterations.

    So it is after an iteration that may have left the loop: the test may be `True`.
    """
    loop = _Loop(machine=machine, node=node, frame=frame)
    return loop.run(partial(_while, loop, node))


def _while(loop: _Loop, node: cst.While) -> Flow:
    """Execute the body while the test holds; return how the statement ended."""
    machine, frame = loop.machine, loop.frame
    while True:
        machine.step(node, frame)
        verdict = truth(machine, machine.evaluate(node.test, frame))
        if verdict is False:
            return loop.execute_else()
        doubt = verdict if isinstance(verdict, Unknown) else loop.doubt
        if doubt is not None:
            loop.execute_maybe_often(doubt)
            return loop.end_of_endless() if _is_endless(node) else loop.execute_else()
        ended = loop.execute_body()
        if ended is not None:
            return ended


class _Loop(Struct, eq=False, kw_only=True):
    """A loop that is executed.

    `exits` are the outcomes of iterations that may have left the loop; `doubt` is the reason of the
    last one.  What is executed after the first of them is uncertain, until `stack` is closed.
    """

    machine: Machine
    node: cst.For | cst.While
    frame: Frame
    stack: ExitStack = field(default_factory=ExitStack)
    exits: list[Outcome] = field(default_factory=list[Outcome])
    doubt: Unknown | None = None

    def run(self, iterations: Callable[[], Flow]) -> Flow:
        """Return how the statement ends; `iterations` executes the parts of the loop.

        Raises:
            PythonError: a part surely raises.
        """
        with self.stack:
            try:
                return iterations()
            except PythonError:
                if self.doubt is None:
                    raise
                self.machine.may_raise()
                return self._end(Flow(0))

    def execute_body(self) -> Flow | None:
        """Execute the body once; return how the statement ended if that surely left the loop, else None."""
        flow = self.machine.execute(self.node.body, self.frame)
        if flow is Flow.NEXT or not flow & _LEAVING:
            return None
        if not flow & ~_LEAVING:
            return self._end(_after(flow))
        self._note_exit(flow)
        return None

    def execute_maybe_often(self, reason: Unknown) -> None:
        """Execute the body for an unknown number of iterations."""
        flow = execute_loop_maybe(self.machine, self.node.body, self.frame, reason)
        if flow & _LEAVING:
            self._note_exit(flow)

    def execute_else(self) -> Flow:
        """Execute the `else` block, which runs if the loop was not left; return how the statement ended."""
        orelse = self.node.orelse
        if orelse is None:
            return self._end(Flow.NEXT)
        return self._end(self.machine.execute(orelse.body, self.frame))

    def end_of_endless(self) -> Flow:
        """Return how a loop ended that only its body can leave."""
        return self._end(Flow(0))

    def _note_exit(self, flow: Flow) -> None:
        """Note that the program may have left the loop here."""
        doubt = self.frame.doubt
        assert doubt is not None
        self.exits.append(Outcome.now(_after(flow), self.frame))
        self.frame.names = dict(self.frame.names)
        self.doubt = doubt
        self.stack.enter_context(self.machine.uncertain(doubt))

    def _end(self, flow: Flow) -> Flow:
        """Return how the statement ended: by one of the exits, or at last in the ways `flow`."""
        self.stack.close()
        if self.doubt is None:
            return flow
        return joined([*self.exits, Outcome.now(flow, self.frame)], self.frame, self.doubt)


def _is_endless(node: cst.While) -> bool:
    """Return whether the test of a loop is `True` or a number that counts as true."""
    test = node.test
    if isinstance(test, cst.Name):
        return test.value == "True"
    return isinstance(test, cst.Integer) and test.evaluated_value != 0


def _after(flow: Flow) -> Flow:
    """Return how a loop ends whose body left it in the ways `flow`: after `break`, the program goes on."""
    return (flow & Flow.RETURN) | (Flow.NEXT if Flow.BREAK in flow else Flow(0))

"""Functions that are called on a new stack."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from flashc.syntax.stack import call_on_new_stack


def call_below(frames: int, function: Callable[[], int]) -> int:
    """Call `function` with so many more frames below it."""
    return function() if frames == 0 else call_below(frames - 1, function)


def test_the_function_runs_in_a_new_thread() -> None:
    assert call_on_new_stack(threading.get_ident) != threading.get_ident()


def test_a_new_stack_that_is_almost_unused_serves_again() -> None:
    def outer() -> tuple[int, int]:
        return threading.get_ident(), call_on_new_stack(threading.get_ident)

    first, second = call_on_new_stack(outer)
    assert first == second


def test_a_new_stack_that_is_in_use_does_not_serve_again() -> None:
    def outer() -> tuple[int, int]:
        inner = call_below(100, lambda: call_on_new_stack(threading.get_ident))
        return threading.get_ident(), inner

    first, second = call_on_new_stack(outer)
    assert first != second


def test_what_the_function_raises_is_raised_in_the_caller() -> None:
    def fail() -> None:
        raise LookupError("nothing here")

    with pytest.raises(LookupError, match="nothing here"):
        call_on_new_stack(fail)


def test_the_depth_of_the_caller_is_not_counted() -> None:
    """A function that nearly uses up Python's stack works below a caller that did so too."""

    def deep() -> int:
        return call_below(700, lambda: 7)

    assert call_below(700, lambda: call_on_new_stack(deep)) == 7

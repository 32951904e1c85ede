"""Operations on values: operators, comparisons, truth and subscripts."""

from __future__ import annotations

from typing import Any

import pytest

from flashc.evaluator.activation import OutOfSteps
from flashc.evaluator.failures import PythonError
from flashc.evaluator.operations.apply import apply, fail, has_long_number
from flashc.evaluator.operations.comparisons import compare, truth
from flashc.evaluator.operations.containers import (
    item,
    store_item,
)
from flashc.evaluator.operations.operators import binary, unary
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import (
    External,
    Known,
    Symbolic,
)
from flashc_ir.resources import EnvironmentReference, Text
from tests.support.values import SPAN, UNKNOWN, VARIABLE, machine, python, reason, value

SECRET = Known("s3cret", SPAN, frozenset({"KEY"}))


# Operators ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "symbol", "right", "expected"),
    [
        (1, "+", 2, 3),
        (7, "-", 10, -3),
        (7, "/", 2, 3.5),
        (7, "//", 2, 3),
        (-7, "%", 3, 2),
        (2, "**", 10, 1024),
        (1, "<<", 4, 16),
        (6, "&", 3, 2),
        (6, "|", 3, 7),
        (6, "^", 3, 5),
        ("a", "+", "b", "ab"),
        ("ab", "*", 2, "abab"),
        ("%s-%02d", "%", ("a", 2), "a-02"),
        ([1], "+", [2, 3], [1, 2, 3]),
        ((1,), "+", (2,), (1, 2)),
        ([0], "*", 3, [0, 0, 0]),
        (2, "*", (1,), (1, 1)),
        ([1], "*", -1, []),
        ({"a": 1}, "|", {"a": 2, "b": 3}, {"a": 2, "b": 3}),
        ({1, 2}, "|", {3}, {1, 2, 3}),
        ({1, 2}, "-", {2}, {1}),
    ],
)
def test_binary(left: object, symbol: str, right: object, expected: object) -> None:
    assert python(binary(machine(), symbol, value(left), value(right), SPAN)) == expected


@pytest.mark.parametrize(
    ("symbol", "operand", "expected"),
    [
        ("-", 3, -3),
        ("+", True, 1),
        ("~", 5, -6),
        ("not", [], True),
        ("not", "a", False),
    ],
)
def test_unary(symbol: str, operand: object, expected: object) -> None:
    assert python(unary(machine(), symbol, value(operand), SPAN)) == expected


@pytest.mark.parametrize(
    ("left", "symbol", "right", "kind"),
    [
        (1, "/", 0, ZeroDivisionError),
        ("a", "+", 1, TypeError),
        ([1], "+", (2,), TypeError),
        ("%d", "%", "a", TypeError),
        (1, "<<", -1, ValueError),
        ({"a": 1}, "+", {"b": 2}, TypeError),
    ],
)
def test_what_python_refuses_is_raised(
    left: object, symbol: str, right: object, kind: type[Exception]
) -> None:
    with pytest.raises(PythonError) as error:
        binary(machine(), symbol, value(left), value(right), SPAN)
    assert error.value.kind is kind


@pytest.mark.parametrize(
    ("left", "symbol", "right"),
    [
        (10, "**", 10**9),
        pytest.param(1 << 5000, "**", 5000, id="power of a large number"),
        (1, "<<", 10**9),
        ("x", "*", 10**9),
        ([0], "*", 10**9),
        pytest.param(1 << 150_000, "*", 1 << 150_000, id="product of large numbers"),
        ("%999999d", "%", 1),
    ],
)
def test_what_would_be_huge_is_not_computed(left: object, symbol: str, right: object) -> None:
    assert reason(binary(machine(), symbol, value(left), value(right), SPAN)) == "it is too large"


def test_an_unknown_side_is_the_result() -> None:
    assert binary(machine(), "+", UNKNOWN, value(1), SPAN) is UNKNOWN
    assert binary(machine(), "+", value(1), UNKNOWN, SPAN) is UNKNOWN
    assert unary(machine(), "not", UNKNOWN, SPAN) is UNKNOWN


def test_unknown_elements_do_not_spoil_their_neighbours() -> None:
    joined = binary(machine(), "+", value([UNKNOWN]), value([2]), SPAN)
    assert python(item(machine(), joined, value(1), SPAN)) == 2
    assert item(machine(), joined, value(0), SPAN) is UNKNOWN
    merged = binary(machine(), "|", value({"a": UNKNOWN}), value({"b": 2}), SPAN)
    assert python(item(machine(), merged, value("b"), SPAN)) == 2


def test_text_around_a_variable_stays_a_reference() -> None:
    found = binary(machine(), "+", value("https://"), VARIABLE, SPAN)
    assert isinstance(found, Symbolic)
    assert found.parts == (Text("https://"), EnvironmentReference("KEY"))


def test_other_operators_read_the_variable() -> None:
    found = binary(machine({"KEY": "ab"}), "*", VARIABLE, value(2), SPAN)
    assert isinstance(found, Known)
    assert found.value == "abab"
    assert found.variables == {"KEY"}
    unset = binary(machine(), "*", VARIABLE, value(2), SPAN)
    assert reason(unset) == "the environment variable `KEY` is not set"


def test_paths_join_inside_the_project() -> None:
    folder = Known(ProjectPath("src"), SPAN)
    found = binary(machine(), "/", folder, value("a.json"), SPAN)
    assert isinstance(found, Known)
    assert found.value == ProjectPath("src/a.json")
    outside = binary(machine(), "/", folder, value("../../a"), SPAN)
    assert reason(outside) == "the path is outside the project"


def test_unknown_operators_are_unknown() -> None:
    found = binary(machine(), "@", value(1), value(2), SPAN)
    assert reason(found) == "flashc does not evaluate this operator"


# Comparisons and truth ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "symbol", "right", "expected"),
    [
        (1, "==", 1.0, True),
        (1, "!=", 2, True),
        (1, "<", 2, True),
        ("b", "<=", "a", False),
        ((1, 2), ">", (1, 1), True),
        (2, ">=", 2, True),
        ("a", "in", "cat", True),
        (3, "not in", [1, 2], True),
        ("a", "in", {"a": 1}, True),
        ({1, 2}, "==", {2, 1}, True),
        (None, "is", None, True),
        (True, "is not", None, True),
        (1, "is", "a", False),
    ],
)
def test_comparisons(left: object, symbol: str, right: object, expected: bool) -> None:
    assert compare(machine(), symbol, value(left), value(right), SPAN) is expected


def test_a_key_is_found_next_to_unknown_values() -> None:
    mapping = value({"a": UNKNOWN})
    assert compare(machine(), "in", value("a"), mapping, SPAN) is True
    assert compare(machine(), "in", value("b"), mapping, SPAN) is False


def test_identity_of_constants_depends_on_the_interpreter() -> None:
    found = compare(machine(), "is", value("a"), value("a"), SPAN)
    assert reason(found) == "`is` between these values depends on the interpreter"


def test_what_has_no_order_raises() -> None:
    with pytest.raises(PythonError) as error:
        compare(machine(), "<", value(1), value("a"), SPAN)
    assert error.value.kind is TypeError


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (0, False),
        ("", False),
        ([], False),
        ({}, False),
        (None, False),
        ([0], True),
        ([UNKNOWN], True),
        ({"a": UNKNOWN}, True),
        (Known(External("typing.TYPE_CHECKING"), SPAN), False),
        (Known(External("builtins.__debug__"), SPAN), True),
    ],
)
def test_truth(plain: object, expected: bool) -> None:
    assert truth(machine(), value(plain)) is expected


@pytest.mark.parametrize(("text", "expected"), [("x", True), ("", False)])
def test_truth_of_a_variable_is_that_of_the_builds_environment(text: str, expected: bool) -> None:
    evaluating = machine({"KEY": text})
    assert truth(evaluating, VARIABLE) is expected
    assert evaluating.activation.has_guessed


# Subscripts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("receiver", "key", "expected"),
    [
        ([1, 2, 3], 0, 1),
        ([1, 2, 3], -1, 3),
        ([1, 2, 3], slice(1, None), [2, 3]),
        ((1, 2, 3), slice(None, None, -1), (3, 2, 1)),
        ("text", slice(0, 2), "te"),
        ({"a": 1}, "a", 1),
        ({1: "one"}, True, "one"),
        (b"ab", 0, 97),
        (range(10), 3, 3),
    ],
)
def test_items(receiver: object, key: object, expected: object) -> None:
    assert python(item(machine(), value(receiver), value(key), SPAN)) == expected


@pytest.mark.parametrize(
    ("receiver", "key", "kind"),
    [
        ([1], 5, IndexError),
        ({"a": 1}, "b", KeyError),
        ({"a": 1}, [1], TypeError),
        ([1], slice(None, None, 0), ValueError),
        (5, 0, TypeError),
        ("a", 3, IndexError),
    ],
)
def test_missing_items_raise(receiver: object, key: object, kind: type[Exception]) -> None:
    with pytest.raises(PythonError) as error:
        item(machine(), value(receiver), value(key), SPAN)
    assert error.value.kind is kind


def test_a_key_from_the_environment_may_be_there_elsewhere() -> None:
    found = item(machine(), value({"prod": 1}), SECRET, SPAN)
    assert reason(found) == "Python raises KeyError"


def test_environ_gives_references_and_what_the_program_assigned() -> None:
    environ = Known(External("os.environ"), SPAN)
    evaluating = machine()
    assert item(evaluating, environ, value("KEY"), SPAN) == VARIABLE
    store_item(evaluating, environ, value("KEY"), value("mine"))
    assert python(item(evaluating, environ, value("KEY"), SPAN)) == "mine"


# Limits and failures --------------------------------------------------------------------------------


def test_each_module_has_a_budget() -> None:
    evaluating = machine()
    with pytest.raises(OutOfSteps):
        for _ in range(100_000):
            apply(evaluating, str, SPAN, value("x" * 1000))


def test_a_failure_that_a_variable_decides_is_certain_only_for_its_handlers() -> None:
    evaluating = machine()
    found = fail(evaluating, KeyError, "'s3cret'", SPAN, frozenset({"KEY"}))
    assert reason(found) == "Python raises KeyError"
    with evaluating.handled(None), pytest.raises(PythonError) as error:
        fail(evaluating, KeyError, "'s3cret'", SPAN, frozenset({"KEY"}))
    assert error.value.text == ""
    assert error.value.variables == {"KEY"}


@pytest.mark.parametrize(
    ("spec", "expected"), [("{:>5}", False), ("{:>99999}", True), (b"%9999d", False), ("", False)]
)
def test_formats_with_huge_widths(spec: Any, expected: bool) -> None:
    assert has_long_number(spec) is expected

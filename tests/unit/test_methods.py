"""Methods of values: what they return, what they change, and which are not called."""

from __future__ import annotations

import pytest

from flashc.evaluator.failures import PythonError
from flashc.evaluator.library.methods import PURE_METHODS
from flashc.evaluator.values import BoundMethod, IteratorValue, Known, SequenceValue, Unknown
from tests.support.values import (
    SPAN,
    UNKNOWN,
    VARIABLE,
    arguments,
    call_method,
    external,
    machine,
    python,
    value,
)


@pytest.mark.parametrize(
    ("receiver", "name", "given", "keywords", "expected"),
    [
        ("Text", "upper", [], {}, "TEXT"),
        ("a,b", "split", [","], {}, ["a", "b"]),
        ("a b c", "split", [], {"maxsplit": 1}, ["a", "b c"]),
        ("-", "join", [["a", "b"]], {}, "a-b"),
        ("-", "join", [Known(IteratorValue(iter([value("a")]), "map"), SPAN)], {}, "a"),
        ("{:>5}|{unit}", "format", ["ab"], {"unit": "x"}, "   ab|x"),
        ("abc", "replace", ["b", "-"], {}, "a-c"),
        ("abc", "startswith", ["ab"], {}, True),
        ("file.tar.gz", "removesuffix", [".gz"], {}, "file.tar"),
        ("7", "zfill", [3], {}, "007"),
        ("é", "encode", [], {}, b"\xc3\xa9"),
        (b"ab", "decode", [], {}, "ab"),
        (255, "bit_length", [], {}, 8),
        (1.5, "is_integer", [], {}, False),
        ([1, 2, 1], "count", [1], {}, 2),
        ((1, 2), "index", [2], {}, 1),
        ([1, 2], "copy", [], {}, [1, 2]),
        ({1, 2}, "union", [[3]], {}, {1, 2, 3}),
        ({1}, "issubset", [{1, 2}], {}, True),
        ({"a": 1}, "get", ["a"], {}, 1),
        ({"a": 1}, "get", ["b", 7], {}, 7),
        ({"a": 1}, "get", ["b"], {}, None),
        ({"a": UNKNOWN, "b": 2}, "get", ["b"], {}, 2),
        ({"a": 1}, "copy", [], {}, {"a": 1}),
    ],
)
def test_pure_methods(
    receiver: object, name: str, given: list[object], keywords: dict[str, object], expected: object
) -> None:
    assert python(call_method(receiver, name, *given, **keywords)) == expected


@pytest.mark.parametrize(
    ("receiver", "name", "given", "keywords", "result", "after"),
    [
        ([1], "append", [2], {}, None, [1, 2]),
        ([1], "extend", [[2, 3]], {}, None, [1, 2, 3]),
        ([1, 3], "insert", [1, 2], {}, None, [1, 2, 3]),
        ([1, 2], "pop", [], {}, 2, [1]),
        ([1, 2], "pop", [0], {}, 1, [2]),
        ([1, 2, 1], "remove", [1], {}, None, [2, 1]),
        ([2, 1], "sort", [], {}, None, [1, 2]),
        (["b", "A"], "sort", [], {"key": external("builtins.str.lower")}, None, ["A", "b"]),
        ([1, 2], "sort", [], {"reverse": True}, None, [2, 1]),
        ([1, 2], "reverse", [], {}, None, [2, 1]),
        ([1], "clear", [], {}, None, []),
        ({1}, "add", [2], {}, None, {1, 2}),
        ({1, 2}, "discard", [2], {}, None, {1}),
        ({1}, "update", [[2], [3]], {}, None, {1, 2, 3}),
        ({1, 2}, "intersection_update", [[2]], {}, None, {2}),
        ({1}, "pop", [], {}, 1, set()),
        ({"a": 1}, "pop", ["a"], {}, 1, {}),
        ({"a": 1}, "pop", ["b", 7], {}, 7, {"a": 1}),
        ({"a": 1}, "setdefault", ["b", 2], {}, 2, {"a": 1, "b": 2}),
        ({"a": 1}, "setdefault", ["a", 2], {}, 1, {"a": 1}),
        ({"a": 1}, "update", [{"b": 2}], {"c": 3}, None, {"a": 1, "b": 2, "c": 3}),
        ({"a": 1, "b": 2}, "popitem", [], {}, ("b", 2), {"a": 1}),
        ({"a": 1}, "clear", [], {}, None, {}),
    ],
)
def test_methods_that_change_their_receiver(
    receiver: object,
    name: str,
    given: list[object],
    keywords: dict[str, object],
    result: object,
    after: object,
) -> None:
    changed = value(receiver)
    assert python(call_method(changed, name, *given, **keywords)) == result
    assert python(changed) == after


@pytest.mark.parametrize(
    ("receiver", "name", "given", "kind"),
    [
        ("a", "index", ["b"], ValueError),
        ("{}", "format", [], IndexError),
        ("-", "join", [[1]], TypeError),
        ([], "pop", [], IndexError),
        ([1], "remove", [2], ValueError),
        ([1], "append", [], TypeError),
        ((1,), "append", [2], AttributeError),
        (set[int](), "pop", [], KeyError),
        ({}, "pop", ["a"], KeyError),
        ({}, "popitem", [], KeyError),
        ({}, "get", [[]], TypeError),
    ],
)
def test_methods_that_raise(
    receiver: object, name: str, given: list[object], kind: type[Exception]
) -> None:
    with pytest.raises(PythonError) as error:
        call_method(receiver, name, *given)
    assert error.value.kind is kind


@pytest.mark.parametrize(
    ("receiver", "name", "given"),
    [
        ("a", "ljust", [10**9]),
        ("{:>999999}", "format", [1]),
        (1, "to_bytes", [10**9, "big"]),
    ],
)
def test_methods_whose_result_would_be_huge(
    receiver: object, name: str, given: list[object]
) -> None:
    found = call_method(receiver, name, *given)
    assert isinstance(found, Unknown)
    assert found.reason == "it is too large"


def test_a_change_in_a_branch_that_may_not_run_is_unknown_afterwards() -> None:
    evaluating = machine()
    items = value([1])
    with evaluating.uncertain(UNKNOWN):
        evaluating.call(Known(BoundMethod(items, "append"), SPAN), arguments(2))
    assert isinstance(items, Known)
    assert isinstance(items.value, SequenceValue)
    assert items.value.escaped is UNKNOWN


def test_an_unknown_method_of_a_dict_makes_it_unknown() -> None:
    mapping = value({"a": 1})
    found = call_method(mapping, "fromkeys", ["a"])
    assert isinstance(found, Unknown)
    assert isinstance(call_method(mapping, "get", "a"), Unknown)


def test_methods_of_a_variable_read_it() -> None:
    bound = Known(BoundMethod(VARIABLE, "upper"), SPAN)
    found = machine({"KEY": "a"}).call(bound, arguments())
    assert isinstance(found, Known)
    assert (found.value, sorted(found.variables)) == ("A", ["KEY"])


@pytest.mark.parametrize("kind", [str, bytes, int, float, complex])
def test_private_methods_are_not_called(kind: type) -> None:
    assert PURE_METHODS[kind]
    assert not any(name.startswith("_") for name in PURE_METHODS[kind])

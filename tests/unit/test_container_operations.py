"""Operations on containers: storing, deleting, merging and iterating."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flashc.evaluator.failures import IterationUnknown, PythonError
from flashc.evaluator.machine import Machine
from flashc.evaluator.operations.containers import (
    delete_item,
    make_set,
    merge,
    store,
    store_item,
)
from flashc.evaluator.operations.iteration import elements, iterate, lazy_iterator
from flashc.evaluator.values import (
    DictValue,
    Known,
    SequenceValue,
    Value,
)
from tests.support.values import SPAN, UNKNOWN, machine, python, reason, value

SECRET = Known("s3cret", SPAN, frozenset({"KEY"}))


# Storing --------------------------------------------------------------------------------------------


def stored(container: object, change: Callable[[Machine, Value], object]) -> Value:
    held = value(container)
    change(machine(), held)
    return held


@pytest.mark.parametrize(
    ("container", "key", "new", "expected"),
    [
        ({}, "a", 1, {"a": 1}),
        ({1: "a"}, True, "b", {1: "b"}),
        ([1, 2], 0, 9, [9, 2]),
        ([1, 2], -1, 9, [1, 9]),
        ([1, 2, 3], slice(0, 2), [9], [9, 3]),
    ],
)
def test_store_item(container: object, key: object, new: object, expected: object) -> None:
    found = stored(container, lambda m, c: store_item(m, c, value(key), value(new)))
    assert python(found) == expected


@pytest.mark.parametrize(
    ("container", "key", "expected"),
    [({"a": 1, "b": 2}, "a", {"b": 2}), ([1, 2, 3], 1, [1, 3]), ([1, 2, 3], slice(0, 2), [3])],
)
def test_delete_item(container: object, key: object, expected: object) -> None:
    found = stored(container, lambda m, c: delete_item(m, c, value(key), SPAN))
    assert python(found) == expected


def test_storing_in_a_branch_that_may_not_run_makes_the_container_unknown() -> None:
    evaluating = machine()
    containers = [value({"a": 1}), value([1])]
    with evaluating.uncertain(UNKNOWN):
        store_item(evaluating, containers[0], value("a"), value(2))
        store_item(evaluating, containers[1], value(0), value(2))
    for container in containers:
        assert isinstance(container, Known)
        assert isinstance(container.value, (DictValue, SequenceValue))
        assert container.value.escaped is UNKNOWN


def test_an_unknown_key_makes_the_dict_unknown() -> None:
    mapping = DictValue()
    assert store(machine(), mapping, UNKNOWN, value(1)) is UNKNOWN
    with pytest.raises(PythonError):
        store(machine(), mapping, value([]), value(1))


@pytest.mark.parametrize("other", [{"b": 2}, [("b", 2)], (["b", 2],)])
def test_merge_takes_dicts_and_pairs(other: object) -> None:
    mapping = DictValue({"a": (value("a"), value(1))})
    assert merge(machine(), mapping, value(other)) is None
    assert python(Known(mapping, SPAN)) == {"a": 1, "b": 2}


def test_merge_refuses_what_is_no_pair() -> None:
    with pytest.raises(PythonError) as error:
        merge(machine(), DictValue(), value([(1, 2, 3)]))
    assert "has length 3; 2 is required" in error.value.text


def test_a_set_keeps_each_value_once() -> None:
    assert python(make_set(set, [value(1), value(True), value(2)], SPAN)) == {1, 2}
    assert make_set(set, [UNKNOWN], SPAN) is UNKNOWN
    with pytest.raises(PythonError):
        make_set(set, [value([])], SPAN)


# Iterating ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        ([1, 2], [1, 2]),
        ("ab", ["a", "b"]),
        (b"a", [97]),
        (range(3), [0, 1, 2]),
        ({"a": 1, "b": 2}, ["a", "b"]),
        ({7}, [7]),
        ((), []),
    ],
)
def test_elements(plain: object, expected: list[object]) -> None:
    found = elements(machine(), value(plain))
    assert isinstance(found, list)
    assert [python(each) for each in found] == expected


def test_the_order_of_a_set_is_unknown() -> None:
    assert (
        reason(elements(machine(), value({1, 2}))) == "the order of a set differs from run to run"
    )
    unordered = elements(machine(), value({1, 2}), unordered=True)
    assert isinstance(unordered, list)
    assert {python(each) for each in unordered} == {1, 2}


@pytest.mark.parametrize("plain", [1, 1.5, None])
def test_what_is_not_iterable_raises(plain: object) -> None:
    with pytest.raises(PythonError) as error:
        elements(machine(), value(plain))
    assert error.value.kind is TypeError


def test_a_list_is_read_live_and_an_iterator_once() -> None:
    items = SequenceValue(list, [value(1)])
    source = iterate(machine(), Known(items, SPAN))
    assert python(next(source)) == 1
    items.items.append(value(2))
    assert python(next(source)) == 2
    once = lazy_iterator(iter([value(1)]), "iterator", SPAN)
    assert elements(machine(), once) == [value(1)]
    assert elements(machine(), once) == []


def test_a_dict_that_changes_its_size_raises() -> None:
    mapping = DictValue({"a": (value("a"), value(1)), "b": (value("b"), value(2))})
    source = iterate(machine(), Known(mapping, SPAN))
    next(source)
    del mapping.entries["b"]
    with pytest.raises(PythonError) as error:
        next(source)
    assert error.value.kind is RuntimeError


def test_after_a_branch_that_may_not_run_an_iterator_is_unknown() -> None:
    evaluating = machine()
    once = lazy_iterator(iter([value(1), value(2)]), "iterator", SPAN)
    with evaluating.uncertain(UNKNOWN):
        next(iterate(evaluating, once))
    with pytest.raises(IterationUnknown):
        next(iterate(evaluating, once))

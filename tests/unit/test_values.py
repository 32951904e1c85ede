"""Values: which are concrete, why others are not, and what they carry."""

from __future__ import annotations

from enum import Enum

import pytest

from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import (
    DictValue,
    Known,
    NotConcrete,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
    ViewValue,
    concrete,
    is_none,
    lift,
    no_member,
    variables_of,
)
from flashc_core.source import Span
from flashc_ir.resources import EnvironmentReference, Text
from tests.support.values import SPAN, UNKNOWN, VARIABLE, value


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    "plain",
    [
        None,
        True,
        1,
        1.5,
        2j,
        "text",
        b"bytes",
        ...,
        range(3),
        slice(1, 2),
        Colour.RED,
        [1, "a"],
        (1, (2, 3)),
        {1, 2},
        frozenset({1}),
        {"a": [1], 2: {}},
    ],
)
def test_a_lifted_object_is_concrete_again(plain: object) -> None:
    found = concrete(lift(plain, SPAN), unordered=True)
    assert found == plain
    assert type(found) is type(plain)


def nested(depth: int) -> Value:
    found = value(1)
    for _ in range(depth):
        found = Known(SequenceValue(list, [found]), SPAN)
    return found


def containing_itself() -> Value:
    items = SequenceValue(list, [])
    items.items.append(Known(items, SPAN))
    return Known(items, SPAN)


ESCAPED = Known(DictValue({}, UNKNOWN), SPAN)


@pytest.mark.parametrize(
    ("not_concrete", "reason"),
    [
        (UNKNOWN, "nobody knows"),
        (value([1, UNKNOWN]), "nobody knows"),
        (value({"a": {"b": UNKNOWN}}), "nobody knows"),
        (ESCAPED, "nobody knows"),
        (value([ESCAPED]), "nobody knows"),
        (value({1, 2}), "the order of a set differs from run to run"),
        (nested(100), "it is too large"),
        (containing_itself(), "it is too large"),
    ],
)
def test_the_part_that_is_not_concrete_says_why(not_concrete: Value, reason: str) -> None:
    with pytest.raises(NotConcrete) as problem:
        concrete(not_concrete)
    assert isinstance(problem.value.part, Unknown)
    assert problem.value.part.reason == reason


def test_a_reference_to_a_variable_is_not_concrete() -> None:
    with pytest.raises(NotConcrete) as problem:
        concrete(value(["a", VARIABLE]))
    assert problem.value.part is VARIABLE


@pytest.mark.parametrize(("members", "disordered"), [(set(), False), ({1}, False), ({1, 2}, True)])
def test_the_order_of_small_sets_is_known(members: set[int], disordered: bool) -> None:
    found = value(members)
    assert isinstance(found, Known)
    assert isinstance(found.value, SequenceValue)
    assert found.value.is_disordered is disordered


def test_a_view_sees_later_changes() -> None:
    mapping = DictValue({"a": (value("a"), value(1))})
    views = {
        "keys": ViewValue(mapping, "keys"),
        "values": ViewValue(mapping, "values"),
        "items": ViewValue(mapping, "items"),
    }
    mapping.entries["b"] = (value("b"), value(2))
    found = {name: [concrete(member) for member in view.members()] for name, view in views.items()}
    assert found == {"keys": ["a", "b"], "values": [1, 2], "items": [("a", 1), ("b", 2)]}


def test_variables_travel_with_the_elements() -> None:
    secret = Known("s3cret", SPAN, frozenset({"KEY"}))
    reference = Symbolic((Text("a"), EnvironmentReference("HOST")), SPAN)
    assert variables_of(value([1, {"a": secret}])) == {"KEY"}
    assert variables_of(value((secret, reference))) == {"KEY", "HOST"}
    assert variables_of(UNKNOWN, value("plain")) == set()
    assert variables_of(containing_itself()) == set()


def test_an_unknown_keeps_the_first_names_that_passed_it_on() -> None:
    found = UNKNOWN
    for number in range(6):
        found = found.assigned_to(f"name{number}", Span("m.py", number + 1, 1, number + 1, 2))
    assert [name for name, _ in found.through] == ["name0", "name1", "name2", "name3"]
    assert found.assigned_to("name0", Span("m.py", 1, 1, 1, 2)) is found


@pytest.mark.parametrize(
    ("path", "name", "joined"),
    [
        (".", "data.json", "data.json"),
        ("src", "data/x.json", "src/data/x.json"),
        ("src", "../x.json", "x.json"),
        ("src", "./x.json", "src/x.json"),
        (".", "..", None),
        ("src", "../../x", None),
        ("src", "/etc/passwd", None),
    ],
)
def test_a_path_stays_inside_the_project(path: str, name: str, joined: str | None) -> None:
    found = ProjectPath(path).joined(name)
    assert (None if found is None else found.path) == joined


def test_a_missing_member_names_those_that_exist() -> None:
    found = no_member(Colour, "GREEN", SPAN)
    assert found.reason == "`Colour` has no member `GREEN`"
    assert found.member == ("GREEN", ("RED",))


def test_only_none_is_none() -> None:
    assert is_none(value(None))
    others: list[object] = [0, "", [], UNKNOWN, VARIABLE]
    assert not any(is_none(value(other)) for other in others)


@pytest.mark.parametrize("plain", [[], (), {}, set(), frozenset(), [[]], {"a": []}, 1])
def test_a_lifted_object_carries_the_variables_it_was_computed_from(plain: object) -> None:
    assert variables_of(lift(plain, SPAN, frozenset({"X"}))) == {"X"}


def test_an_unknown_value_carries_the_variables_it_was_computed_from() -> None:
    unknown = Unknown(reason="a run computed it", origin=SPAN, computed=frozenset({"X"}))
    assert variables_of(unknown) == {"X"}
    assert variables_of(Known(SequenceValue(list, [unknown]), SPAN)) == {"X"}

"""The variables of a build record what was asked of them: the cache compares nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flashc.project.environment import BuildEnvironment

GIVEN = {"A": "1", "B": "2"}


QUESTIONS: list[tuple[Callable[[BuildEnvironment], object], set[str]]] = [
    (lambda variables: variables["A"], {"A"}),
    (lambda variables: variables.get("C"), {"C"}),
    (lambda variables: "B" in variables, {"B"}),
    (list, {"A", "B"}),
    (len, {"A", "B"}),
    (bool, {"A", "B"}),
    (dict, {"A", "B"}),
]


@pytest.mark.parametrize(("ask", "asked"), QUESTIONS)
def test_every_question_is_recorded(
    ask: Callable[[BuildEnvironment], object], asked: set[str]
) -> None:
    variables = BuildEnvironment(GIVEN)
    ask(variables)
    assert variables.asked == asked
    assert variables.recording().asked == set()

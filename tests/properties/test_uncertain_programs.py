"""The law of what is not known: whatever code outside of the project answers, `Known` is what Python computes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from flashc.evaluator.values import Known, NotConcrete, Value, concrete
from tests.properties.test_constants import evaluated, is_plain, shown
from tests.support.profiles import examples
from tests.support.uncertain_programs import uncertain_programs

_MOST_CALLS = 60


class _TooLong(BaseException):
    """The program asks too often: it may have no end."""


@contextmanager
def answering(answers: list[bool]) -> Iterator[None]:
    """Provide the module `lib`, whose answers are these, again and again."""
    lib: Any = ModuleType("lib")
    asked = 0

    def flag() -> bool:
        nonlocal asked
        asked += 1
        if asked > _MOST_CALLS:
            raise _TooLong
        return answers[asked % len(answers)]

    def numbers() -> list[int]:
        return [7] * (1 + flag() + flag())

    lib.flag, lib.numbers = flag, numbers
    sys.modules["lib"] = lib
    try:
        yield
    finally:
        del sys.modules["lib"]


def computed(text: str, answers: list[bool]) -> dict[str, Any] | None:
    """Return the names that Python computes if the questions have these answers; None if it raises."""
    names: dict[str, Any] = {"__name__": "m"}
    with answering(answers):
        try:
            exec(compile(text, "m.py", "exec", dont_inherit=True), names)
        # Whatever a generated program raises, it computes nothing then.
        except (Exception, _TooLong):
            return None
    return names


ANSWERS = (
    [True],
    [False],
    [True, False],
    [False, False, True],
    [True, True, False],
    [False, True, True, False],
)


def check(text: str, more: list[bool]) -> None:
    runs = [(answers, computed(text, answers)) for answers in (*ANSWERS, more)]
    ended = [(answers, names) for answers, names in runs if names is not None]
    event(f"Python ends {min(len(ended), 3)} times")
    if not ended:
        return
    machine = evaluated(text)
    failed = {name: str(error) for name, error in machine.failed.items()}
    assert not failed, f"{text}\nPython does not raise: {failed}"
    assert not machine.stopped, f"{text}\nflashc does not find its end"
    for name, value in machine.frames["m"].names.items():
        found = plain(value)
        if found is ... or name.startswith("__"):
            continue
        for answers, names in ended:
            assert name in names, f"{text}\n{answers}: {name} is not bound"
            right = names[name]
            assert shown(found) == shown(right), (
                f"{text}\n{answers}: {name} = {right!r}, not {found!r}"
            )


def plain(value: Value) -> object:
    """Return the constant that a value is known to be; `...` if it is none."""
    if not isinstance(value, Known):
        return ...
    try:
        found = concrete(value, unordered=True)
    except NotConcrete:
        return ...
    return found if is_plain(found) else ...


@given(uncertain_programs(), st.lists(st.booleans(), min_size=5, max_size=20))
@settings(
    max_examples=examples(400),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_known_is_what_python_computes_whatever_the_answers(text: str, more: list[bool]) -> None:
    check(text, more)

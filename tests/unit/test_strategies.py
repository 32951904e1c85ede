"""The strategies of the property tests: every template gives valid Python, and failures shrink."""

from __future__ import annotations

import ast
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, find, settings
from hypothesis import strategies as st

from tests.support.constant_expressions import EXPRESSIONS
from tests.support.constant_programs import TABLES, ConstantProgram, constant_programs

# They run the same code hundreds of times, which measuring makes three times slower.
pytestmark = pytest.mark.no_cover

FEW = settings(database=None, suppress_health_check=list(HealthCheck), max_examples=1000)
SIMPLEST = settings(FEW, phases=[Phase.generate], max_examples=1)
# Something of every type, for the templates that change a name which exists.
_BOUND = {"int": "1", "str": "'a'", "ints": "[1]", "strs": "['a']", "table": "{'a': 1}"}
_BOUND |= {"set": "{1}", "bool": "True", "float": "0.5", "pair": "('a', 1)"}


@st.composite
def programs_of(draw: st.DrawFn, template: str) -> str:
    """A program with this statement, its holes filled with anything."""
    program = ConstantProgram(draw, EXPRESSIONS)
    for kind, text in _BOUND.items():
        name = program.fresh()
        program.line(f"{name} = {text}")
        program.bind(kind, name)
    program.statement(template, 1)
    return program.text()


STATEMENTS = [
    (family, template) for family, table in TABLES.items() for template in dict.fromkeys(table)
]
EXPRESSION_FORMS = [(kind, form) for kind, forms in EXPRESSIONS.forms.items() for form in forms]


@pytest.mark.parametrize(("family", "template"), STATEMENTS)
def test_a_statement_is_valid_and_all_but_the_odd_ones_run(family: str, template: str) -> None:
    text = find(programs_of(template), lambda _: True, settings=SIMPLEST)
    code = compile(text, "program.py", "exec", dont_inherit=True)
    if family != "odd":
        exec(code, {"__name__": "program"})


@pytest.mark.parametrize(("kind", "form"), EXPRESSION_FORMS)
def test_an_expression_has_a_value(kind: str, form: str) -> None:
    text = find(programs_of(f"<$a> = {form}"), lambda _: True, settings=SIMPLEST)
    ast.parse(text)
    exec(compile(text, "program.py", "exec", dont_inherit=True), {"__name__": "program"})


@pytest.mark.parametrize("words", [("min(",), ("nonlocal", " for ")])
def test_a_failure_shrinks_to_few_lines(words: tuple[str, ...]) -> None:
    def fails(text: str) -> bool:
        return all(word in text for word in words)

    # How far it shrinks depends on where it starts: the start is always the same.
    text = find(constant_programs(wild=False), fails, settings=FEW, random=Random(0))
    assert len(text.splitlines()) <= 20, text

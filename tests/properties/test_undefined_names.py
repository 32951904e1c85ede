"""A name is called missing exactly if Python's import of the module raises NameError for it."""

from __future__ import annotations

import textwrap

from hypothesis import assume, given
from hypothesis import strategies as st

from flashc.syntax.host import Refusal, compile_text
from flashc.syntax.undefined import name_facts

NAMES = ("aa", "bb", "cc", "len", "os")
# Statements that are always executed to their end, unless a name is missing.
PLAIN = (
    "{0} = {1}",
    "{0} = [{1}, {2}]",
    "{0}: {1} = {2}",
    "{0}: {1}",
    "import os as {0}",
    "from os import path as {0}",
    "def {0}(x={1}, *y: {2}): return {2}",
    "def {0}() -> {1}: return {2}",
    "{0} = lambda x={1}: {2}",
    "class {0}:\n    {1} = {2}\n    {2} = {0}",
    "class {0}:\n    x: {1} = 1\n    def f(self, y={2}): return {0}",
    "({0} := {1})",
    "{0} = [{1} for {1} in [{2}]]",
    "{0} = f'{{{1}!r}}'",
    "{0}, (*bb, {1}) = {2}, (1, 2)",
    "x = ({1}, {2})",
)
OTHERS = (
    "with __import__('contextlib').nullcontext({1}) as {0}: {2}",
    "{0} = {{x: {1} for x in [1]}}",
    "if {1}: {0} = {2}\nelse: {2} = {0}",
    "for {0} in [{1}]: {2}",
    "for {0} in []: {1}",
    "while {0}:\n    {1}\n    break",
    "try: {0}\nexcept NameError: {1} = {2}",
    "try: {0}\nexcept KeyError: {1} = {2}",
    "try: {0} = {1}\nfinally: {2} = 1",
    "del {0}",
    "{0} = {1} and {2}",
    "{0} = {1} if {2} else {0}",
    "def {0}():\n    global {1}\n    {1} = {2}\n{0}()",
    "match {0}:\n    case [{1}, *{2}]: {1}\n    case {1}: {2}",
    "if __name__ == '__main__': {0}",
    "global {0}\n{0} = {1}",
)
LOADED = st.sampled_from(NAMES)


def _modules(templates: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Modules of a few statements, some of them in classes."""
    statement = st.builds(str.format, st.sampled_from(templates), LOADED, LOADED, LOADED)
    inner = st.builds(
        lambda name, body: f"class {name}:\n{textwrap.indent(body, '    ')}",
        LOADED,
        st.lists(statement, min_size=1, max_size=2).map("\n".join),
    )
    return st.lists(statement | inner, max_size=6).map("\n".join).map("{}\n".format)


def _missing(text: str) -> str | None:
    """The name for which running a module raises NameError; None if it is imported."""
    try:
        exec(
            compile(text, "m", "exec", dont_inherit=True),
            {"__name__": "m", "__builtins__": {**vars(__import__("builtins"))}},
        )
    except NameError as error:
        return error.name
    except Exception:  # another mistake of the module, before a missing name
        assume(False)
    return None


def _certain(text: str) -> set[str]:
    """The names that flashc calls missing at the import of a module."""
    code = compile_text(text)
    assume(not isinstance(code, Refusal))
    assert not isinstance(code, Refusal)
    return {each.name for each in name_facts(text, "m.py", code).undefined if each.is_certain}


@given(_modules(PLAIN))
def test_in_plain_code_every_missing_name_is_found(text: str) -> None:
    certain = _certain(text)
    missing = _missing(text)
    assert (missing in certain) if missing is not None else not certain


@given(_modules((*PLAIN, *OTHERS)))
def test_a_name_that_is_called_missing_is_missing(text: str) -> None:
    certain = _certain(text)
    assert not certain or _missing(text) is not None

"""What the text of one module says of its names."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from flashc.syntax.names import collect_names
from flashc.syntax.parse import parse
from flashc.syntax.problems import NestedTooDeeply
from flashc_ir.modules import Module, Origin


class Index:
    """A project with the modules `gpu` and `pkg.helpers`."""

    def has(self, name: str) -> bool:
        return name in ("gpu", "pkg", "pkg.helpers")

    def origin(self, name: str, members: Iterable[str] = ()) -> Origin:
        return Origin.PROJECT if name.split(".")[0] in ("gpu", "pkg") else Origin.EXTERNAL


def names_of(text: str) -> Module:
    return collect_names(parse("app.py", "app", False, text), Index())


@pytest.mark.parametrize(
    ("text", "exports"),
    [
        ("x = 1", None),
        ("__all__ = ['a', 'b']", ("a", "b")),
        ("__all__ = ('a',)", ("a",)),
        ("__all__ = []", ()),
        ("__all__ = ['a'] + more", None),
        ("__all__ = [name]", None),
        ("def f():\n    __all__ = ['a']", None),
        ("__all__ = ['a']\n__all__ = compute()", ("a",)),
    ],
)
def test_exports_are_the_literal_value_of_dunder_all(
    text: str, exports: tuple[str, ...] | None
) -> None:
    assert names_of(text).exports == exports


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("from gpu import run", "gpu.run"),
        ("import pkg.helpers as h\nrun = h.run", "pkg.helpers.run"),
        ("import importlib\nrun = importlib.import_module('gpu').run", "gpu.run"),
        ("def run(): ...", "app.run"),
        ("run = 1", None),
        ("from gpu import Model\nrun = Model()", None),
        ("match x:\n    case [run, *rest]: ...", None),
    ],
)
def test_a_binding_resolves_to_what_the_text_says(text: str, target: str | None) -> None:
    (binding,) = (item for item in names_of(text).bindings if item.name == "run")
    assert binding.target == target


@pytest.mark.parametrize(
    "text",
    ["run = 1", "(run, [*others]) = x", "for run in x: ...", "with x as run: ...", "(run := 1)"],
)
def test_every_kind_of_target_binds_its_names(text: str) -> None:
    assert "run" in {item.name for item in names_of(text).bindings}


@pytest.mark.parametrize(
    ("text", "is_unique", "line"),
    [
        ("with x as run: ...", True, 1),
        ("for run in x: ...", True, 1),
        ("try: ...\nexcept ValueError as run: ...", True, 2),
        ("try: ...\nexcept* ValueError as run: ...", True, 2),
        ("try: ...\nexcept ValueError as run:\n    run = 1", False, 2),
        ("try: ...\nexcept ValueError as run: ...\nexcept TypeError as run: ...", False, 2),
        ("run = [run for run in x]", True, 1),
        ("run = 1\nfor other in x:\n    run = 2", False, 1),
    ],
)
def test_a_statement_binds_its_name_once(text: str, is_unique: bool, line: int) -> None:
    (binding,) = (item for item in names_of(text).bindings if item.name == "run")
    assert (binding.unique, binding.span.line) == (is_unique, line)


def test_code_that_is_nested_too_deeply_is_an_error_of_its_own() -> None:
    with pytest.raises(NestedTooDeeply):
        parse("app.py", "app", False, f"x = {'(' * 5000}1{')' * 5000}")


@pytest.mark.parametrize("call", ["db.execute('text').fetchall()", "db.execute('text').rows"])
def test_a_call_between_an_instance_and_a_member_has_spans(call: str) -> None:
    module = names_of(f"from gpu import Database\ndb = Database()\ndef f():\n    {call}\n")
    (reference,) = (item for item in module.references if item.member == "execute")
    assert reference.member_shape is not None
    (constant,) = reference.member_shape.constants
    assert constant.span is not None
    assert constant.span.column == 5 + call.index("'")

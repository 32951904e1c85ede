"""A value that code outside the project may have changed is not known, however the code gets the value."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest

from flashc.evaluator.values import Unknown, concrete
from tests.properties.test_constants import evaluated, part_unknown

_HEAD = """
from types import SimpleNamespace
import functools, itertools
from omegaconf import OmegaConf
import outside
class Thing:
    def __init__(self):
        self.deps = [1]
        self.number = 1
a = [1]
b = [2]
both = [a, b]
named = {"a": a, "b": b}
thing = Thing()
simple = SimpleNamespace(deps=[1])
c = OmegaConf.create({"deps": [1], "inner": {"deps": [1]}})
"""
_SHOWN = {
    "a": ("a[0]", "len(a)", "both[0][0]", 'len(named["a"])'),
    "thing": ("thing.deps[0]", "len(thing.deps)"),
    "thing.number": ("thing.number",),
    "simple": ("simple.deps[0]", "len(simple.deps)"),
    "c.deps": ("c.deps[0]", "len(c.deps)"),
    "c.inner": ("c.inner.deps[0]", "len(c.inner.deps)"),
}


def change(value: Any) -> None:
    """Change all that a value gives access to."""
    if isinstance(value, dict):
        for item in list(value.values()):
            change(item)
    elif hasattr(value, "insert"):
        for item in list(value):
            change(item)
        value.insert(0, "changed")
    elif hasattr(value, "__iter__") and not isinstance(value, str):
        for item in value:
            change(item)
    elif hasattr(owner := getattr(value, "__self__", None), "insert"):
        change(owner)
    for item in list(getattr(value, "__dict__", {}).values()):
        if isinstance(item, list):
            change(item)


class _Anything:
    """An object outside the project, which changes all that it gets."""

    def __init__(self, *values: object) -> None:
        for value in values:
            change(value)

    def __setattr__(self, name: str, value: object) -> None:
        change(value)

    def __setitem__(self, key: object, value: object) -> None:
        change(value)

    def run(self, *values: object, **named: object) -> object:
        change([*values, *named.values()])
        return self


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer the module `outside`, whose code flashc does not evaluate."""
    module: Any = ModuleType("outside")
    module.f = _Anything().run
    module.anything = _Anything()
    module.Anything = _Anything
    module.yes = lambda *values: True
    module.zero = lambda *values: 0
    module.name = lambda: "a"
    module.same = lambda value: value
    monkeypatch.setitem(sys.modules, "outside", module)


def check(text: str, shown: tuple[str, ...]) -> None:
    """Check that `text` changes what some expressions are, and that flashc knows no other values of them."""
    program = f"{_HEAD}{text}\n" + "".join(f"v{i} = {each}\n" for i, each in enumerate(shown))
    before: dict[str, Any] = {"__name__": "m"}
    exec(compile(_HEAD, "m.py", "exec", dont_inherit=True), before)
    names: dict[str, Any] = {"__name__": "m"}
    exec(compile(f"{_HEAD}{text}\n", "m.py", "exec", dont_inherit=True), names)
    assert any(eval(each, names) != eval(each, before) for each in shown)
    found = evaluated(program).frames["m"].names
    for index, each in enumerate(shown):
        value = found[f"v{index}"]
        assert isinstance(value, Unknown) or concrete(value) == eval(each, names), (text, each)


_PASSED = {
    "a": (
        "a",
        "both",
        "both[0]",
        "both[0:1]",
        'named["a"]',
        "named.values()",
        "named.items()",
        "iter(both)",
        "reversed(both)",
        "zip(both)",
        "enumerate(both)",
        "map(outside.same, both)",
        "filter(None, both)",
        "(x for x in both)",
        "a.append",
        "[{'k': a}]",
        "functools.partial(print, a).args",
        "(a if outside.yes() else b)",
        "(outside.zero() or a)",
        "both[outside.zero()]",
        "named[outside.name()]",
        "named.get(outside.name())",
        "{outside.name(): a}",
        "[*both, *outside.same([])]",
        "both + outside.same([])",
        "[a] * outside.yes()",
        "[x for x in both if outside.yes()]",
    ),
    "thing": ("thing", "thing.deps", "vars(thing)", "thing.__dict__", "getattr(thing, 'deps')"),
    "simple": ("simple", "simple.deps", "simple.__dict__"),
    "c.deps": ("c.deps", 'c["deps"]', 'c.get("deps")', "c.deps.insert", "c.values()"),
    "c.inner": ("c.inner.deps", 'OmegaConf.select(c, "inner.deps")', "c.inner.values()"),
}


@pytest.mark.parametrize("changed", _PASSED)
@pytest.mark.parametrize(
    "call",
    [
        "outside.f({})",
        "outside.f(x={})",
        "outside.f(*[{}])",
        "outside.f(**{{'x': {}}})",
        "outside.anything.run([{}])",
        "outside.Anything({})",
        "outside.anything.x = {}",
        "outside.anything[0] = {}",
        "x = {}\noutside.f(x)",
    ],
)
def test_what_code_outside_the_project_gets_is_unknown(
    changed: str, call: str, outside: None
) -> None:
    for each in _PASSED[changed]:
        check(call.format(each), _SHOWN[changed])


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ("a", "both[outside.zero()].append(9)"),
        ("a", "both[outside.zero()] += [9]"),
        ("a", "x = both[outside.zero()]\nx[0] = 9"),
        ("a", "both[0].append(3)\nx = both[outside.zero()]\ndel x[0]"),
        ("a", "x = b\nif outside.yes():\n    x = a\nx.append(9)"),
        ("a", "def g():\n    if outside.yes():\n        return a\n    return b\ng().append(9)"),
        ("a", "try:\n    x = a\n    outside.yes()\nexcept Exception:\n    x = b\nx.append(9)"),
        ("a", "x, y = both if outside.yes() else (1, 2)\nx.append(9)"),
        ("a", "for x in both[outside.zero():]:\n    x.append(9)"),
        ("a", "for x, in itertools.product(both):\n    x.append(9)"),
        ("a", "x = {}\nx[outside.name()] = a\nx['a'].append(9)"),
        ("a", "x = [0]\nx[outside.zero()] = a\noutside.f(x)"),
        ("a", "x = [a]\nx.extend(outside.same([]))\noutside.f(*x)"),
        ("a", "x = {'k': a}\nif outside.yes():\n    x['l'] = b\noutside.f(**x)"),
        ("a", "if outside.yes():\n    thing.deps = a\nthing.deps.append(9)"),
        ("a", "x = SimpleNamespace(y=b)\nif outside.yes():\n    x.y = a\noutside.f(x)"),
        ("a", "a.__setitem__(0, 5)\na.__iadd__([2])"),
        ("a", "exec('a.append(9)')"),
        ("a", "globals()['a'].append(9)"),
        ("a", "@outside.same\ndef g(z=a):\n    z.append(9)\ng()"),
        ("thing.number", "thing.__dict__['number'] = 4"),
        ("thing.number", "x = vars(thing)\nx['number'] = 4"),
        ("thing.number", "thing.__setattr__('number', 4)"),
    ],
)
def test_a_change_of_what_may_be_the_value_makes_it_unknown(
    changed: str, text: str, outside: None
) -> None:
    check(text, _SHOWN[changed][:2])


@pytest.mark.parametrize(
    "text",
    [
        "x = a if outside.yes() else b",
        "x = both[outside.zero()]",
        "x = a + outside.same([])",
        "x = thing.absent",
        "outside.f(a[:])",
        "outside.f(named.keys())",
        "outside.f(len(a), c.deps[0])",
    ],
)
def test_what_only_reads_leaves_the_values_known(text: str, outside: None) -> None:
    shown = [each for group in _SHOWN.values() for each in group]
    program = f"{_HEAD}{text}\n" + "".join(f"v{i} = {each}\n" for i, each in enumerate(shown))
    found = evaluated(program).frames["m"].names
    assert all(part_unknown(found[f"v{index}"]) is None for index in range(len(shown)))


@pytest.mark.parametrize(
    "change",
    [
        "rows[0] = 5",
        "rows[3] = 5",
        "rows[1:2] = [5]",
        "rows[0] += 5",
        "del rows[0]",
        "del rows[0:1]",
        'table["b"] = 3',
        'table["b"] += 3',
        'del table["b"]',
        "rows.pop()",
        'table.pop("b")',
        'rows.remove("b")',
    ],
)
def test_a_change_of_what_a_branch_may_have_added_does_not_raise(change: str) -> None:
    text = (
        "import os\nrows, table = [], {}\n"
        "if os.path.exists('/data'):\n    rows.append('b')\n    table['b'] = 1\n"
        f"else:\n    rows.append('b')\n    table['b'] = 2\n{change}\nshown = (len(rows), len(table))\nend = 1\n"
    )
    names = evaluated(text).frames["m"].names
    assert concrete(names["end"]) == 1
    assert part_unknown(names["shown"])

"""Flags and lists of configurations of OmegaConf act as in OmegaConf; what flashc does not know is unknown."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import DictConfig, ListConfig, OmegaConf

from flashc.evaluator.values import Known, Unknown, concrete
from tests.properties.test_constants import evaluated, part_unknown

_HEAD = """
from omegaconf import OmegaConf, flag_override, open_dict, read_write
c = OmegaConf.create({
    "a": 1, "r": "${a}", "deps": ["x", "y"], "same": "${deps}", "t": ["${a}", 2],
    "m": {"p": 1, "q": [1, 2, {"z": 3}]},
})
"""
_UNSET = object()


def computed(text: str) -> object:
    """Return the name `v` that Python and OmegaConf compute; `_UNSET` if they raise."""
    names: dict[str, Any] = {"__name__": "m"}
    try:
        exec(compile(text, "m.py", "exec", dont_inherit=True), names)
    except Exception:  # whatever OmegaConf raises, the program computes nothing then
        return _UNSET
    value = names["v"]
    is_config = isinstance(value, (DictConfig, ListConfig))
    return OmegaConf.to_container(value, resolve=True) if is_config else value


def agrees(text: str) -> bool:
    """Check that flashc knows no other `v` than OmegaConf computes, and return whether it knows `v`."""
    machine = evaluated(_HEAD + text + "\n")
    expected = computed(_HEAD + text + "\n")
    found = machine.frames["m"].names.get("v")
    assert (not machine.failed) or expected is _UNSET, text
    if found is None or part_unknown(found) is not None:
        return False
    value = concrete(found, unordered=True)
    assert (value, type(value)) == (expected, type(expected)), text
    return True


_FORBIDDEN = (
    "OmegaConf.set_readonly(c, True)\nc.a = 2",
    "OmegaConf.set_readonly(c, True)\nc['new'] = 2",
    "OmegaConf.set_readonly(c, True)\nc.m.p = 2",
    "OmegaConf.set_readonly(c.m, True)\nc.m.p = 2",
    "OmegaConf.set_readonly(conf=c, value=True)\nsetattr(c, 'a', 2)",
    "OmegaConf.set_struct(c, True)\nc.new = 2",
    "OmegaConf.set_struct(c, True)\nc['new'] = 2",
    "OmegaConf.set_struct(c, True)\nc.m.new = 2",
)


@pytest.mark.parametrize("text", _FORBIDDEN)
def test_an_assignment_that_a_flag_forbids_raises(text: str) -> None:
    assert computed(f"{_HEAD}{text}\nv = 1") is _UNSET
    assert evaluated(f"{_HEAD}{text}\n").failed
    first, second = text.split("\n")
    assert agrees(f"{first}\ntry:\n    {second}\n    v = 1\nexcept Exception:\n    v = 2")


@pytest.mark.parametrize(
    "text",
    [
        "OmegaConf.set_readonly(c, True)\nOmegaConf.set_readonly(c, False)\nc.a = 2\nv = c.r",
        "OmegaConf.set_readonly(c, True)\nOmegaConf.set_readonly(c, None)\nc.a = 2\nv = c.r",
        "OmegaConf.set_readonly(c, True)\nOmegaConf.set_readonly(c.m, False)\nc.m.p = 2\nv = c.m.p",
        "OmegaConf.set_readonly(c.m, True)\nc.a = 2\nv = c.r",
        "OmegaConf.set_readonly(c.m, True)\nc.m = {'p': 3}\nc.m.p = 4\nv = c.m.p",
        "OmegaConf.set_readonly(c, True)\nv = OmegaConf.merge(c, {'a': 3}).r",
        "OmegaConf.set_struct(c, True)\nc.a = 2\nv = c.r",
        "v = OmegaConf.set_struct(c, True)",
        "c.deps = c.deps + ['z']\nv = list(c.deps)",
        "d = OmegaConf.create(c)\nc.a = 5\nv = d.r",
        "x = c.deps\nc.deps = ['n']\nv = list(x)",
        "x = c.deps\nc.a = 5\nv = x[0]",
    ],
)
def test_what_flags_allow_is_known(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{text}\nv = {shown}"
        for shown in ("list(c.deps)", "c.deps[0]", "len(x)", "c.m.q[0]")
        for text in (
            "x = c.deps\nc.deps += ['z']",
            "x = c.deps\nx += ['z']",
            "x = c.deps\nx[0] = 'z'",
            "x = c.deps\ndel c.deps[0]",
            "x = c.same\nc.deps.append('z')",
            "x = c.deps\nc.deps[0:1] = ['q', 'r', 's']",
            "x = c.m.q\nc.m.q[0] += 1",
            "x = c.t\nc.a = 7",
        )
    ]
    + [
        "x = c.m\nc.m = {'p': 2}\nv = x.p",
        "x = c.m\nc.m = {'p': 2}\nx.p = 3\nv = c.m.p",
        "del c.a\nv = 'a' in c",
        "x = c.m.q[2]\nc.m.q = [1]\nv = x.z",
        "OmegaConf.set_readonly(c, True)\nd = OmegaConf.merge(c, {'a': 3})\nd.a = 4\nv = d.a",
        "OmegaConf.set_struct(c, True)\nd = OmegaConf.merge(c, {'b': 3})\nv = d.a",
        "OmegaConf.set_readonly(c, True)\nd = OmegaConf.create(c)\nd.a = 4\nv = d.a",
        "OmegaConf.set_readonly(c, True)\nx = c.deps + ['z']\nv = list(x)",
        "OmegaConf.set_struct(c, True)\nwith open_dict(c):\n    c.new = 1\nv = c.new",
        "OmegaConf.set_readonly(c, True)\nwith read_write(c):\n    c.a = 3\nv = c.a",
        "with flag_override(c, 'readonly', True):\n    c.a = 3\nv = c.a",
        "x = ['q']\ny = x\nx += c.deps\nv = len(y)",
        "x = ('q',)\nx += c.deps\nv = len(x)",
        "v = c.same is c.deps",
    ],
)
def test_changes_of_configurations_leave_no_wrong_value(text: str) -> None:
    agrees(text)


@pytest.mark.parametrize(
    "text",
    [
        "c.deps == ['x', 'y'], ['x', 'y'] == c.deps, c.deps == ('x', 'y'), c.deps != ['x']",
        "c.deps == c.same, c.t == [1, 2], c.deps[:] == c.deps",
        "'x' in c.deps, 'q' in c.deps, 1 in c.t, 3 not in c.t",
        "list(c.deps + ['z']), (c.deps + ('z',))[2], len(c.deps + c.t)",
        "list(c.t + [3]), [*c.deps, 'z'], list(c.deps) + ['z'], tuple(c.deps) + ('z',)",
        "c.deps[0:1], c.deps[::-1], c.t[:], c.deps[-1], sorted(c.deps), sum(c.t), max(c.deps)",
        "', '.join(c.deps), c.deps.count('x'), c.deps.index('y'), bool(c.deps), len(c.deps)",
        "dict(zip(c.deps, c.t)), set(c.deps) | {'z'}, [x for x in c.t], list(reversed(c.deps))",
    ],
)
def test_lists_of_configurations_have_the_operators_of_omegaconf(text: str) -> None:
    assert agrees(f"v = {text}")


@pytest.mark.parametrize(
    "text",
    [
        "['z'] + c.deps",
        "c.deps * 2",
        "c.deps < ['z']",
        "str(c.t)",
        "f'{c.t}'",
        "isinstance(c.deps + ['z'], list)",
        "c.m.q == [1, 2, {'z': 3}]",
        "__import__('copy').copy(c.deps)",
        "__import__('json').dumps([c.deps])",
        "[c.deps] == [('x', 'y')]",
    ],
)
def test_operators_of_which_flashc_does_not_know_the_result_are_unknown(text: str) -> None:
    found = evaluated(f"{_HEAD}v = {text}\n").frames["m"].names["v"]
    assert isinstance(found, Unknown)


def test_a_sum_of_lists_is_a_configuration() -> None:
    found = evaluated(f"{_HEAD}v = c.deps + ['z']\n").frames["m"].names["v"]
    assert isinstance(found, Known)
    assert part_unknown(found) is not None  # it is no `list`


@pytest.mark.parametrize(
    ("data", "shown", "expected"),
    [
        ({"a": 1, "b": "${.a}"}, "c.b", 1),
        ({"a": 1, "b": "${..a}"}, "c.b", None),
        ({"a": 1, "m": {"a": 2, "b": "${..a}"}}, "c.m.b", 1),
        ({"a": 1, "m": {"a": 2, "b": "${...a}"}}, "c.m.b", None),
        ({"a": 1, "m": [3, "${...a}"]}, "c.m[1]", None),
    ],
)
def test_a_reference_that_leaves_the_configuration_is_unknown(
    data: dict[str, Any], shown: str, expected: int | None
) -> None:
    text = f"from omegaconf import OmegaConf\nc = OmegaConf.create({data!r})\nv = {shown}\n"
    found = evaluated(text).frames["m"].names["v"]
    if expected is None:
        assert computed(text) is _UNSET
        assert isinstance(found, Unknown)
    else:
        assert computed(text) == concrete(found) == expected

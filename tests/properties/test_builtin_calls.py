"""Calls of builtin functions and methods with right and wrong arguments do what they do in Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product

import pytest

from flashc.evaluator.values import Known, Unknown, concrete
from tests.properties.test_constants import computed, evaluated, is_plain, part_unknown, shown
from tests.support.interpreters import worker_pythons

_FUNCTIONS = (
    *("len", "any", "all", "sum", "min", "max", "sorted", "list", "tuple", "set", "frozenset"),
    *("dict", "zip", "map", "filter", "enumerate", "reversed", "iter", "next", "getattr"),
    *("hasattr", "setattr", "isinstance", "callable", "type", "pow", "bool", "globals", "print"),
    *("int", "str", "abs", "round", "range", "divmod", "ValueError", "ImportError", "KeyError"),
)
_METHODS = (
    *("[2, 1].sort", "[2, 1].reverse", "[1].append", "[1].count", "[1].copy", "[1].clear"),
    *("[1].pop", "[1].insert", "[1].extend", "[1].index", "(1,).count", "{1}.add", "{1}.pop"),
    *("{1}.union", "{1}.copy", "{1}.clear", "{'a': 1}.get", "{'a': 1}.pop", "{'a': 1}.keys"),
    *("{'a': 1}.items", "{'a': 1}.copy", "{'a': 1}.clear", "{'a': 1}.popitem", "{}.update"),
    *("{'a': 1}.setdefault", "'a'.upper", "'a b'.split"),
)
_POSITIONAL = ("", "[1]", "[1], [2]", "[1], 2", "[2], 1, 3", "'a', 1", "None, [0, 1]", "1, 2, 3, 4")
_KEYWORDS = (
    *("", "foo=2", "key=None", "default=3", "start=1", "reverse=True", "strict=False"),
    *("iterable=[4]", "start=1, iterable=[4]", "start=1, foo=2", "name='a'", "exp=2", "sep=''"),
    *("key=None, default=3", "file=None", "items=3", "items=3, value=1", "self=1, name='a'"),
)


_TAKING_ANY_KEYWORD = ("dict", "{}.update", "type")


@pytest.mark.parametrize("function", [*_FUNCTIONS, *_METHODS])
def test_calls_do_what_they_do_in_python(function: str) -> None:
    for positional, keywords in product(_POSITIONAL, _KEYWORDS):
        call = f"{function}({', '.join(filter(None, (positional, keywords)))})"
        text = f"v = {call}\nw = list(v) if '__next__' in dir(v) else 0\n"
        expected = computed(text) or computed(f"v = {call}\n")
        machine = evaluated(f"v = {call}\n")
        names = machine.frames["m"].names
        if expected is None:
            ours = names.get("v")
            assert isinstance(ours, Unknown | None), f"Python refuses {call}, not {ours}"
            if "foo=" in keywords and function not in _TAKING_ANY_KEYWORD:
                assert "m" in machine.failed, f"{call} is certain to raise"
            continue
        assert not machine.failed, f"Python does not raise for {call}: {machine.failed}"
        if is_plain(expected["v"]) and part_unknown(names.get("v")) is None:
            found = names["v"]
            assert shown(concrete(found, unordered=True)) == shown(expected["v"]), call


_ANY_NAME = (
    *(
        "items=['a'], name='lunch'",
        "self=1, entries=2",
        "iterable=1",
        "value=1, function=2, func=3",
    ),
    *("a=1", "b=2", "first=1, second=2", "default_factory=3", "kwargs=1, args=2", "cls=1, key=2"),
)
_TAKING_ANY_NAME = (
    *("dict({})", "dict([('b', 5)], {})", "functools.partial(dict, {})()", "json.dumps(dict({}))"),
    *("functools.partial(functools.partial, dict, {})()()", "vars(types.SimpleNamespace({}))"),
    *("f(1, {})", "(lambda a, /, **kw: (a, kw))(1, {})", "f(1, **dict({}))", "Class(1, {}).got"),
    *(
        "Class(1).method(1, {})",
        "functools.partial(f, 1)({})",
        "updated({})",
        "dict({}) | dict({})",
    ),
    *(
        "collections.Counter({})",
        "collections.OrderedDict({})",
        "collections.defaultdict(list, {})",
    ),
)


@pytest.mark.parametrize("form", _TAKING_ANY_NAME)
def test_what_takes_any_keyword_takes_the_names_of_its_positional_parameters(form: str) -> None:
    for keywords in _ANY_NAME:
        call = form.replace("({})", f"({keywords})").replace(" {})", f" {keywords})")
        text = f"""
import collections, functools, json, types
def f(a, /, **kw): return (a, kw)
def updated(**kw):
    found = {{}}
    found.update(**kw)
    dict.update(found, **kw)
    return found
class Class:
    def __init__(self, a, /, **kw): self.got = (a, kw)
    def method(self, a, /, **kw): return (a, kw)
v = {call}
"""
        expected = computed(text)
        assert expected is not None, call
        machine = evaluated(text)
        assert not machine.failed, f"Python does not raise for {call}: {machine.failed}"
        found = machine.frames["m"].names["v"]
        if part_unknown(found) is None and is_plain(expected["v"]):
            assert shown(concrete(found, unordered=True)) == shown(expected["v"]), call


_DIFFERING = (
    *(f"{kind}('x', {{}})" for kind in ("ImportError", "ModuleNotFoundError")),
    *("AttributeError('x', {})", "NameError('x', {})", "UnboundLocalError({})", "ValueError({})"),
    *("OSError('x', {})", "SystemExit({})", "UnicodeDecodeError({})", "KeyError('x', {})"),
    *("'aba'.replace('a', 'b', {})", "str.replace('aba', 'a', 'b', {})", "b'a'.replace({})"),
    *("'a b'.splitlines({})", "b'a'.splitlines({})", "[2, 1].sort({})", "sorted([1], {})"),
    *("base64.b64decode('/a/b', None, {})", "string.capwords({})", "shlex.split({})"),
    *("list(itertools.permutations([1, 2], {}))", "str({})", "bytes('a', {})", "round(1.5, {})"),
    *("pathlib.PurePosixPath('/a/b').relative_to('/a', {})", "int.from_bytes(b'a', {})"),
)
_GIVEN = (
    *("name_from='b'", "name='b'", "path=1", "obj=3", "code=4", "count=1", "keepends='a'", "foo=1"),
    *("keepends=1.5", "keepends=True", "'a'", "1.5", "None", "True", "b'a'", "reverse='a'"),
    *(
        "reverse=True",
        "validate=1",
        "walk_up=True",
        "encoding='utf-8'",
        "s='a b'",
        "byteorder='big'",
    ),
)
_MODULES = "import base64, itertools, pathlib, shlex, string\n"


def test_arguments_that_a_python_of_workers_takes_are_never_refused() -> None:
    calls = [each.replace("{}", given) for each in _DIFFERING for given in _GIVEN]
    program = f"""{_MODULES}
import io, json, sys
calls = json.load(sys.stdin)
sys.stdin = io.StringIO("")
def takes(call):
    try:
        eval(call)
    except Exception:
        return False
    return True
print(json.dumps([takes(call) for call in calls]))
"""
    answers = [
        json.loads(
            subprocess.run(
                [python.path, "-W", "ignore", "-c", program],
                input=json.dumps(calls),
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for python in worker_pythons()
    ]
    for call, taken in zip(calls, zip(*answers, strict=True), strict=True):
        failed = evaluated(f"{_MODULES}v = {call}\n").failed
        assert not (failed and any(taken)), f"{call}: {failed}"
        assert failed or "foo=" not in call or "Error" not in call, call


@pytest.mark.parametrize("text", ["shlex.split(None)", "shlex.split(os.getenv('MISSING'))"])
def test_the_standard_input_of_flashc_is_no_value_of_the_program(text: str) -> None:
    names = evaluated(f"import os, shlex\nv = {text}\n").frames["m"].names
    assert isinstance(names["v"], Unknown)


@pytest.mark.parametrize("call", ["list(items=[1])", "len(value=[1])", "getattr(1, name='real')"])
def test_a_positional_parameter_can_not_be_named(call: str) -> None:
    assert "m" in evaluated(f"v = {call}\n").failed


@pytest.mark.parametrize(
    ("text", "name"),
    [("all(1, 2)", "all()"), ("any(1, 2)", "any()"), ("[1].sort(foo=2)", "list.sort()")],
)
def test_the_function_that_refuses_its_arguments_is_named(text: str, name: str) -> None:
    (error,) = evaluated(f"{text}\n").failed.values()
    assert error.text.startswith(name)


@pytest.mark.parametrize(
    "text",
    [
        "reversed({1})",
        "reversed(frozenset('a'))",
        "reversed(set())",
        "reversed(iter([1]))",
        "{1}[0]",
        "{1}[:1]",
        "{1} + [2]",
        "{1} * 2",
        "next({1})",
        "list(reversed(x for x in [1]))",
    ],
)
def test_sets_of_one_element_have_no_order_either(text: str) -> None:
    assert computed(f"v = {text}\n") is None
    assert not isinstance(evaluated(f"v = {text}\n").frames["m"].names.get("v"), Known)


_PARTIAL = (
    "sorted({frozenset('a'), frozenset('b'), frozenset('c')})",
    "min({frozenset('a'), frozenset('b'), frozenset('c')})",
    "max(frozenset(x) for x in {'a', 'b', 'c'})",
    "sorted({(frozenset('a'), 1), (frozenset('b'), 2), (frozenset('c'), 0)})",
    "sorted([({x}, 1) for x in {'a', 'b', 'c'}])",
    "sorted([{'a'}, {'b'}, {'a', 'b'}])",
    "sorted(['a', 'b'], key=lambda x: {x})",
    "sorted([{'a': 1}.keys(), {'b': 1}.keys()])",
    "sorted([2.0, float('nan'), 1.0])",
    "sorted({'a': 1, 'b': True, 'c': 1.0}[x] for x in {'a', 'b', 'c'})",
    "min({'a': 1, 'b': True, 'c': 1.0}[x] for x in {'a', 'b', 'c'})",
    "set({'a': 1, 'b': True, 'c': 1.0}[x] for x in {'a', 'b', 'c'})",
)


@pytest.mark.parametrize("text", _PARTIAL)
def test_what_has_only_a_partial_order_is_not_sorted(text: str) -> None:
    assert isinstance(evaluated(f"v = {text}\n").frames["m"].names["v"], Unknown)


def test_the_order_of_sets_of_texts_differs_from_run_to_run() -> None:
    shown_by_runs = {
        subprocess.run(
            [sys.executable, "-c", f"print({_PARTIAL[0]})"],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in range(6)
    }
    assert len(shown_by_runs) > 1


def test_the_least_of_tuples_that_can_be_compared_in_some_orders_only_is_unknown() -> None:
    text = (
        "v = 0\ntry:\n    v = min({('b', 'x'), ('b', 2), ('a', 0)})\nexcept TypeError:\n    v = 1\n"
    )
    assert not isinstance(evaluated(text).frames["m"].names["v"], Known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sorted([{1}])", [{1}]),
        ("max({frozenset('a')})", frozenset("a")),
        ("sorted({('a', 1), ('b', 0)})", [("a", 1), ("b", 0)]),
        ("sorted({'b', 'a'})", ["a", "b"]),
        ("sorted([1, True, 1.0])", [1, True, 1.0]),
        ("list(reversed({'a': 1}))", ["a"]),
    ],
)
def test_what_has_one_order_is_sorted(text: str, expected: object) -> None:
    found = evaluated(f"v = {text}\n").frames["m"].names["v"]
    assert part_unknown(found) is None
    assert shown(concrete(found, unordered=True)) == shown(expected)

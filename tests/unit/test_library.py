"""Python's library on values: builtin functions, the standard library, attributes."""

from __future__ import annotations

import pytest

from flashc.evaluator.failures import PythonError
from flashc.evaluator.library.attributes import attribute
from flashc.evaluator.path_values import ProjectPath
from flashc.evaluator.values import (
    External,
    IteratorValue,
    Known,
    SequenceValue,
    Symbolic,
    Unknown,
    Value,
)
from flashc_ir.platform.catalogue import GpuType
from flashc_ir.resources import EnvironmentReference
from tests.support.values import (
    SPAN,
    UNKNOWN,
    VARIABLE,
    arguments,
    call,
    external,
    machine,
    python,
    value,
)

LEN = external("builtins.len")
LOWER = external("builtins.str.lower")


def listed(found: Value) -> object:
    """Return an iterator's elements as a list, other values as they are."""
    if isinstance(found, Known) and isinstance(found.value, IteratorValue):
        return [python(each) for each in found.value.source]
    return python(found)


# Builtin functions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "keywords", "expected"),
    [
        ("len", ["abc"], {}, 3),
        ("len", [[1, 2]], {}, 2),
        ("len", [{"a": UNKNOWN}], {}, 1),
        ("abs", [-3], {}, 3),
        ("sum", [[1, 2, 3]], {}, 6),
        ("sum", [[1, 2], 10], {}, 13),
        ("sum", [[[1], [2]], []], {}, [1, 2]),
        ("min", [[3, 1, 2]], {}, 1),
        ("max", [1, 3, 2], {}, 3),
        ("max", [["a", "ccc", "bb"]], {"key": LEN}, "ccc"),
        ("min", [[]], {"default": 7}, 7),
        ("sorted", [[3, 1, 2]], {}, [1, 2, 3]),
        ("sorted", [["b", "A", "c"]], {"key": LOWER}, ["A", "b", "c"]),
        ("sorted", [["aa", "b", "cc"]], {"key": LEN, "reverse": True}, ["aa", "cc", "b"]),
        ("sorted", [{3, 1, 2}], {}, [1, 2, 3]),
        ("sorted", [{"b": 1, "a": 2}], {}, ["a", "b"]),
        ("any", [[0, 1]], {}, True),
        ("all", [[1, 0, UNKNOWN]], {}, False),
        ("any", [[]], {}, False),
        ("all", [[]], {}, True),
        ("list", ["ab"], {}, ["a", "b"]),
        ("list", [], {}, []),
        ("tuple", [[1, 2]], {}, (1, 2)),
        ("set", [[1, 1, 2]], {}, {1, 2}),
        ("frozenset", [[1]], {}, frozenset({1})),
        ("dict", [[("a", 1)]], {"b": 2}, {"a": 1, "b": 2}),
        ("zip", [[1, 2], "ab"], {}, [(1, "a"), (2, "b")]),
        ("map", [LEN, ["a", "bb"]], {}, [1, 2]),
        ("filter", [None, [0, 1, "", "a"]], {}, [1, "a"]),
        ("filter", [LEN, ["", "a"]], {}, ["a"]),
        ("enumerate", ["ab"], {"start": 1}, [(1, "a"), (2, "b")]),
        ("reversed", [[1, 2, 3]], {}, [3, 2, 1]),
        ("iter", [[1, 2]], {}, [1, 2]),
        ("range", [2, 6, 2], {}, range(2, 6, 2)),
        ("str", [1.5], {}, "1.5"),
        ("int", ["ff", 16], {}, 255),
        ("int", ["12"], {"base": 8}, 10),
        ("float", ["1e3"], {}, 1000.0),
        ("bool", [[]], {}, False),
        ("bytes", ["é", "utf-8"], {}, b"\xc3\xa9"),
        ("round", [2.567, 1], {}, 2.6),
        ("divmod", [7, 2], {}, (3, 1)),
        ("pow", [2, 8], {}, 256),
        ("ord", ["a"], {}, 97),
        ("chr", [97], {}, "a"),
        ("hex", [255], {}, "0xff"),
        ("repr", ["a"], {}, "'a'"),
        ("format", [3.14159, ".2f"], {}, "3.14"),
        ("print", ["hello"], {}, None),
        ("isinstance", [1, external("builtins.int")], {}, True),
        ("isinstance", [True, external("builtins.int")], {}, True),
        ("isinstance", ["a", (external("builtins.int"), external("builtins.str"))], {}, True),
        ("isinstance", [[1], external("builtins.tuple")], {}, False),
        ("callable", [1], {}, False),
    ],
)
def test_builtins(
    name: str, given: list[object], keywords: dict[str, object], expected: object
) -> None:
    found = listed(call(f"builtins.{name}", *given, **keywords))
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "given", "keywords", "kind"),
    [
        ("int", ["x"], {}, ValueError),
        ("len", [5], {}, TypeError),
        ("min", [[]], {}, ValueError),
        ("sorted", [[1, "a"]], {}, TypeError),
        ("sum", [["a"], "b"], {}, TypeError),
        ("next", [Known(IteratorValue(iter(()), "iterator"), SPAN)], {}, StopIteration),
        ("reversed", [{1, 2}], {}, TypeError),
        ("chr", [-1], {}, ValueError),
    ],
)
def test_builtins_that_raise(
    name: str, given: list[object], keywords: dict[str, object], kind: type[Exception]
) -> None:
    with pytest.raises(PythonError) as error:
        call(f"builtins.{name}", *given, **keywords)
    assert error.value.kind is kind


@pytest.mark.parametrize(
    ("name", "given", "reason"),
    [
        ("hash", ["a"], "flashc does not evaluate `hash(...)`"),
        ("open", ["x"], "flashc does not evaluate this `open(...)`"),
        ("zip", [UNKNOWN], "nobody knows"),
        ("sum", [[1, UNKNOWN]], "nobody knows"),
        ("list", [{1, 2}], "the order of a set differs from run to run"),
        ("bytes", [10**9], "it is too large"),
        ("range", [10**12], "it is too large"),
        ("format", [1, ">999999"], "it is too large"),
    ],
)
def test_builtins_that_are_unknown(name: str, given: list[object], reason: str) -> None:
    found = call(f"builtins.{name}", *given)
    assert isinstance(found, Unknown), found
    assert found.reason == reason


def test_next_takes_from_the_iterator() -> None:
    numbers = call("builtins.iter", [1, 2])
    assert [python(call("builtins.next", numbers, None)) for _ in range(3)] == [1, 2, None]


def test_map_calls_its_function_when_it_is_read() -> None:
    found = call("builtins.map", external("builtins.int"), ["1", "x"])
    assert isinstance(found, Known)
    assert isinstance(found.value, IteratorValue)
    assert python(next(found.value.source)) == 1
    with pytest.raises(PythonError):
        next(found.value.source)


def test_a_result_carries_the_variables_that_went_into_it() -> None:
    secret = Known("12", SPAN, frozenset({"KEY"}))
    for found in (call("builtins.int", secret), call("builtins.max", [secret, "1"])):
        assert isinstance(found, Known)
        assert found.variables == {"KEY"}


def test_str_of_a_variable_stays_a_reference() -> None:
    assert call("builtins.str", VARIABLE) is VARIABLE


# The standard library -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "keywords", "expected"),
    [
        ("json.loads", ['{"a": [1, null]}'], {}, {"a": [1, None]}),
        ("json.dumps", [{"a": 1}], {}, '{"a": 1}'),
        ("math.ceil", [1.2], {}, 2),
        ("math.sqrt", [9], {}, 3.0),
        ("math.gcd", [12, 18], {}, 6),
        ("os.path.basename", ["a/b.py"], {}, "b.py"),
        ("os.path.splitext", ["b.tar.gz"], {}, ("b.tar", ".gz")),
        ("textwrap.dedent", ["  a\n  b"], {}, "a\nb"),
        ("itertools.chain", [[1], (2, 3)], {}, [1, 2, 3]),
        ("itertools.product", [[1, 2], "ab"], {}, [(1, "a"), (1, "b"), (2, "a"), (2, "b")]),
        ("itertools.product", [[0, 1]], {"repeat": 2}, [(0, 0), (0, 1), (1, 0), (1, 1)]),
        ("itertools.permutations", [[1, 2]], {}, [(1, 2), (2, 1)]),
        ("copy.copy", [[1]], {}, [1]),
        ("copy.deepcopy", [{"a": [1]}], {}, {"a": [1]}),
        ("builtins.str.upper", ["a"], {}, "A"),
        ("builtins.dict.fromkeys", [["a", "b"], 0], {}, {"a": 0, "b": 0}),
        ("dotenv.load_dotenv", [], {}, None),
    ],
)
def test_standard_library(
    name: str, given: list[object], keywords: dict[str, object], expected: object
) -> None:
    assert listed(call(name, *given, **keywords)) == expected


def test_partial_completes_a_call() -> None:
    found = call("functools.partial", external("builtins.sorted"), key=LEN)
    assert python(machine().call(found, arguments(["bb", "a"], reverse=True))) == ["bb", "a"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["KEY"], Symbolic((EnvironmentReference("KEY"),), SPAN, optional=True)),
        (["KEY", None], Symbolic((EnvironmentReference("KEY"),), SPAN, optional=True)),
        (["KEY", "x"], Symbolic((EnvironmentReference("KEY", "x"),), SPAN)),
        (["KEY", 7], Known(7, SPAN)),
    ],
)
def test_getenv(given: list[object], expected: Value) -> None:
    assert call("os.getenv", *given) == expected


def test_code_outside_the_project_may_change_what_it_gets() -> None:
    items = value([1])
    found = call("lib.change", items)
    assert isinstance(found, Unknown)
    assert found.reason == "`lib.change(...)` is code of a package, which flashc does not run"
    assert isinstance(items, Known)
    assert isinstance(items.value, SequenceValue)
    assert items.value.escaped is not None


@pytest.mark.parametrize(
    ("name", "given", "path"),
    [
        ("pathlib.Path", [Known(ProjectPath("src/a.py", text=True), SPAN)], "src/a.py"),
        ("os.path.dirname", [Known(ProjectPath("src/a.py", text=True), SPAN)], "src"),
        ("os.path.join", [Known(ProjectPath("src"), SPAN), "data", "x"], "src/data/x"),
    ],
)
def test_paths(name: str, given: list[object], path: str) -> None:
    found = call(name, *given)
    assert isinstance(found, Known)
    assert isinstance(found.value, ProjectPath)
    assert found.value.path == path


# Attributes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("receiver", "name", "expected"),
    [
        (3, "real", 3),
        (GpuType.ANY, "name", "ANY"),
        (GpuType.ANY, "value", "any"),
        (external("sys"), "platform", "linux"),
        (external("math"), "pi", 3.141592653589793),
        (Known(ProjectPath("src/a.tar.gz"), SPAN), "suffix", ".gz"),
        (Known(ProjectPath("src/a.py"), SPAN), "stem", "a"),
        (Known(ProjectPath("src/a.py"), SPAN), "name", "a.py"),
        (Known(External("builtins.int"), SPAN), "__name__", "int"),
    ],
)
def test_attributes(receiver: object, name: str, expected: object) -> None:
    assert python(attribute(machine(), value(receiver), name, SPAN)) == expected


def test_a_missing_member_of_an_enum_is_unknown() -> None:
    found = attribute(machine(), Known(GpuType, SPAN), "A1000", SPAN)
    assert isinstance(found, Unknown)
    assert found.member is not None
    assert found.member[0] == "A1000"

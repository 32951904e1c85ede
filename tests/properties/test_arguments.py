"""The law of the wire: what a stub sends and a handler receives is exactly Python's own call."""

from __future__ import annotations

import inspect
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flashc_backends.runtime import jobs
from flashc_backends.runtime.errors import InvalidInput, RemoteError
from flashc_backends.runtime.failures import remote_failure
from flashc_backends.runtime.interface import Interface
from flashc_backends.runtime.values import Misfit, plain

NAMES = ("a", "b", "c", "d", "e")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def functions(draw: st.DrawFn) -> Any:
    """A function of any signature, which returns its arguments."""
    count = draw(st.integers(0, 5))
    positional_only = draw(st.integers(0, count))
    keyword_from = draw(st.integers(positional_only, count))
    star = draw(st.booleans())
    defaults_from = draw(st.integers(0, keyword_from))
    parts: list[str] = []
    for index, name in enumerate(NAMES[:count]):
        if index == keyword_from:
            parts.append("*rest" if star else "*")
        default = (
            f"='{name}'"
            if index >= defaults_from and (index < keyword_from or draw(st.booleans()))
            else ""
        )
        parts.append(name + default)
        if index + 1 == positional_only:
            parts.append("/")
    if keyword_from == count and star:
        parts.append("*rest")
    if draw(st.booleans()):
        parts.append("**more")
    scope: dict[str, Any] = {}
    exec(f"def function({', '.join(parts)}): return dict(locals())", scope)
    return scope["function"]


def function(a: Any = "a", b: Any = "b", /) -> Any:
    """A function whose parameters are given by position only, and need not be given."""
    return dict(locals())


@example(function, [], {"b": None})
@given(
    functions(), st.lists(JSON, max_size=6), st.dictionaries(st.sampled_from([*NAMES, "z"]), JSON)
)
def test_a_call_over_the_wire_is_the_call_itself(
    function: Any, args: list[Any], kwargs: dict[str, Any]
) -> None:
    signature = inspect.signature(function)
    positional_only = {p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_ONLY}
    if "more" in signature.parameters and positional_only & kwargs.keys():
        return  # `**more` may hold a name that a positional-only parameter has: JSON has one object
    try:
        expected = function(*args, **kwargs)
    except TypeError:
        with pytest.raises(TypeError, match=r"function\(\) "):
            Interface(function).payload(tuple(args), kwargs)
        return
    payload = Interface(function).payload(tuple(args), kwargs)
    job = {"input": json.loads(json.dumps(payload)) or {"__empty": True}}
    received = jobs.Call(function)(jobs.job_input(job))
    assert json.loads(json.dumps(received)) == json.loads(json.dumps(expected))


@given(JSON)
def test_what_passes_the_check_survives_json(value: Any) -> None:
    assert plain(value) is value
    assert json.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (object(), "x is a builtins.object"),
        ([1, {"a": {2}}], "x[1]['a'] is a builtins.set"),
        ({1: 2}, "x has the key 1"),
        (math.nan, "x is nan"),
        (b"bytes", "x is a builtins.bytes"),
    ],
)
def test_what_does_not_survive_json_is_named_with_its_place(value: Any, words: str) -> None:
    with pytest.raises(Misfit) as caught:
        plain(value)
    assert words in f"x{caught.value}"


def test_a_value_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(Misfit, match="contains itself"):
        plain(value)


def test_an_input_that_is_no_object_is_refused() -> None:
    for given_input in ([1], "text", 3, True):
        with pytest.raises(InvalidInput, match="object of arguments"):
            jobs.job_input({"input": given_input})
    assert jobs.job_input({"input": None}) == jobs.job_input({}) == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("<class 'ValueError'>", ValueError),
        ("KeyError", KeyError),
        ("<class 'TimeoutError'>", TimeoutError),
        ("<class 'json.decoder.JSONDecodeError'>", json.JSONDecodeError),
        ("UnicodeDecodeError", RemoteError),
        ("<class 'no.such.Thing'>", RemoteError),
        ("<class 'SystemExit'>", RemoteError),
    ],
)
def test_a_remote_exception_keeps_type_message_and_traceback(name: str, kind: type) -> None:
    record = {"error_type": name, "error_message": "what went wrong", "error_traceback": "line 1"}
    error = remote_failure("endpoint", "function", json.dumps(record), "FAILED")
    assert isinstance(error, RemoteError)
    assert isinstance(error, kind)
    assert str(error) == "what went wrong"
    assert (error.endpoint, error.function, error.status) == ("endpoint", "function", "FAILED")
    assert "line 1" in str(error.__cause__)


def test_a_failure_that_is_plain_text_is_the_message() -> None:
    assert str(remote_failure("e", "f", "out of memory", "FAILED")) == "out of memory"

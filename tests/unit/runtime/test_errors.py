"""The exception that a caller sees for the platform's record of a failed job."""

from __future__ import annotations

import json
import sys
import types
from typing import Any

import pytest

from flashc_backends.runtime.errors import (
    EndpointNotFound,
    RemoteError,
    RemoteTimeout,
)
from flashc_backends.runtime.failures import RemoteTraceback, failure, remote_failure


def raised(kind: str, message: str = "text", **more: str) -> RemoteError:
    """The exception for a record with this type."""
    record = {"error_type": kind, "error_message": message, **more}
    return remote_failure("gpu", "infer", record, "FAILED")


def test_the_exception_says_where_it_came_from() -> None:
    error = raised("ValueError", "bad", error_traceback="Traceback: line 1")
    assert (error.endpoint, error.function, error.status) == ("gpu", "infer", "FAILED")
    assert (error.remote_type, str(error)) == ("ValueError", "bad")
    assert error.remote_traceback == "Traceback: line 1"
    assert isinstance(error.__cause__, RemoteTraceback)
    assert str(error.__cause__) == "\nTraceback: line 1"
    assert raised("ValueError").__cause__ is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ValueError", ValueError),
        ("builtins.KeyError", KeyError),
        ("<class 'ZeroDivisionError'>", ZeroDivisionError),
        ("FileNotFoundError", OSError),
        ("json.decoder.JSONDecodeError", json.JSONDecodeError),
        ("UnicodeDecodeError", UnicodeDecodeError),
    ],
)
def test_a_class_that_this_process_knows_is_caught_by_its_name(
    name: str, kind: type[Exception]
) -> None:
    error = raised(name, "what was said there")
    assert isinstance(error, kind)
    assert isinstance(error, RemoteError)
    assert str(error) == "what was said there"


@pytest.mark.parametrize(
    "name", ["nowhere.Error", "json.dumps", "SystemExit", "KeyboardInterrupt", "int", "", "a b"]
)
def test_any_other_name_is_a_plain_remote_error(name: str) -> None:
    assert type(raised(name)) is RemoteError


def test_the_runtimes_own_classes_are_taken_as_they_are() -> None:
    module = RemoteTimeout.__module__
    assert type(raised(f"{module}.RemoteTimeout")) is RemoteTimeout
    assert type(raised(f"{module}.RemoteError")) is RemoteError
    assert type(raised("Exception")) is RemoteError


class Picky(Exception):
    """Its constructor wants two arguments, and its text is computed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code

    def __str__(self) -> str:
        return f"code {self.code}"


class Impossible(Exception):
    """Can't be built with a message alone."""

    def __new__(cls, one: int, two: int) -> Impossible:
        return super().__new__(cls, one, two)


def test_constructors_of_the_remote_class_do_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("app_errors")
    module.Picky, module.Impossible = Picky, Impossible
    monkeypatch.setitem(sys.modules, "app_errors", module)
    error = raised("app_errors.Picky", "code 7")
    assert isinstance(error, Picky)
    assert str(error) == "code 7"
    assert type(raised("app_errors.Impossible", "no")) is RemoteError
    assert str(raised("app_errors.Impossible", "no")) == "no"


@pytest.mark.parametrize(
    ("record", "text"),
    [
        ('{"error_type": "ValueError", "error_message": "bad"}', "bad"),
        ("the worker died", "the worker died"),
        ('{"other": 1}', '{"other": 1}'),
        ("[1, 2]", "[1, 2]"),
        ({"detail": "x"}, "{'detail': 'x'}"),
        ({"error_message": "only a message"}, "only a message"),
        (7, "7"),
    ],
)
def test_every_form_of_record_gives_its_text(record: Any, text: str) -> None:
    assert str(remote_failure("gpu", "infer", record, "FAILED")) == text


def test_the_same_remote_class_is_the_same_class_here() -> None:
    assert type(raised("ValueError", "a")) is type(raised("ValueError", "b"))


def test_failures_of_the_call_itself() -> None:
    late = failure(RemoteTimeout, "gpu", "infer", "too late", "TIMED_OUT")
    assert isinstance(late, TimeoutError)
    assert (late.endpoint, late.function, late.status) == ("gpu", "infer", "TIMED_OUT")
    assert issubclass(EndpointNotFound, LookupError)

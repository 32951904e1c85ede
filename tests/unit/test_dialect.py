"""The evaluator knows no SDK: a dialect with another shape needs nothing but the door of `dialect.py`.

The SDK of these tests is an imaginary one, `queues`: `app = App()`, then `@app.queue("name", ...)`.  It has no
constructor call for each endpoint.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import EnumMeta
from pathlib import Path

import pytest

from flashc.evaluator.declarations import DecoratedTarget, EndpointValue
from flashc.evaluator.dialect import DialectObject, Host
from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.objects import CallArguments, FunctionValue
from flashc.evaluator.values import Known, Unknown, Value
from flashc.project.project import Project
from flashc.syntax.parse import parse
from flashc_core.source import Span
from tests.support.projects import ROOT
from tests.support.values import python


@dataclass(frozen=True, eq=False)
class App(DialectObject):
    """`App`, `app` and `app.queue`, which differ by what they do when they are called."""

    method: str = ""

    @property
    def description(self) -> str:
        """The object in a user's words."""
        return "an app"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Make an app, or the decorator of a queue."""
        made = QueueDecorator(arguments) if self.method == "queue" else App()
        return Known(made, arguments.span)

    def attribute(self, name: str, span: Span) -> Value:
        """Return a method of the app."""
        return Known(App(name), span)


@dataclass(frozen=True, eq=False)
class QueueDecorator(DialectObject):
    """`app.queue("name")`, not yet applied."""

    given: CallArguments

    @property
    def description(self) -> str:
        """The object in a user's words."""
        return "a queue's decorator"

    def call(self, host: Host, arguments: CallArguments) -> Value:
        """Declare an endpoint for the decorated function."""
        function = arguments.values[0]
        assert isinstance(function, Known)
        assert isinstance(function.value, FunctionValue)
        endpoint = EndpointValue(
            module=self.given.module,
            span=self.given.span,
            text=self.given.text,
            arguments={"name": self.given.positional[0], **self.given.keywords},
            problems=[],
            condition=host.condition,
        )
        target = DecoratedTarget(
            value=function.value,
            module=arguments.module,
            span=arguments.span,
            outermost=arguments.outermost,
            condition=host.condition,
        )
        endpoint.targets.append(target)
        host.declare(endpoint)
        return function

    def attribute(self, name: str, span: Span) -> Value:
        """Return an `Unknown`."""
        return Unknown(reason="a decorator has no attributes", origin=span)


class Queues:
    """The dialect of the package `queues`."""

    def member(self, module: str, name: str, span: Span) -> Value | None:
        """Return the SDK's class."""
        return Known(App(), span) if (module, name) == ("queues", "App") else None

    def exported(self, module: str, span: Span) -> Mapping[str, Value]:
        """Return what `from queues import *` binds."""
        return {"App": Known(App(), span)} if module == "queues" else {}

    def enum_method(self, kind: EnumMeta, name: str) -> Callable[..., object] | None:
        """Return None: this SDK has no enums."""
        return None


def evaluated(text: str) -> Interpreter:
    syntax = parse("m.py", "m", False, text)
    project = Project(
        root=Path("/nowhere"), files=(), modules={"m": "m.py"}, packages=frozenset(), exclusions=()
    )
    machine = Interpreter(
        tree=project, load={"m": syntax}.get, environment={}, dialects=(Queues(),)
    )
    machine.module("m")
    return machine


@pytest.mark.parametrize(
    "imports", ["from queues import App", "import queues\nApp = queues.App", "from queues import *"]
)
def test_a_decorator_of_an_app_declares_an_endpoint(imports: str) -> None:
    text = f"{imports}\napp = App()\n@app.queue('q' + 'a', gpu='any')\nasync def work(x): ...\n"
    machine = evaluated(text)
    (endpoint,) = machine.endpoints
    assert endpoint.module == "m"
    assert python(endpoint.arguments["name"].value) == "qa"
    assert python(endpoint.arguments["gpu"].value) == "any"
    assert [target.value.name for target in endpoint.targets] == ["work"]
    assert [target.outermost for target in endpoint.targets] == [True]


def test_the_condition_of_a_declaration_is_known() -> None:
    text = "import os\nfrom queues import App\nif os.listdir():\n    @App().queue('q')\n    def f(): ...\n"
    (endpoint,) = evaluated(text).endpoints
    assert endpoint.condition is not None
    assert "`os.listdir(...)` comes from outside" in endpoint.condition.reason


def test_the_evaluator_imports_no_dialect() -> None:
    for path in (ROOT / "flashc" / "evaluator").rglob("*.py"):
        text = path.read_text("utf-8")
        assert "runpod" not in text, path
        imported = [
            node.module or ""
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ImportFrom)
        ]
        assert not [name for name in imported if name.startswith("flashc.frontend")], path

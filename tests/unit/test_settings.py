"""Settings of pydantic have the values that pydantic itself gives them."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.values import Known, Value, concrete
from flashc.project.project import Project
from flashc.syntax.parse import parse
from tests.support import reader_programs
from tests.support.projects import compile_files
from tests.support.settings_programs import PROGRAMS, SettingsProgram, Variables
from tests.support.values import read

READ = [
    pytest.param(program, variables, id=f"{program.name} {number}")
    for program in (*PROGRAMS, *reader_programs.PROGRAMS)
    for number, variables in enumerate(
        [*([{}] if program.has_empty else []), *program.environments]
    )
]


def text_of(program: SettingsProgram) -> str:
    """Return the module with one name for each expression that it shows."""
    lines = [f"shown{index} = {text}" for index, text in enumerate(program.shown)]
    return "\n".join([program.text, *lines, ""])


def evaluated(program: SettingsProgram, variables: Variables) -> dict[str, Value]:
    """Return what flashc computes for the shown expressions."""
    tree = Project(
        root=Path("/nowhere"), files=(), modules={"m": "m.py"}, packages=frozenset(), exclusions=()
    )
    syntax = parse("m.py", "m", False, text_of(program))
    machine = Interpreter(project=tree, load={"m": syntax}.get, environment=variables)
    frame = machine.evaluate_module("m")
    assert frame is not None
    return {
        text: read(machine, frame.names[f"shown{index}"])
        for index, text in enumerate(program.shown)
    }


def computed(
    program: SettingsProgram, variables: Variables, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Return what Python and pydantic compute for the shown expressions."""
    module = ModuleType("settings_program")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(os, "environ", dict(variables))
    with warnings.catch_warnings(action="ignore"):  # `class Config` is old
        exec(text_of(program), module.__dict__)
    return {text: vars(module)[f"shown{index}"] for index, text in enumerate(program.shown)}


@pytest.mark.parametrize(("program", "variables"), READ)
def test_settings_have_the_values_that_pydantic_gives_them(
    program: SettingsProgram, variables: Variables, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = computed(program, variables, monkeypatch)
    found = evaluated(program, variables)
    for text, value in found.items():
        assert isinstance(value, Known), (text, value)
        plain = concrete(value, unordered=True)
        assert (plain, repr(plain)) == (expected[text], repr(expected[text])), text


def test_options_that_are_not_known_are_named(tmp_path: Path) -> None:
    text = (
        "import os\nfrom pydantic_settings import BaseSettings\nfrom runpod_flash import Endpoint\n\n"
        "class Settings(BaseSettings):\n"
        "    model_config = eval(os.environ['OPTIONS'])\n"
        "    name: str = 'a'\n\n"
        "@Endpoint(name=Settings().name, cpu='cpu3c-1-2')\nasync def run(): return 1\n"
    )
    (finding,) = compile_files(tmp_path, {"worker.py": text}).diagnostics
    assert finding.rule.code == "FC104"
    shown = "flashc does not evaluate the option `model_config` of `Settings`"
    assert any(shown in label.text for label in finding.secondary)

"""Requirements, markers and versions that `packaging` parses, but can't use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier

from flashc_core.packaging_texts import parse_marker, parse_requirement, parse_specifier
from flashc_ir.platform.markers import marker_holds
from tests.support.projects import compile_files

HUGE = "1" * 5000  # Python converts no number of so many digits
WORKER = 'from runpod_flash import Endpoint\n@Endpoint(name="w")\nasync def run(x: int): return x\n'


@pytest.mark.parametrize(
    ("parse", "text", "error"),
    [
        (parse_requirement, f"gauge=={HUGE}", InvalidRequirement),
        (parse_requirement, f"gauge; python_version < '{HUGE}'", InvalidRequirement),
        (parse_requirement, f"gauge; {'(' * 5000}", InvalidRequirement),
        (parse_marker, f"python_version < '{HUGE}'", InvalidMarker),
        (parse_marker, f"{'(' * 5000}os_name == 'posix'{')' * 5000}", InvalidMarker),
        (parse_specifier, f">={HUGE}", InvalidSpecifier),
    ],
    ids=["version", "marker", "nested requirement", "number", "nested marker", "specifier"],
)
def test_a_text_that_would_fail_later_is_refused(
    parse: Callable[[str], object], text: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        parse(text)


VERSIONS = {
    "Pipfile": f'[requires]\npython_version = "{HUGE}"\n',
    ".python-version": f"3.{HUGE}\n",
    "pyproject.toml": f'[project]\nname = "a"\nversion = "1"\nrequires-python = ">={HUGE}"\n',
}


@pytest.mark.parametrize("name", VERSIONS)
def test_a_huge_version_of_python_is_none(name: str, tmp_path: Path) -> None:
    files = {"worker.py": WORKER, name: VERSIONS[name]}
    assert compile_files(tmp_path, files, python_version=None).valid.python_version == "3.12"


POETRY = '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\n'
UV = '[project]\nname = "a"\nversion = "1"\ndependencies = ["gauge"]\n[tool.uv.sources]\n'
REQUIREMENTS = {
    "a version": ("requirements.txt", f"gauge=={HUGE}\n"),
    "a commit": ("requirements.txt", f"gauge @ git+https://example.org/gauge@{HUGE}\n"),
    "a wheel": ("requirements.txt", f"https://example.org/gauge-{HUGE}-py3-none-any.whl\n"),
    "a wheel for uv": (
        "pyproject.toml",
        f'{UV}gauge = {{ url = "https://example.org/gauge-{HUGE}-py3-none-any.whl" }}\n',
    ),
    "a constraint of Poetry": ("pyproject.toml", f'{POETRY}gauge = ">={HUGE}"\n'),
    "no version": ("requirements.txt", 'gauge; os_name ~= "posix"\n'),
    "no variable": ("requirements.txt", "gauge; 'x' < 'y'\n"),
    "a variable of lock files": ("requirements.txt", "gauge; 'x' in extras\n"),
    "a marker for uv": (
        "pyproject.toml",
        f'{UV}gauge = {{ url = "https://example.org/gauge-1-py3-none-any.whl", marker = "os_name ~= \'x\'" }}\n',
    ),
}


@pytest.mark.parametrize("kind", REQUIREMENTS)
def test_a_requirement_that_can_not_be_used_is_an_error_of_its_file(
    kind: str, tmp_path: Path
) -> None:
    name, text = REQUIREMENTS[kind]
    compiled = compile_files(tmp_path, {"worker.py": WORKER, name: text})
    assert (compiled.program, {problem.path for problem in compiled.diagnostics}) == (None, {name})


def test_a_marker_of_a_package_without_a_value_is_taken_as_none() -> None:
    assert marker_holds("os_name ~= 'posix'", "3.12")
    assert marker_holds(f"python_version > '{HUGE}'", "3.12")

"""Which Python workers have: what files, options and endpoints say, and syntax that is too new for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import compile_files
from tests.support.requirement_projects import PROJECT, WORKER, compiled

PYTHONS: dict[str, tuple[dict[str, str], str, str]] = {
    "nothing": ({}, "3.12", "the default"),
    "a file": ({".python-version": "3.11\n"}, "3.11", "`.python-version`"),
    "a patch version": ({".python-version": "# ours\n3.13.2\n"}, "3.13", "`.python-version`"),
    "an implementation": ({".python-version": "cpython-3.10.4\n"}, "3.10", "`.python-version`"),
    "another implementation": ({".python-version": "pypy3.10\n"}, "3.12", "the default"),
    "no image": (
        {".python-version": "3.14\n"},
        "3.12",
        "the default; no image has Python 3.14 of `.python-version`",
    ),
    "requires the default too": (
        {"pyproject.toml": f'{PROJECT}requires-python = ">=3.10"\n'},
        "3.12",
        "the default",
    ),
    "requires more": (
        {"pyproject.toml": f'{PROJECT}requires-python = ">=3.13"\n'},
        "3.13",
        "`requires-python`",
    ),
    "requires less": (
        {"pyproject.toml": f'{PROJECT}requires-python = ">=3.9,<3.12"\n'},
        "3.11",
        "`requires-python`",
    ),
    "a file and a requirement": (
        {".python-version": "3.11\n", "pyproject.toml": f'{PROJECT}requires-python = ">=3.10"\n'},
        "3.11",
        "`.python-version`",
    ),
    "Poetry": (
        {
            "pyproject.toml": '[tool.poetry]\nname = "a"\n[tool.poetry.dependencies]\npython = "~3.11"\n'
        },
        "3.11",
        "`requires-python`",
    ),
    "Pipenv": (
        {"Pipfile": '[requires]\npython_version = "3.10"\n'},
        "3.10",
        "`requires-python`",
    ),
    "the option": (
        {".python-version": "3.10\n", "pyproject.toml": '[tool.flashc]\npython-version = "3.11"\n'},
        "3.11",
        "`[tool.flashc]`",
    ),
}


@pytest.mark.parametrize("kind", PYTHONS)
def test_the_python_version_and_the_reason_for_it(kind: str, tmp_path: Path) -> None:
    files, version, reason = PYTHONS[kind]
    program = compiled(tmp_path, files, python_version=None).valid
    assert (program.python_version, program.python_reason) == (version, reason)


def test_a_flag_replaces_all_other_versions(tmp_path: Path) -> None:
    worker = WORKER.replace('name="w"', 'name="w", python_version="3.11"')
    program = compile_files(
        tmp_path, {"worker.py": worker, ".python-version": "3.10\n"}, python_version="3.13"
    ).valid
    assert (program.python_version, program.python_reason) == ("3.13", "`--python-version`")


@pytest.mark.parametrize("version", ["3", "foo", "", "3.9", "3.12.1", "4.0"])
def test_a_version_without_an_image_is_an_error_and_nothing_worse(
    version: str, tmp_path: Path
) -> None:
    files = {"requirements.txt": "gauge ; python_version < '3.11'\n"}
    assert compiled(tmp_path, files, python_version=version).codes == ["FC122"]


def test_a_version_that_the_project_excludes_is_an_error(tmp_path: Path) -> None:
    files = {
        ".python-version": "3.10\n",
        "pyproject.toml": f'{PROJECT}requires-python = ">=3.11"\n',
    }
    problem = compiled(tmp_path, files, python_version=None).found("FC121")
    assert (problem.path, "3.10 (`.python-version`)" in problem.message) == ("pyproject.toml", True)
    files = {"pyproject.toml": f'{PROJECT}requires-python = ">=3.14"\n'}
    assert "FC122" in compiled(tmp_path / "b", files, python_version=None).codes


NEWER = {
    "a type": "type Size = int\n",
    "a type with parameters": "type Pair[T] = tuple[T, T]\n",
    "a function with parameters": "def first[T](x: list[T]) -> T: return x[0]\n",
    "a class with parameters": "class Box[T]: pass\n",
}


@pytest.mark.parametrize("kind", NEWER)
def test_syntax_that_is_newer_than_the_python_of_workers_is_an_error(
    kind: str, tmp_path: Path
) -> None:
    files = {"worker.py": WORKER + NEWER[kind]}
    assert "FC001" not in compile_files(tmp_path, files).codes
    problem = compile_files(tmp_path, files, python_version="3.11").found("FC001")
    assert (problem.path, problem.line) == ("worker.py", 5)
    assert "Python 3.11 can't parse" in problem.message


def test_names_that_look_like_newer_syntax_are_none(tmp_path: Path) -> None:
    text = 'type = 1\ntext = """\ntype Size = int\n"""\nsizes = {"def f[": type}\n'
    files = {"worker.py": WORKER + text}
    assert "FC001" not in compile_files(tmp_path, files, python_version="3.11").codes

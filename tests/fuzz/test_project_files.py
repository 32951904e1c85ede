"""Wrong files of a project: `flashc check` gives findings, which can be shown in every format."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from flashc.api import UnknownRuleError, check_project
from flashc.report.github import render_github
from flashc.report.json_report import render_json
from flashc.report.sarif import render_sarif
from flashc.report.text import render
from flashc_core.diagnostics import Diagnostic
from tests.support import valid_documents as valid
from tests.support.fuzzing import Reader, corpus, fuzz
from tests.support.mutations import as_json, as_toml, wrong_bytes, wrong_document, wrong_parts
from tests.support.projects import compile_folder, opened, unpacked, write

Files = dict[str, str | bytes]
_CONTROLS = {*map(chr, range(32)), "\x7f", *map(chr, range(0x80, 0xA0)), "\u202e", "\u2066"} - {
    "\n"
}
_LIB: Files = {"lib/pyproject.toml": '[project]\nname = "gadget"\nversion = "1"\n'}


def show(
    diagnostics: Sequence[Diagnostic], lines_of: Callable[[str], Any] = lambda _: None
) -> None:
    """Render findings in every format; no format prints a character that controls a terminal."""
    for text in (
        render(diagnostics, lines_of),
        render_json(diagnostics),
        render_sarif(diagnostics),
        render_github(diagnostics),
    ):
        assert not _CONTROLS & set(text), [c for c in text if c in _CONTROLS]


def check(files: Files, **options: Any) -> None:
    """Check a project with these files, and show its findings."""
    with tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder) / "app", files)
        workspace = opened(root, **options)
        try:
            show(check_project(workspace).diagnostics, workspace.project.lines)
        except (
            UnknownRuleError
        ):  # `select` and `ignore` of the project; the command line says which
            return


def compile_and_draft(files: Files) -> None:
    """Check a project with these files, and generate the files of its artifact."""
    check(files)
    with tempfile.TemporaryDirectory() as folder:
        compiled = compile_folder(write(Path(folder) / "app", files))
        if compiled.program is not None:
            unpacked(compiled, Path(folder) / "artifact")


def file(name: str, *, worker: str = valid.SMALL_WORKER, **options: Any) -> Callable[[bytes], None]:
    """Return a reader of a project in which one file is wrong; `options` are those of the project."""

    def read(content: bytes) -> None:
        check({"worker.py": worker, **_LIB, "more/base.txt": "boat\n", name: content}, **options)

    return read


def included(name: str, line: str) -> Callable[[bytes], None]:
    """Return a reader of a file that `requirements.txt` includes."""

    def read(content: bytes) -> None:
        check({"worker.py": valid.SMALL_WORKER, "requirements.txt": line, name: content, **_LIB})

    return read


def beside_pyproject(name: str) -> Callable[[bytes], None]:
    """Return a reader of a file next to a valid `pyproject.toml`."""

    def read(content: bytes) -> None:
        files: Files = {"pyproject.toml": as_toml(valid.PYPROJECT), name: content, **_LIB}
        check({"worker.py": valid.SMALL_WORKER, **files}, python_version=None)

    return read


def of_data(code: str, name: str) -> Reader:
    """Return the reader of a data file that a module reads with `code`."""
    worker = f"from runpod_flash import Endpoint\n{code}\n@Endpoint(name=str(DATA['name']))\nasync def run(x: int): return x\n"
    documents = {
        "json": wrong_document([valid.JSON_DATA], as_json, *corpus("*.ipynb")),
        "ipynb": wrong_document([valid.JSON_DATA], as_json, *corpus("*.ipynb")),
        "toml": wrong_document([valid.PYPROJECT], as_toml, *corpus("*.toml")),
        "yaml": wrong_bytes(valid.YAML_DATA, *corpus("*.yml", "*.yaml"), as_json(valid.JSON_DATA)),
        "ini": wrong_bytes(valid.INI_DATA),
        "env": wrong_bytes(valid.ENV_FILE, *corpus(".env*")),
        "csv": wrong_bytes("name,b\nw,2\n", '"a,b",c\n"', "name;b\n"),
    }

    def read(content: bytes) -> None:
        check({"worker.py": worker, name: content})

    return Reader(
        f"data: {code.rpartition('DATA = ')[2]}", documents[name.rpartition(".")[2]], read, 25
    )


SOURCES: list[str | bytes] = [
    valid.WORKER,
    valid.TOOLS,
    valid.SMALL_WORKER,
    *corpus("*.py", most=200),
]
TOKENS = (
    "Endpoint( @ name= lambda match case _: := ** async await yield from import * global nonlocal del assert "
    "raise try: finally: except* with as class def f(: if else elif while for in is not None True ... -> f'{x!r:{y}}' "
    "# flashc: ignore[FC104] # type: # -*- coding: utf-7 -*- # -*- coding: rot13 -*- # coding: utf-16 "
    "# -*- coding: latin-1 -*- __import__('os') eval( 9**9**9 'a'*10**9 [0]*10**9 range(10**18) "
    "tools.SIZES[ os.environ[ x:int|None= type[ \\N{DASH} \\x b'' rb'\\' u'' 0b 0o8 1__0 1j é ０ ｗ"
).split()
PYPROJECTS = wrong_document([valid.PYPROJECT], as_toml, *corpus("pyproject.toml"))
REQUIREMENTS = wrong_bytes(valid.REQUIREMENTS, *corpus("requirements*.txt"), words=valid.PIP_WORDS)
POETRY_PROJECT = as_toml({"project": {"name": "a"}, "tool": valid.PYPROJECT["tool"]})
DECLARED = st.text(
    st.sampled_from("abz019-_.~=<>!;@#:/\\[]() '\"\n\0é💥\u202e$%{}"), max_size=25
) | st.sampled_from(valid.REQUIREMENTS.splitlines())

READERS = [
    Reader("requirements.txt", REQUIREMENTS, file("requirements.txt")),
    Reader("requirements.txt: -r", REQUIREMENTS, included("more/base.txt", "-r more/base.txt\n"), 30),
    Reader("requirements.txt: -c", REQUIREMENTS, included("limits.txt", "gauge\n-c limits.txt\n"), 30),
    Reader("requirements-dev.txt", REQUIREMENTS, file("requirements-dev.txt"), 20),
    Reader("pyproject.toml", PYPROJECTS, file("pyproject.toml", python_version=None)),
    Reader("pyproject.toml: extras and groups", PYPROJECTS,
           file("pyproject.toml", extras=("gpu",), groups=("dev",)), 30),
    Reader("pyproject.toml of a dependency", PYPROJECTS, beside_pyproject("lib/pyproject.toml"), 30),
    Reader("uv.lock", wrong_document([valid.UV_LOCK], as_toml, *corpus("uv.lock")), beside_pyproject("uv.lock"), 40),
    Reader("uv.toml", wrong_document([valid.UV_TOML], as_toml), beside_pyproject("uv.toml"), 30),
    Reader("poetry.lock", wrong_document([valid.POETRY_LOCK], as_toml, *corpus("poetry.lock")),
           beside_pyproject("poetry.lock"), 40),
    Reader("pdm.lock", wrong_document([valid.PDM_LOCK], as_toml), beside_pyproject("pdm.lock"), 10),
    Reader("pylock.toml", wrong_document([valid.PYLOCK], as_toml), file("pylock.toml"), 40),
    Reader("pylock.toml: limits", wrong_document([valid.PYLOCK], as_toml), beside_pyproject("pylock.toml"), 30),
    Reader("Pipfile", wrong_document([valid.PIPFILE], as_toml), file("Pipfile", python_version=None), 40),
    Reader("Pipfile.lock", wrong_document([valid.PIPFILE_LOCK], as_json),
           lambda data: check({"worker.py": valid.SMALL_WORKER, "Pipfile": as_toml(valid.PIPFILE), "Pipfile.lock": data}), 40),
    Reader("setup.cfg", wrong_bytes(valid.SETUP_CFG), file("setup.cfg"), 20),
    Reader(".python-version", wrong_bytes("3.12\n", "cpython-3.11.4\n# x\n"), file(".python-version", python_version=None), 20),
    Reader(".flashignore", wrong_bytes(valid.IGNORE, *corpus(".gitignore")), file(".flashignore"), 40),
    Reader(".gitignore", wrong_bytes(valid.IGNORE, *corpus(".gitignore")), file("lib/.gitignore"), 30),
    Reader(".env", wrong_bytes(valid.ENV_FILE, *corpus(".env*")), file(".env", worker=valid.WORKER), 40),
    Reader("flash.lock: check", wrong_bytes(valid.LOCK), file("flash.lock"), 20),
    Reader("a module", wrong_bytes(*SOURCES, words=TOKENS),
           lambda data: compile_and_draft({"tools.py": valid.TOOLS, "worker.py": data})),
    Reader("an imported module", wrong_bytes(*SOURCES, words=TOKENS),
           lambda data: compile_and_draft({"worker.py": valid.WORKER, "tools.py": data})),
    Reader("declared dependencies", st.lists(DECLARED, max_size=3),
           lambda given: check({"worker.py": valid.SMALL_WORKER.replace('"w"', f'"w", dependencies={given!r}'), **_LIB}), 40),
    Reader("arguments of an endpoint", wrong_parts(valid.JSON_DATA),
           lambda given: check({"worker.py": valid.SMALL_WORKER.replace('"w"', f'"w", env={given!r}, workers={given!r}, volume={given!r}, template={given!r}')}), 40),
    of_data("import json\nDATA = json.load(open('data.json'))", "data.json"),
    of_data("import json\nDATA = json.load(open('notebook.ipynb'))", "notebook.ipynb"),
    of_data("import tomllib\nDATA = tomllib.load(open('data.toml', 'rb'))", "data.toml"),
    of_data("import yaml\nDATA = yaml.safe_load(open('data.yaml'))", "data.yaml"),
    of_data("from omegaconf import OmegaConf\nDATA = OmegaConf.load('data.yaml')", "data.yaml"),
    of_data("import configparser\nc = configparser.ConfigParser()\nc.read('data.ini')\nDATA = c['w']", "data.ini"),
    of_data("from dotenv import dotenv_values\nDATA = dotenv_values('data.env')", "data.env"),
    of_data("import csv\nDATA = list(csv.DictReader(open('data.csv')))[0]", "data.csv"),
    of_data("import pathlib\nDATA = {'name': pathlib.Path('data.csv').read_text().splitlines()[0]}", "data.csv"),
]  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_wrong_file_is_a_finding(reader: Reader) -> None:
    fuzz(reader)

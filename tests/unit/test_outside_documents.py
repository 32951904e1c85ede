"""Whatever TOML or JSON a file holds: a reader says what is wrong with it, and never crashes."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from flashc.cli.main import cli
from flashc_core.documents import UnreadableDocument, parse_json, parse_toml
from tests.support.projects import compile_files, write

# They compile many projects, which measuring makes two to three times slower.
pytestmark = pytest.mark.no_cover

WORKER = (
    "from runpod_flash import Endpoint\n\n"
    '@Endpoint(name="w")\n'
    "async def run(x: int):\n    return x\n"
)
TOML = {
    "nested arrays": f"x = {'[' * 5000}{']' * 5000}\n",
    "nested tables": f"x = {'{a = ' * 5000}1{'}' * 5000}\n",
    "a long dotted key": f"{'a.' * 5000}b = 1\n",
    "arrays that the parser just reads": f"x = {'[' * 300}{']' * 300}\n",
    "a huge number": f"x = {'1' * 5000}\n",
    "a wrong date": "x = 2026-13-41\n",
    "an unfinished string": 'x = "\n',
    "a key twice": "x = 1\nx = 2\n",
    "null characters": "x = \0\n",
}
JSON = {
    "nested arrays": f'{{"default": {"[" * 100_000}',
    "nested objects": '{"default": ' * 100_000,
    "arrays that the parser just reads": f'{{"default": {"[" * 900}{"]" * 900}}}',
    "a huge number": f'{{"default": {"1" * 5000}}}',
    "no object": "[1]",
    "an unfinished text": '{"default": "',
    "": "",
}


@pytest.mark.parametrize("text", TOML.values(), ids=TOML)
@pytest.mark.parametrize("name", ["pyproject.toml", "uv.toml", "Pipfile", "uv.lock", "poetry.lock"])
def test_a_toml_file_of_the_project(tmp_path: Path, name: str, text: str) -> None:
    files = {"worker.py": WORKER, name: text}
    if name.endswith("lock") or name == "uv.toml":
        files["pyproject.toml"] = (
            '[project]\nname = "app"\nversion = "1"\n[tool.poetry]\nname = "app"\n'
        )
    result = compile_files(tmp_path, files)
    named = [d for d in result.diagnostics if name in str(d.location)]
    assert named, result.codes


@pytest.mark.parametrize("text", JSON.values(), ids=JSON)
def test_the_lock_of_pipenv(tmp_path: Path, text: str) -> None:
    files = {"worker.py": WORKER, "Pipfile": "[packages]\n", "Pipfile.lock": text}
    compile_files(tmp_path, files)


@pytest.mark.parametrize("text", TOML.values(), ids=TOML)
def test_a_file_of_faults(tmp_path: Path, text: str) -> None:
    (tmp_path / "faults.toml").write_text(text)
    write(tmp_path / "app", {"worker.py": WORKER})
    command = [
        "preview",
        str(tmp_path / "app"),
        "--plan",
        "--faults",
        str(tmp_path / "faults.toml"),
    ]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 1, result.output
    assert "error[FC525]" in result.stderr


@pytest.mark.parametrize("text", JSON.values(), ids=JSON)
def test_the_manifest_of_an_artifact(tmp_path: Path, text: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        info = tarfile.TarInfo("flash_manifest.json")
        info.size = len(text.encode())
        archive.addfile(info, io.BytesIO(text.encode()))
    path = tmp_path / "artifact.tar.gz"
    path.write_bytes(gzip.compress(packed.getvalue()))
    result = CliRunner().invoke(cli, ["verify", str(path)])
    assert result.exit_code == 1, result.output
    assert "error[FC413]" in result.stderr


@pytest.mark.parametrize("text", JSON.values(), ids=JSON)
def test_a_document_that_a_program_reads(tmp_path: Path, text: str) -> None:
    program = (
        "import json\nfrom pathlib import Path\nfrom runpod_flash import Endpoint\n"
        'SETTINGS = json.loads(Path("settings.json").read_text())\n'
        "@Endpoint(name=f\"w-{SETTINGS['default']}\")\nasync def run(x: int):\n    return x\n"
    )
    compile_files(tmp_path, {"worker.py": program, "settings.json": text})


@pytest.mark.parametrize("text", TOML.values(), ids=TOML)
def test_a_toml_document_that_a_program_reads(tmp_path: Path, text: str) -> None:
    program = (
        "import tomllib\nfrom runpod_flash import Endpoint\n"
        'with open("settings.toml", "rb") as stream:\n    SETTINGS = tomllib.load(stream)\n'
        "@Endpoint(name=f\"w-{SETTINGS['x']}\")\nasync def run(x: int):\n    return x\n"
    )
    compile_files(tmp_path, {"worker.py": program, "settings.toml": text})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
)


@given(VALUES)
def test_an_ordinary_document_is_read(value: object) -> None:
    assert parse_json(json.dumps(value)) == value


@given(st.text())
def test_other_texts_are_refused_by_one_error(text: str) -> None:
    for parse in (parse_json, parse_toml):
        with contextlib.suppress(UnreadableDocument):
            parse(text)


def test_the_position_of_a_mistake_is_known() -> None:
    with pytest.raises(UnreadableDocument) as toml:
        parse_toml("a = 1\nb = ?\n")
    assert (toml.value.line, toml.value.column) == (2, 5)
    with pytest.raises(UnreadableDocument) as found:
        parse_json('{\n "a": ?}')
    assert (found.value.line, found.value.column) == (2, 7)


# Texts of requirements ----------------------------------------------------------------------------

DEEP = f"{'(' * 5000}python_version > '3'{')' * 5000}"
HUGE = "1" * 5000
TEXTS: dict[str, dict[str, str]] = {
    "a marker in a list": {"requirements.txt": f"gauge ; {DEEP}\n"},
    "a marker of an endpoint": {
        "worker.py": WORKER.replace('"w"', f'"w", dependencies=["gauge ; {DEEP}"]')
    },
    "a marker of the project": {
        "pyproject.toml": f'[project]\nname = "a"\nversion = "1"\ndependencies = ["gauge ; {DEEP}"]\n'
    },
    "a marker of uv": {
        "pyproject.toml": '[project]\nname = "a"\nversion = "1"\ndependencies = ["gauge"]\n'
        f'[tool.uv.sources]\ngauge = {{ git = "https://x.example/y", marker = "{DEEP}" }}\n'
    },
    "a marker of Poetry": {
        "pyproject.toml": '[tool.poetry]\nname = "a"\nversion = "1"\n[tool.poetry.dependencies]\n'
        f'gauge = {{ version = "*", markers = "{DEEP}" }}\n'
    },
    "a marker of Pipenv": {
        "Pipfile": f'[packages]\ngauge = {{ version = "*", markers = "{DEEP}" }}\n'
    },
    "a number in a list": {"requirements.txt": f"pydantic<{HUGE}\n"},
    "a number of an endpoint": {
        "worker.py": WORKER.replace('"w"', f'"w", dependencies=["pydantic<{HUGE}"]')
    },
    "a number in a lock": {
        "Pipfile": "[packages]\n",
        "Pipfile.lock": f'{{"default": {{"pydantic": {{"version": "=={HUGE}"}}}}}}',
    },
}


@pytest.mark.parametrize("files", TEXTS.values(), ids=TEXTS)
def test_a_requirement_that_no_parser_takes_is_an_error_at_its_line(
    tmp_path: Path, files: dict[str, str]
) -> None:
    found = compile_files(tmp_path, {"worker.py": WORKER, **files})
    assert {"FC409", "FC114"} & set(found.codes)


def test_a_huge_size_is_no_size_at_all(tmp_path: Path) -> None:
    text = f'[tool.flashc]\nsize-budget = "{HUGE} MB"\n'
    compile_files(tmp_path, {"worker.py": WORKER, "pyproject.toml": text})

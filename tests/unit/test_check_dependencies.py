"""A package counts as undeclared only if every declaration is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.projects import compile_files

WORKER = (
    "import humanize\nfrom runpod_flash import Endpoint\n{above}\n"
    "@Endpoint(name='w'{more})\ndef run(x): return humanize.naturalsize(x)\n"
)


def found(root: Path, files: dict[str, str], above: str = "", more: str = "") -> list[str]:
    worker = WORKER.format(above=above, more=more)
    return compile_files(root, {"worker.py": worker, **files}).codes


@pytest.mark.parametrize(
    ("files", "above", "more"),
    [
        ({}, "", ""),
        ({"requirements.txt": "requests\n"}, "", ", dependencies=['numpy']"),
        ({"other.py": WORKER.replace("'w'", "'o'").format(above="", more=", worker=1")}, "", ""),
    ],
    ids=["nothing declares it", "others are declared", "another module has an error"],
)
def test_an_import_that_nothing_declares_is_reported(
    tmp_path: Path, files: dict[str, str], above: str, more: str
) -> None:
    assert "FC318" in found(tmp_path, files, above, more)


@pytest.mark.parametrize(
    ("files", "above", "more"),
    [
        ({"requirements.txt": "humanize @@ what\n"}, "", ""),
        ({"requirements.txt": "-r elsewhere.txt\n"}, "", ""),
        ({"pyproject.toml": "[project]\ndependencies = ['human ize']\n"}, "", ""),
        ({}, "import os\nD = os.listdir('.')", ", dependencies=D"),
        ({}, "import os\nN = os.listdir('.')", " + N[0], dependencies=['humanize']"),
    ],
    ids=["invalid line", "missing file", "invalid entry", "unknown list", "unknown name"],
)
def test_where_declarations_can_not_be_read_no_import_is_reported(
    tmp_path: Path, files: dict[str, str], above: str, more: str
) -> None:
    codes = found(tmp_path, files, above, more)
    assert codes
    assert "FC318" not in codes

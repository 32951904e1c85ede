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


@pytest.mark.parametrize(
    ("dependencies", "body"),
    [
        ('["humanize", "xlwings"]', 'read(engine="xlwings")'),
        ('["humanize", "humanize-extras"]', "pass"),
        ('["humanize", "yt-dlp"]', 'import subprocess; subprocess.run(["yt_dlp", x])'),
        ('["humanize", "paddlepaddle"]', "pass"),
        ('["humanize", "sqlalchemy-bigquery", "sqlalchemy"]', "import sqlalchemy"),
        ('["humanize", "left-alone"]', "pass  # humanize loads left-alone"),
    ],
    ids=["engine", "plugin", "program", "backend", "driver", "comment"],
)
def test_a_package_that_may_be_loaded_indirectly_is_not_called_unused(
    dependencies: str, body: str, tmp_path: Path
) -> None:
    text = (
        "import humanize\nfrom runpod_flash import Endpoint\ndef read(**k): pass\n"
        f"@Endpoint(name='w', dependencies={dependencies})\n"
        f"def run(x):\n    {body}\n    return humanize.naturalsize(x)\n"
    )
    assert "FC321" not in compile_files(tmp_path, {"worker.py": text}).codes


def test_a_package_that_nothing_names_is_unused(tmp_path: Path) -> None:
    worker = WORKER.format(above="", more=", dependencies=['humanize', 'left-alone==1']")
    assert "FC321" in compile_files(tmp_path, {"worker.py": worker}).codes

"""What the documents name exists: packages and files in CONTRIBUTING, options and commands in the README."""

from __future__ import annotations

import re
from dataclasses import fields

import commands
import pytest

from flashc.project.options import Options
from flashc.project.user_options import USER_ONLY
from tests.support.projects import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
_FOLDERS = ("flashc", "ir", "backends", "tests", "scripts", "spec", "benchmarks")


def test_the_map_has_every_package() -> None:
    rows = re.findall(r"^\| `((?:flashc|ir|backends)/[^`]+)` \|", CONTRIBUTING, re.MULTILINE)
    parents = (ROOT / "flashc", ROOT / "ir", ROOT / "backends" / "flashc_backends")
    packages = {
        str(folder.parent.relative_to(ROOT))
        for parent in parents
        for folder in parent.glob("*/__init__.py")
    }
    # Templates of generated files, described with the package that fills them in.
    packages -= {"backends/flashc_backends/skeletons"}
    assert packages <= set(rows)  # it names some of their parts, too


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "README.md", "SECURITY.md", "VERSIONING.md"])
def test_the_files_that_a_document_names_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    paths = re.findall(rf"`((?:{'|'.join(_FOLDERS)})/[\w./-]+)`", text)
    assert [path for path in paths if "nnn" not in path and not (ROOT / path).exists()] == []


def test_the_readme_lists_every_command_and_option() -> None:
    assert commands.written(README) == README, "run `python scripts/commands.py`"
    section = README.partition("`[tool.flashc]` in `pyproject.toml` has these keys.")[2]
    listed = section.partition("\n\n")[2].partition("\n\n")[0]
    options = {option.name.replace("_", "-") for option in fields(Options)} - {"env", "smoke"}
    of_user = {name.replace("_", "-") for name in USER_ONLY}
    assert set(re.findall("`([a-z-]+)`", listed)) == options - of_user
    told = section.partition("Only you can set")[2].partition("### ")[0]
    assert of_user <= set(re.findall("`([a-z-]+)`", told))

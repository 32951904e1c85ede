"""No value of the build's environment goes into the program, however it is computed or hidden."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_ir.codec import dump
from tests.support.projects import compile_folder, write

HEADER = """\
import collections, csv, io, os, re, shlex, string
from dataclasses import dataclass, replace
from runpod_flash import Endpoint
UPPER = os.environ["TOKEN"].upper()
REGION = os.environ["REGION"]
@dataclass
class Settings:
    token: str = ""
"""
FOOTER = """
@Endpoint(name="w", env=ENV)
async def run(x: int): return x
"""


def compiled(folder: Path, env: str) -> tuple[str, list[str]]:
    """Return the IR as text, and the codes of the errors."""
    root = write(folder, {"worker.py": HEADER + FOOTER.replace("ENV", env)})
    result = compile_folder(root, env={"TOKEN": "sesame-1", "REGION": "eu"})
    program, found = result.program, result.diagnostics
    text = "" if program is None else dump(program)
    return text, [d.rule.code for d in found if d.rule.code in ("FC125", "FC103")]


@pytest.mark.parametrize(
    "value",
    [
        'f"{UPPER}-{REGION}"',
        'f"{REGION}" f"{UPPER}"',
        "REGION + UPPER",
        'UPPER + "-" + REGION',
        'f"{REGION + UPPER}!"',
        'os.environ.get("OTHER", UPPER)',
        'os.environ.get("OTHER", default=UPPER)',
        'os.getenv("OTHER") or UPPER',
        'os.environ.setdefault("OTHER", UPPER)',
        "os.environ[UPPER]",
        "os.getenv(UPPER)",
        're.search("(E.*)", UPPER)[1]',
        're.search("(E.*)", UPPER).group(1)',
        're.sub("x", UPPER, "axb")',
        '[m.group() for m in re.finditer("E.*", UPPER)][0]',
        'string.Template("$a").substitute(a=UPPER)',
        "string.Template(UPPER).template",
        'collections.ChainMap({"a": UPPER})["a"]',
        "shlex.quote(UPPER)",
        "Settings(UPPER).token + REGION",
        "replace(Settings(), token=UPPER).token + REGION",
    ],
)
def test_a_text_that_is_computed_beside_a_reference_is_an_error(value: str, tmp_path: Path) -> None:
    text, codes = compiled(tmp_path, '{"A": VALUE}'.replace("VALUE", value))
    assert codes == ["FC125"]
    assert "sesame" not in text.lower()


@pytest.mark.parametrize("value", ["next(csv.reader([UPPER]))[0]", "io.StringIO(UPPER).read()"])
def test_a_text_that_is_read_like_a_file_is_not_known(value: str, tmp_path: Path) -> None:
    text, codes = compiled(tmp_path, '{"A": VALUE}'.replace("VALUE", value))
    assert codes == ["FC103"]
    assert "sesame" not in text.lower()


@pytest.mark.parametrize("name", ["UPPER", 'f"{UPPER}_{REGION}"', 'f"{REGION}_KEY"'])
def test_a_variable_whose_name_is_computed_is_an_error(name: str, tmp_path: Path) -> None:
    text, codes = compiled(tmp_path, '{NAME: "x"}'.replace("NAME", name))
    assert codes == ["FC125"]
    assert "sesame" not in text.lower()


@pytest.mark.parametrize(
    "value",
    [
        "f\"{REGION}-{os.environ['TOKEN']}\"",
        'os.environ["TOKEN"] + "/" + REGION',
        'os.environ.get("OTHER", "none")',
        'os.getenv("OTHER") or "none"',
    ],
)
def test_references_stay_references(value: str, tmp_path: Path) -> None:
    text, codes = compiled(tmp_path, '{"A": VALUE}'.replace("VALUE", value))
    assert codes == []
    assert text
    assert "sesame" not in text

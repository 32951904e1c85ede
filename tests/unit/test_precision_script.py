"""`scripts/precision.py` checks, builds and loads apps of other authors; here it does so with small ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import precision
import pytest

WORKER = """
import colourpicker
from colourpicker.shades import DARK, pick
from runpod_flash import Endpoint

@colourpicker.cached(size=3)
def shade(x): return pick[x] | DARK

@Endpoint(name="w", dependencies=["colourpicker"])
async def run(x: int): return shade(x)
"""
APPS = """
[[app]]
repository = "someone/good"
commit = "0123abc"
folders = ["app"]
[[app]]
repository = "someone/bad"
commit = "4567def"
[[app]]
repository = "someone/absent"
commit = "89ab012"
"""


def test_a_row_has_the_findings_and_what_the_handlers_say(tmp_path: Path) -> None:
    good, bad = tmp_path / "someone+good/app", tmp_path / "someone+bad"
    for folder, text in ((good, WORKER), (bad, WORKER.replace('name="w"', 'nam="w"'))):
        folder.mkdir(parents=True)
        folder.joinpath("worker.py").write_text(text)
    apps = tmp_path / "apps.toml"
    apps.write_text(APPS)
    first, second = precision.rows(tmp_path, apps, "", sys.executable)
    assert (first.repository, first.commit, first.folder) == ("someone/good", "0123abc", "app")
    assert (first.files, first.endpoints, first.findings) == (1, 1, {})
    assert first.handlers == [{"handler": "handler_w", "error": None, "replaced": ["colourpicker"]}]
    assert (second.endpoints, second.findings) == (None, {"FC101": 1})
    assert second.messages[0].startswith("worker.py:9: error: FC101: ")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("app = 1\n", None),
        ("handler = len\n", None),
        ("import absent.part as part\nhandler = part.make(1)\nassert callable(handler)\n", None),
        ("x = 1\n", "neither"),
        ("import own.absent\nhandler = len\n", "own.absent"),
        ("from runpod_flash import Endpoint\nhandler = len\n", "runpod_flash"),
        ("import json.absent\nhandler = len\n", "json.absent"),
        ("raise SystemExit(3)\n", "SystemExit"),
    ],
)
def test_only_packages_of_others_are_replaced(text: str, error: str | None, tmp_path: Path) -> None:
    tmp_path.joinpath("own").mkdir()
    tmp_path.joinpath("own/__init__.py").touch()
    tmp_path.joinpath("handler_w.py").write_text(text)
    command = [sys.executable, str(precision.LOADER), str(tmp_path), "handler_w"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["error"]
    assert found is None if error is None else error in found

"""Hostile texts in every name and value that is printed: no output controls the terminal, or is taken for another finding."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from flashc.cli.main import cli
from flashc.lsp.analysis import analyse
from flashc.lsp.server import message_of
from flashc_core.encoding import visible
from tests.support.projects import write

PLAIN = 'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\ndef f(x: int) -> int: return x\n'
FORGED = "error[FC999]: forged"
TEXTS = {
    "colour": "a\x1b[31mb",
    "title of the window": "a\x1b]0;owned\x07b",
    "link of the terminal": "a\x1b]8;;http://x\x1b\\b",
    "erased line": "a\x1b[2K\x1b[1Gb",
    "8-bit control": "a\x9b31mb",
    "8-bit string": "a\x9d0;owned\x9cb",
    "carriage return": f"a\r{FORGED}",
    "newline": f"a\n{FORGED}",
    "newline before a command of GitHub": "a\n::error::forged",
    "vertical tab": f"a\x0b{FORGED}",
    "form feed": f"a\x0c{FORGED}",
    "next line": f"a\x85{FORGED}",
    "line separator": f"a\u2028{FORGED}",
    "backspaces": "a\b\b\bforged",
    "delete": "a\x7fb",
    "bell": "a\x07b",
    "right to left": "a\u202egnp.b",
    "isolate": "a\u2066b\u2069",
    "zero width": "a\u200bb\u2060c\ufeffd",
    "tags": "a\U000e0001\U000e0062b",
    "private use": "a\ue000b",
    "escapes of GitHub": "a%0A::error::forged",
}
Files = dict[str, str | bytes]


PLACES: dict[str, Callable[[str], Files]] = {
    "file that is a credential": lambda text: {f"conf/{text}.pem": "x", "main.py": PLAIN},
    "folder with a credential": lambda text: {f"{text}/id_rsa": "x", "main.py": PLAIN},
    "module that can't be parsed": lambda text: {f"w{text}.py": PLAIN + "def f(:\n"},
    "name of an endpoint": lambda text: {"main.py": PLAIN.replace('"w"', repr(text))},
    "unknown argument": lambda text: {"main.py": PLAIN.replace('"w"', f"{text!r}, **{{{text!r}: 1}}")},
    "variable": lambda text: {"main.py": PLAIN.replace('"w"', f'"w", env={{{text!r}: 1}}')},
    "declared requirement": lambda text: {"main.py": PLAIN.replace('"w"', f'"w", dependencies=[{text!r}]')},
    "requirement in a file": lambda text: {"main.py": PLAIN, "requirements.txt": f"ok\n{text} ==\n"},
    "included file": lambda text: {"main.py": PLAIN, "requirements.txt": f"-r {text}\n"},
    "option": lambda text: {"main.py": PLAIN, "pyproject.toml": f"[tool.flashc]\n{json.dumps(text)} = 1\n"},
    "value of an option": lambda text: {"main.py": PLAIN, "pyproject.toml": f"[tool.flashc]\npython-version = {json.dumps(text)}\nlocker = {json.dumps(text)}\n"},
    "package of a lock": lambda text: {"main.py": PLAIN, "pyproject.toml": "[project]\nname='a'\n", "uv.lock": f"[[package]]\nname = {json.dumps(text)}\nversion = {json.dumps(text)}\nsource = {{registry = 'x'}}\n"},
    "package of a Pipfile": lambda text: {"main.py": PLAIN, "Pipfile": f"[packages]\n{json.dumps(text)} = {json.dumps(text)}\n"},
    "suppression": lambda text: {"main.py": PLAIN + f"# flashc: ignore[{text!r}] {text!r}\n"},
    "text of a finding's line": lambda text: {"main.py": PLAIN.replace('"w"', f'"w", worker={text!r}')},
}  # fmt: skip
VARIANTS = {"hostile texts": len(TEXTS) * len(PLACES)}


def is_harmless(output: str) -> bool:
    """Return whether an output has no control characters, and no line that the project has written."""
    lines = output.splitlines()
    return visible(output) == output and not any(
        line.startswith((FORGED, "::error::forged")) for line in lines
    )


def every_place(text: str) -> Files:
    """Return one project that has the text at every place; each module has a name of its own."""
    merged: Files = {}
    for number, place in enumerate(PLACES.values()):
        for name, content in place(text).items():
            is_module = name == "main.py"
            merged[f"main{number}.py" if is_module else name] = content
    return merged


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_of_a_project_controls_what_is_printed(text: str, tmp_path: Path) -> None:
    app = tmp_path / "app"
    write(app, every_place(TEXTS[text]))
    for output_format in ("text", "json", "sarif", "github"):
        done = CliRunner().invoke(cli, ["check", str(app), "--format", output_format])
        assert done.exit_code == 1, done.output
        assert is_harmless(done.output), (output_format, done.output)
        if output_format in ("json", "sarif"):
            json.loads(done.output)
    messages = messages_for_editors(app)
    assert messages
    assert all(visible(message) == message for message in messages), messages


def messages_for_editors(root: Path) -> list[str]:
    """Return the messages of all findings as the language server writes them."""
    return [message_of(each) for each in analyse(root, {}).diagnostics]


GOOD = {
    "main.py": 'from runpod_flash import Endpoint\n\n@Endpoint(name="w", env={TEXT: TEXT})\ndef f(x: int) -> int: return x\n',
}
VARIANTS["hostile texts in other outputs"] = len(TEXTS) * 3


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_controls_what_other_commands_print(text: str, tmp_path: Path) -> None:
    """In a file's name and in variables; and as the name of a file that is not there."""
    hostile = TEXTS[text]
    app = write(tmp_path / "app", {"main.py": GOOD["main.py"].replace("TEXT", repr(hostile))})
    write(app, {f"data/{hostile}.txt".replace("\n::", "\n__"): "x"})
    for command in (
        ["build", "--no-install"],
        ["size"],
        ["lock"],
        ["emit", "--target", "ir"],
        ["emit", "--target", "manifest"],
    ):
        done = CliRunner().invoke(cli, [*command, str(app)])
        assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit)
        assert is_harmless(done.output), (command, done.output)
    for command in (["verify"], ["check"], ["emit", "--target"], ["plan", "-o"]):
        done = CliRunner().invoke(cli, [*command, str(tmp_path / hostile)])
        assert is_harmless(done.output), (command, done.output)

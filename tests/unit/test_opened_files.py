"""What a program reads of an opened file is what Python reads, or it is unknown."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pytest

from flashc.evaluator.interpreter import Interpreter
from flashc.evaluator.values import NotConcrete, concrete
from flashc.project.discover import discover
from flashc.syntax.parse import parse
from tests.support.projects import write

CONTENTS = {
    "lines": b"a\nb\nc\nd\n",
    "no last end": b"a\n\nb",
    "empty": b"",
    "carriage returns": b"a\rb\n",
    "both": b"a\r\nb\r\n",
    "a form feed": b"a\x0cb\n\xe2\x80\xa8c\n",
    "a mark": b"\xef\xbb\xbfa\n",
}
# Programs that read the file `p` with the mode `m`; the names of which flashc knows the values.
READ = {
    "f = open(p, m); v = f.read(); w = f.read(); x = f.readlines()": "vwx",
    "f = open(p, m); v = f.readlines(); w = f.read()": "vw",
    "with open(p, mode=m) as f: v = [line for line in f]; w = f.read()": "vw",
    "v = list(zip(*[open(p, m)] * 2))": "v",
    "f = open(p, m)\nfor v in f: break\nw = f.read()": "w",
    "f = open(p, m); w = []\nfor v in f: w.append(f.read())": "w",
    "f = open(p, m); v = next(f, 1); w = next(iter(f), 2); x = f.read()": "vwx",
}
LEFT_OPEN = (
    "f = open(p, m); v = f.readline(); w = f.read()",
    "f = open(p, m); v = f.seek(0); w = f.readlines()",
    "f = open(p, m); v = f.read(1); w = f.read()",
    "f = open(p, m); v = bool(f.close())\ntry: w = f.read()\nexcept ValueError: w = 1",
)


def evaluated(text: str, content: bytes, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the names that flashc knows, and those that Python computes."""
    root = write(folder, {"data.txt": content, "m.py": text})
    syntax = parse("m.py", "m", False, text)
    machine = Interpreter(project=discover(root), load={"m": syntax}.get, environment={})
    machine.evaluate_module("m")
    with ExitStack() as opened:

        def opening(path: Path, mode: str) -> IO[Any]:
            return opened.enter_context(open(path, mode))

        names: dict[str, Any] = {"__file__": str(root / "m.py"), "open": opening}
        exec(compile(text, "m.py", "exec", dont_inherit=True), names)
    known: dict[str, Any] = {}
    for name, value in machine.frames["m"].names.items():
        if len(name) == 1 and name not in "fmp":
            try:
                known[name] = concrete(value)
            except NotConcrete:
                continue
    return known, names


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("mode", ["r", "rb"])
@pytest.mark.parametrize("program", [*READ, *LEFT_OPEN])
def test_known_is_what_python_reads(
    program: str, mode: str, content: bytes, tmp_path: Path
) -> None:
    head = f"from pathlib import Path\np = Path(__file__).parent / 'data.txt'; m = {mode!r}\n"
    known, names = evaluated(head + program + "\n", content, tmp_path)
    assert known == {name: names[name] for name in known}
    assert known.keys() >= {name for name in READ.get(program, "") if name in names}

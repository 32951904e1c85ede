"""What a program reads of an opened file is what Python reads, or it is unknown."""

from __future__ import annotations

import warnings
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
    "f = open(p, m)\ntry: v = f.read(size=1)\nexcept TypeError: v = 1\nw = f.read()",
    "f = open(p, m)\ntry: v = f.readlines(hint=1)\nexcept TypeError: v = 1\nw = f.read()",
    "f = open(p, m); v = bool(f.close())\ntry: w = f.read()\nexcept ValueError: w = 1",
)


def evaluated(text: str, content: bytes, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the names that flashc knows, and those that Python computes."""
    root = write(folder, {"data.txt": content, "m.py": text})
    syntax = parse("m.py", "m", False, text)
    machine = Interpreter(project=discover(root), load={"m": syntax}.get, environment={})
    machine.evaluate_module("m")
    with ExitStack() as opened:

        def opening(path: Path, *given: Any, **named: Any) -> IO[Any]:
            return opened.enter_context(open(path, *given, **named))

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


# Arguments of `open` behind the path, those that flashc knows first; and arguments of `Path.read_text`.
OPENED = (
    "encoding='utf-8'", "encoding='latin-1'", "encoding='utf-8-sig'", "encoding='cp1252'", "encoding='ascii'",
    "encoding='utf-16'", "'r', encoding=None, errors=None", "'r', -1, 'latin-1'", "'r', -1, 'ascii', 'replace'",
    "encoding='ascii', errors='ignore'", "encoding='ascii', errors='backslashreplace'", "newline=''",
    "newline='\\n'", "newline='\\r'", "newline='\\r\\n'", "'r', -1, None, None, ''", "'rt', buffering=1",
    "'rb', buffering=0", "encoding='no such'", "encoding='rot13'", "encoding='hex'", "encoding=5", "newline='a'",
    "errors='no such'", "'rb', encoding='utf-8'", "'r', -1, None, None, None, True", "closefd=True", "'r', None",
    "'w+'", "encoding='utf-7'", "encoding='UTF8'", "encoding='locale'", "encoding='unicode_escape'",
)  # fmt: skip
READ_TEXT = (
    "",
    "'latin-1'",
    "encoding='utf-8-sig'",
    "'ascii', 'ignore'",
    "errors='replace'",
    "encoding='hex'",
)
SURELY_KNOWN = (*OPENED[:2], *OPENED[11:18], *READ_TEXT[:3])


@pytest.mark.parametrize(
    "content",
    [*CONTENTS.values(), b"caf\xc3\xa9\r\n", b"caf\xe9\n", "é\n".encode("utf-16"), b"+AOk-\n"],
    ids=[*CONTENTS, "UTF-8", "Latin-1", "UTF-16", "UTF-7"],
)
@pytest.mark.parametrize("arguments", [*OPENED, *(f"text {each}" for each in READ_TEXT)])
def test_a_file_is_read_as_the_arguments_say(
    arguments: str, content: bytes, tmp_path: Path
) -> None:
    text = arguments.removeprefix("text ")
    reads = {
        "v": f"v = open(p, {text}).read()",
        "w": f"w = open(p, {text}).readlines()",
        "x": f"with p.open({text}) as f: x = f.read()",
    }
    if text != arguments:
        reads = {"v": f"v = p.read_text({text})"}
    (tmp_path / "data.txt").write_bytes(content)
    usable = [name for name, code in reads.items() if _ends(code, tmp_path / "data.txt")]
    program = "from pathlib import Path\np = Path(__file__).parent / 'data.txt'\n" + "".join(
        f"{code}\n" if name in usable else f"try:\n    {code}\nexcept Exception: pass\n"
        for name, code in reads.items()
    )
    known, names = evaluated(program, content, tmp_path)
    assert known == {name: names.get(name) for name in known}
    if text in SURELY_KNOWN:
        assert known.keys() == {*usable}


def _ends(code: str, path: Path) -> bool:
    """Return whether a statement that reads the file `p` raises nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the files are closed by the garbage collector
        try:
            exec(code, {"p": path})
        except (OSError, ValueError, LookupError, TypeError):
            return False
    return True


@pytest.mark.parametrize("handled", ["Exception", "BaseException", "ValueError", "LookupError", "KeyError",
                                     "ArithmeticError", "Own", "Other", "(OSError, KeyError)", "Both"])  # fmt: skip
@pytest.mark.parametrize(
    "raised", ["Own", "Other()", "Both('a')", "Deep", "ValueError", "KeyboardInterrupt"]
)
def test_an_exception_is_caught_where_python_catches_it(
    raised: str, handled: str, tmp_path: Path
) -> None:
    program = (
        "class Own(BaseException): pass\nclass Other(Own): pass\n"
        "class Both(ValueError, KeyError): pass\nclass Deep(Own, Both): pass\n"
        f"v = w = 0\ntry: raise {raised}\nexcept {handled}: v = 1\nexcept BaseException: w = 1\n"
    )
    known, names = evaluated(program, b"", tmp_path)
    assert known == {name: names[name] for name in ("v", "w")}

"""Modules that LibCST parses, and that no Python can import."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from flashc.syntax.host import Refusal, compile_text
from tests.support.projects import compile_files

WORKER = (
    'from runpod_flash import Endpoint\n\n@Endpoint(name="w")\nasync def run(x: int): return x\n'
)

REFUSED = {
    "a null character": "# a \0 b",
    "a name that Unicode does not have": 'x = "\\N{NO SUCH NAME}"',
    "an escape that ends too early": 'x = "\\x0"',
    "bytes with a letter that is not ASCII": 'x = b"é"',
    "a number of too many digits": "x = " + "1" * 5000,
    "two parameters of one name": "def g(a, a): pass",
    "two parameters of a lambda": "x = lambda a, a: 1",
    "two arguments of one name": "x = dict(a=1, a=2)",
    "return in a module": "return 1",
    "return with a value in a generator": "async def g():\n    yield 1\n    return 2",
    "yield in a module": "x = (yield)",
    "await in a module": "await x",
    "await in a function": "def g():\n    await x",
    "break outside a loop": "if 1:\n    break",
    "continue outside a loop": "continue",
    "nonlocal in a module": "nonlocal x",
    "nonlocal without a variable": "def g():\n    nonlocal zzz",
    "global after a use": "def g():\n    x = 1\n    global x",
    "a parameter that is global": "def g(x):\n    global x",
    "a late import from the future": "x = 1\nfrom __future__ import annotations",
    "an unknown import from the future": "from __future__ import braces_for_all",
    "all names in a function": "def g():\n    from os import *",
    "a constant as a target": "__debug__ = 1",
    "two stars in a target": "a, *b, *c = x",
    "a star alone": "a = *b",
    "a case behind one that takes all": "match x:\n    case a: pass\n    case b: pass",
    "a name twice in a pattern": "match x:\n    case a, a: pass",
    "blocks in many blocks": "".join(f"{' ' * n}for a in b:\n" for n in range(25)) + " " * 25 + "1",
}

WARNED = {
    "an escape that does not exist": 'import re\nP = re.compile("\\d+")',
    "a number before a keyword": "x = 1or 2",
    "a comparison by identity": "x = 1 is 1",
    "a subscript of a number": "if False:\n    x = 0 + 0[1]",
    "a call of a text": "if False:\n    x = 'a'(1)",
    "an assertion about a tuple": "assert (1, 'always')",
    "an escape in an annotation": "def g(x: \"Literal['\\d']\") -> str: ...",
    "an escape in a text that is evaluated": "import ast\nx = ast.literal_eval(r\"'\\d'\")",
    "a set in a pattern": "import re\nP = re.compile('[[a]')",
}


def _found(root: Path, files: dict[str, str]) -> list[tuple[str, str, int]]:
    """The findings in files: code, path, line."""
    compiled = compile_files(root, files)
    return [(d.rule.code, d.path, d.line) for d in compiled.diagnostics]


@pytest.mark.parametrize("kind", REFUSED)
def test_a_worker_that_no_python_imports_is_an_error(kind: str, tmp_path: Path) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        compile(REFUSED[kind], "m", "exec")
    found = _found(tmp_path, {"worker.py": f"{WORKER}\n{REFUSED[kind]}\n"})
    assert [(code, path) for code, path, _ in found] == [("FC001", "worker.py")]
    assert all(line >= 6 for _, _, line in found)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_module_that_a_worker_imports_is_compiled_too(kind: str, tmp_path: Path) -> None:
    files = {
        "worker.py": f"import helper\n{WORKER}",
        "helper.py": "import deep\n",
        "deep.py": f"x = 1\n{REFUSED[kind]}\n",
        "unused.py": f"{REFUSED[kind]}\n",
    }
    found = _found(tmp_path, files)
    assert [(code, path) for code, path, _ in found] == [("FC001", "deep.py")]


NEWER = {
    "x = t'{1}'": "a template string",
    "lazy import os": "a lazy import",
    "lazy from os import path": "a lazy import",
    "x = [*a for a in b]": "a comprehension with `*`",
    "x = {*a for a in b}": "a comprehension with `*`",
    "x = max(*a for a in b)": "a comprehension with `*`",
    "x = {**a for a in b}": "a comprehension with `**`",
    "try: pass\nexcept OSError, ValueError: pass": "several exceptions without parentheses",
}


@pytest.mark.parametrize("text", NEWER)
def test_syntax_that_no_worker_knows_is_an_error(text: str, tmp_path: Path) -> None:
    files = {"worker.py": f"import helper\n{WORKER}", "helper.py": f"x = 1\n{text}\n"}
    problem = compile_files(tmp_path, files).found("FC001")
    assert (problem.path, problem.line) == ("helper.py", 3 if "except" in text else 2)
    files["worker.py"] += f"\n{text}\n"
    compiled = compile_files(tmp_path / "b", files)
    assert [d.path for d in compiled.diagnostics if d.rule.code == "FC001"] == ["worker.py"]


def test_syntax_of_a_newer_worker_is_no_certain_mistake() -> None:
    for version, text in {
        (3, 12): "type Size = int\nx = f'{f'{1}'}'\n",
        (3, 13): "def g[T = int](x: T): pass\n",
    }.items():
        compiled = compile_text(text)
        assert isinstance(compiled, Refusal) == (sys.version_info < version)
        assert not isinstance(compiled, Refusal) or not compiled.is_certain


def test_what_the_compiler_accepts_is_not_refused() -> None:
    for path in (*Path(__file__).parent.glob("*.py"), *Path(ast.__file__).parent.glob("*.py")):
        assert not isinstance(compile_text(path.read_text(encoding="utf-8")), Refusal)


@pytest.mark.parametrize("kind", WARNED)
def test_what_python_only_warns_of_is_accepted_where_warnings_are_errors(
    kind: str, tmp_path: Path
) -> None:
    """The tests run with `-W error`, as those of a user of the pytest plugin may."""
    with pytest.raises((Warning, SyntaxError)):
        exec(compile(WARNED[kind], "m", "exec"), {})
    assert _found(tmp_path, {"worker.py": f"{WORKER}\n{WARNED[kind]}\n"}) == []


def test_a_warning_of_python_hides_no_undefined_name(tmp_path: Path) -> None:
    text = f"{WORKER}\nPATTERN = '\\d'\nprint(missing)\n"
    assert [code for code, *_ in _found(tmp_path, {"worker.py": text})] == ["FC127"]

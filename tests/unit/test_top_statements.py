"""Folders that a module adds to `sys.path` are the same whether single statements or the whole module is parsed."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flashc.project.source_roots import (
    added_by_module,
    added_by_statements,
    added_by_tree,
    added_folders,
)
from flashc.project.top_statements import TopStatements, Unclear
from tests.support.profiles import examples

_CLEAR = (
    'import sys\nsys.path.insert(0, "src")\n',
    'import sys\nfrom pathlib import Path\nROOT = LIB = Path(__file__).parent / "lib"\nsys.path.insert(0, str(LIB))\n',
    '"""sys.path.append(\'no\')\nsys.path.insert(0, "no")\n"""\nsys.path.append("yes")\n',
    "def main():\n    import sys\n\n    sys.path.insert(\n        0, 'deep'\n)\n",
    "text = '''\nsys.path.insert(0, 'no')\n'''  # sys.path.append('no')\nsys.path += ['a', 'b']\n",
    "if True:\n    sys.path[:0] = ['a']\nelse:\n    pass\n",
    "A = 'one'\nA = 'two'\nsys.path.append(A)\n",
    's = "an \\" sys.path.append"\nsys.path.append("x")\n',
    "x = 1; sys.path.append('y')\n",
    "",
)
_UNCLEAR = (
    "if False:\n    pass\nelse:\n    sys.path.append('b')\n",
    "from x import WHERE\nsys.path.append(WHERE)\n",
    "for each in ['a']:\n    sys.path.append(each)\n",
    "x = [\n1,\n]; sys.path.append('z')\n",
    "import a; HERE = 'q'\nsys.path.append(HERE)\n",
    "# coding: latin-1\nsys.path.append('\xe9')\n",
)
_PARTS = st.sampled_from(
    ["sys.path.append('a')\n", "X = 'b'\n", "sys.path.insert(0, X)\n", '"""', "'''", "'", '"', "#", "\\", "\n"]
    + ["if y:\n    ", "else:\n    pass\n", "(", ")", "f'{X}'\n", "r'\\'\n", "def f():\n    ", "é = 'c'\n"]
)  # fmt: skip


def _by_tree(text: str) -> list[str]:
    return sorted(map(str, added_by_tree("m.py", text.encode())))


@pytest.mark.parametrize("text", _CLEAR)
def test_statements_are_read_without_the_rest_of_the_module(text: str) -> None:
    assert sorted(map(str, added_by_statements("m.py", text.encode()))) == _by_tree(text)


@pytest.mark.parametrize("text", _UNCLEAR)
def test_what_depends_on_other_statements_is_read_from_the_whole_module(text: str) -> None:
    with pytest.raises(Unclear):
        list(added_by_statements("m.py", text.encode()))
    assert sorted(map(str, added_by_module("m.py", text.encode()))) == _by_tree(text)


@settings(max_examples=examples(300))
@given(st.lists(_PARTS, max_size=12).map("".join))
@example("x = '''\n'''\nsys.path.append('a')\n")
def test_any_module_that_can_be_parsed_adds_the_same_folders(text: str) -> None:
    try:
        compile(text, "m.py", "exec")
    except (SyntaxError, ValueError):
        return
    assert sorted(map(str, added_by_module("m.py", text.encode()))) == _by_tree(text)


@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * 300_000,
        '"""\\"' * 200_000,
        "'" * 500_001,
        "a=" * 200_000 + "1\n",
        "".join(f"x{n} = x{n + 1}\n" for n in range(20_000)) + "sys.path.append(x0)\n",
        "def f():\n" + "    sys.path.append('a')\n" * 10_000,
    ],
    ids=["escapes", "text", "quotes", "assignments", "names", "changes"],
)
def test_every_character_of_a_long_module_is_read_once(text: str) -> None:
    data = f"sys.path.insert(0, 'src')\n{text}".encode()
    assert [each.folder for each in added_folders({"m.py": data})][:1] == ["src"]


def test_a_statement_ends_before_the_next_line_that_begins_with_code() -> None:
    data = b"a = (1,\n  2,\n)\n\nb = 3\n"
    statements = TopStatements(data)
    assert dict(statements.assigned()) == {"a": 0, "b": data.index(b"b")}
    assert statements.begins_of([9]) == [0]

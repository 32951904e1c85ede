"""The process that reads modules imports LibCST with lighter nodes, which are the same otherwise."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = r"""
import sys
from flashc.incremental import light_libcst, reader_process
if sys.argv[1] == "prepared":
    reader_process._prepare()
import dataclasses, libcst

@dataclasses.dataclass(frozen=True)
class Mine:
    x: int

node = libcst.parse_module("def f(x: int = 1): return [x, 2]  # note\\n").body[0]
same, other = node.deep_clone(), node.with_changes(name=libcst.Name("g"))
print(repr(node), node == same, node.deep_equals(same), node.deep_equals(other), len({node, same}))
print(libcst.Module([other]).code, Mine(1) == Mine(1), hash(Mine(1)) == hash(Mine(1)), Mine(1))
from flashc.syntax.positions import Positions
text = "@d( # c\n x)\nclass A :\n\tdef f(s, *, k=(1)): return [\n\t  k , -1 # d\n\t]; pass\n\n# e\nif x : y\n"
tree = libcst.parse_module(text)
positions, pending = Positions(tree), [tree]
while pending:
    node = pending.pop()
    pending += node.children
    if type(node).__name__ not in light_libcst.WHITESPACE:
        print(type(node).__name__, positions.extent(node))
try:
    Mine(1).x = 2
except dataclasses.FrozenInstanceError as error:
    print(error)
"""


# The first is newer than Python 3.11, so that what follows it has to be found by LibCST there.
_REFUSED = r"""
import sys
from flashc.incremental import reader_process
if sys.argv[1] == "prepared":
    reader_process._prepare()
from flashc.syntax.parse import parse
from flashc.syntax.problems import SyntaxProblem
newer = 'print(f"{a["b"]}")\n'
for text in (newer, 'b"a" "b"', newer + 'b"a" "b"\n', newer + "def f(a=1, b): ...", "x = (", "a b", "f(**a, *b)"):
    try:
        print(parse("a.py", "a", False, text).tree.code)
    except SyntaxProblem as problem:
        print(problem, problem.line, problem.column)
"""


def _run(how: str, program: str = _PROGRAM) -> str:
    command = [sys.executable, "-c", program, how]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_nodes_behave_as_those_of_a_whole_libcst_except_for_positions_of_white_space() -> None:
    assert _run("prepared") == _run("plain")


def test_text_is_refused_as_by_a_whole_libcst() -> None:
    assert _run("prepared", _REFUSED) == _run("plain", _REFUSED)

"""Draw programs that ask code outside of the project which way to take; `lib.flag()` is such a question.

Functions return, loops are left and exceptions are handled where that may happen or not,
and what is done after them changes what the program has outside.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tests.support.constant_expressions import EXPRESSIONS
from tests.support.constant_programs import TABLES, ConstantProgram

_GRAMMAR = replace(
    EXPRESSIONS,
    forms={**EXPRESSIONS.forms, "bool": ("lib.flag()",) * 3 + EXPRESSIONS.forms["bool"]},
)
_LEAVING = (
    "if lib.flag(): return",
    "if lib.flag(): return <int>",
    "if lib.flag(): return\nelse:\n<block>",
    "if <bool>:\n<block>\n    return <int>",
    "for <$i> in list(<ints>)[:4]:\n    if <bool>: <pick break continue return>\n<block $i:int>",
    "for <$i> in list(<strs>)[:4]:\n    if lib.flag(): <pick break return>\n<block $i:str>\nelse:\n<block>",
    "for <$i> in lib.numbers():\n    if <bool>: <pick break continue return>\n<block>\nelse:\n<block>",
    "while lib.flag():\n    if <bool>: <pick break continue return>\n<block>",
    "while True:\n<block>\n    if lib.flag(): <pick break return>\n<block>",
    "while <bool>:\n<block>\n    if lib.flag(): <pick break continue>\n    break\nelse:\n<block>",
    "try:\n<block>\n    if lib.flag(): return\n<block>\nexcept KeyError:\n<block>\nelse:\n<block>",
    "try:\n<block>\n    if lib.flag(): raise KeyError('k')\n<block>\nexcept KeyError:\n    return\n"
    "finally:\n<block>",
    "with STATE:\n<block>\n    if <bool>: return <int>\n<block>",
    "try:\n    if <bool>: return <int>\n<block>\nfinally:\n<block>\n    if lib.flag(): return",
    "import contextlib\nwith contextlib.suppress(KeyError):\n<block>\n    if lib.flag(): raise KeyError\n<block>",
    "match <int>:\n    case 0:\n        return\n    case int_ if lib.flag():\n    <block>\n    case _:\n        return <int>",
)
_EFFECTS = (
    "TABLE['<pick a b c>'] = <int>",
    "TABLE.pop('<pick a b>', None)",
    "ITEMS.append(<int>)",
    "ITEMS[:1] = <ints>[:2]",
    "STATE.size = <int>",
    "STATE.rows.append(<int>)",
    "State.kind = <str>",
    "COUNT = <int>",
    "COUNT += 1",
    "p = <any>",
)
# For these, Python calls special methods of `STATE`.
_OPERATIONS = (
    "<$a> = str(STATE)",
    "<$a> = f'{STATE}'",
    "<$a> = '%s' % STATE",
    "ITEMS.append(STATE + <int>)",
    "<$a> = <int> + STATE",
    "<$a> = len(STATE)",
    "<$a> = STATE[<int>]",
    "<$a> = STATE == <int>",
    "<$a> = <int> in STATE",
    "<$a> = sorted([STATE, STATE], key=str)[0].size",
    "<$a> = [i for i in STATE]",
)
_BLOCKS = (
    "if STATE:\n<block>\nelse:\n<block>",
    "with STATE as <$a>:\n<block>",
    "with STATE:\n<block>\n    if lib.flag(): raise KeyError\n<block>",
    "with STATE:\n<block>\n    raise KeyError",
    "for <$i> in STATE:\n<block>",
)
_CALLS = (
    "f(<any>)",
    "g(<any>)",
    "STATE.run(<int>)",
    "<$a> = f(<any>)",
    "ITEMS.append(g(<int>))",
    "<$a> = [f(i) for i in <ints>[:2]]",
)
# Without a test, a function that calls itself would have no end.
_RECURSION = (
    "if lib.flag(): f(<any>)",
    "<$a> = g(<int>) if lib.flag() else 0",
    "while lib.flag(): STATE.run(<int>)",
    "<$a> = [f(i) for i in lib.numbers() if lib.flag()]",
)
_HEAD = """import lib
COUNT, TABLE, ITEMS = 0, {'a': 1, 'b': 2}, [1, 2]
class State:
    kind = 'cpu'
    def __bool__(self): return self.size % 2 == 0
    def __len__(self):
        self.size += 1
        return len(self.rows)
    def __iter__(self):
        self.rows.append(self.size)
        return iter(self.rows[:2])
    def __getitem__(self, key):
        TABLE['b'] = key
        return self.rows[0]
    def __contains__(self, item): return item == self.size
    def __eq__(self, other):
        ITEMS.append(3)
        return NotImplemented if lib.flag() else self.size == other
    def __add__(self, other):
        self.rows.append(other)
        return self.size
    __radd__ = __add__
    def __enter__(self):
        self.size += 1
        return self.rows
    def __exit__(self, *error):
        self.rows.append(self.size)
        return self.size > 2
    def __str__(self):
        self.size = 4
        return 'text'
    def __init__(self):
        self.size, self.rows = 1, [1]
    def run(self, p):
        global COUNT"""
_MIDDLE = "STATE = State()"
_SEEN = "seen = COUNT, TABLE, ITEMS, STATE.size, STATE.rows, State.kind"


class UncertainProgram(ConstantProgram):
    """Writes a program of some functions, which call each other, and of calls of them."""

    is_called = False

    def program(self) -> str:
        for line in _HEAD.split("\n"):
            self.line(line)
        self._body(2)
        self.line(_MIDDLE)
        for name in "fg":
            self.line(f"def {name}(p):")
            self.line("    global COUNT")
            self._body(1)
        self.is_called = True
        for _ in range(3):
            self.nested(1)
            self.line(_SEEN.replace("seen", self.fresh(), 1))
        return self.text()

    def _body(self, indent: int) -> None:
        """Write the body of a function."""
        self.indent += indent
        saved = {kind: list(names) for kind, names in self.scope.items()}
        self.nested(2)
        if self.happens(50):
            self.line(f"return {self.expression('int', 1)}")
        self.line("pass")
        self.scope = saved
        self.indent -= indent

    def families(self, depth: int) -> tuple[str, ...]:
        if self.is_called:
            plain: tuple[str, ...] = ("effect",) * 2 + ("call",) * 3 + ("operation",) * 2
            return (*plain, "compound", "block") if depth > 0 else plain
        plain = (*("effect",) * 4, "recursion", "operation")
        return (*plain, *("leaving",) * 5, "compound", "block") if depth > 0 else plain

    def write_statement(self, family: str, depth: int) -> None:
        tables = {
            "effect": _EFFECTS,
            "call": _CALLS,
            "operation": _OPERATIONS,
            "block": _BLOCKS,
            "recursion": _RECURSION,
            "leaving": _LEAVING,
            "compound": TABLES["compound"],
        }
        self.statement(self.choose(self.usable(tables[family])), depth)


@st.composite
def uncertain_programs(draw: st.DrawFn) -> str:
    """Draw a program."""
    return UncertainProgram(draw, _GRAMMAR).program()

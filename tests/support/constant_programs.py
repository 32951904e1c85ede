"""Draw programs whose every name Python can compute without any input.

They have straight-line code, branches, loops, functions and classes.  `tests/support/grammar.py` explains
the templates.
"""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.constant_expressions import EXPRESSIONS
from tests.support.grammar import Writer

_NAMES = tuple(
    template
    for kind in EXPRESSIONS.types
    for template in (f"<$a:{kind}> = <{kind}>",) * 4
    + (
        f"<old {kind}> = <{kind}>",
        f"<$a:{kind}> = <$b:{kind}> = <{kind}>",
        f"<$a:{kind}>: object = <{kind}>",
    )
)
# What a loop repeats adds a few elements only: a list that doubles each time has no end.
_SIMPLE = (
    "pass",
    "<$a:str>, <$b:int> = <pair>",
    "<$a:int>, *<$b:ints> = [<int>, *<ints>]",
    "<old int> <pick += *= -=> 2",
    "<old str> += <str>[:9]",
    "<old ints> += <ints>[:4]",
    "<old table> |= <table>",
    "<old set> <pick |= &= -=> <set>",
    "<old ints>.append(<int>)",
    "<old ints>.extend(<ints>[:4])",
    "<old ints>.insert(0, <int>)",
    "<old ints>.sort(key=lambda i: -i)",
    "<old ints>.reverse()",
    "<old ints>[:1] = <ints>[:4]",
    "del <old ints>[1:]",
    "<$n> = <old ints>\n<$n> *= 2 if len(<$n>) < 40 else 1",
    "<old strs>.append(<str>)",
    "<old strs>.sort()",
    "<old strs> += <strs>[:4]",
    "<old table>[<str>] = <int>",
    "<old table>.update(k=<int>)",
    "<old table>.update(<table>)",
    "<old table>.setdefault('s', <int>)",
    "<old table>.pop('a', None)",
    "<old table>.clear()",
)
_COMPOUND = (
    "if <bool>:\n<block>",
    "if <bool>:\n<block>\nelse:\n<block>",
    "if <bool>:\n<block>\nelif <bool>:\n<block>",
    "if <bool>:\n<block>\nelif <bool>:\n<block>\nelse:\n<block>",
    "for <$i> in list(<ints>)[:4]:\n<block $i:int>",
    "for <$i> in list(<strs>)[:4]:\n<block $i:str>",
    "for <$i> in list(<ints>)[:4]:\n    if <bool>: <pick break continue>\n<block $i:int>",
    "for <$i> in list(<strs>)[:4]:\n    if <bool>: break\n<block $i:str>\nelse:\n<block>",
    "<$n> = <pick 0 1 2 3>\nwhile <$n> > 0:\n    <$n> -= 1\n<block>",
    "<$a:int> = 5\ntry:\n<block>\n    <$a> = <int>\nexcept Exception:\n<block>\nelse:\n<block>",
    "<$a:int> = 5\ntry:\n<block>\n    <$a> = {}['no']\n    <$a> = <int>\nexcept KeyError:\n<block>",
    "<$a:int> = 5\ntry:\n    <$a> = <pick {}['no'] int('x')>\nexcept (KeyError, ValueError):\n"
    "<block>\nfinally:\n<block>",
    "<$a:int> = 5\ntry:\n<block>\n    <$a> = <pick {}['no'] [][1] 3>\n    <$a> = <int>\n"
    "except LookupError as error:\n<block>\nelse:\n<block>",
    "<$a:int> = 5\ntry:\n    <$a> = <pick 1//0 int('x') [][1] {}['no']>\n"
    "except Exception as error:\n<block>\nfinally:\n<block>",
    "match <int>:\n    case 0:\n    <block>\n    case 1 | 2:\n    <block>\n"
    "    case int_ if int_ > 5:\n    <block>\n    case _:\n    <block>",
    "match <pair>:\n    case ('gpu', 1):\n    <block>\n    case (head, 0):\n    <block>\n"
    "    case ('', *rest):\n    <block>\n    case [_, number]:\n    <block>",
    "match <table>:\n    case {'a': 1}:\n    <block>\n    case {'b': found}:\n    <block>\n"
    "    case {'a': 0, **rest}:\n    <block>\n    case _:\n    <block>",
    "match <str>:\n    case 'gpu':\n    <block>\n    case 'cpu' | 'Worker':\n    <block>\n"
    "    case other:\n    <block>",
)
_CLOSURES = (
    "<$n> = <int>\n"
    "def <$f>(p=1):\n    global <$n>\n    <$n> += p\n    return <$n>\n"
    "<$a:int> = <$f>(<int>)\n<$b:int> = <$f>(2) + <$a>",
    "def <$m>(start=<int>):\n    total = start\n    def add(p):\n        nonlocal total\n"
    "        total += p\n        return total\n    return add\n"
    "<$f> = <$m>()\n<$a:int> = <$f>(<int>)\n<$b:int> = <$f>(2) + <$a>",
)
_RECORDS = (
    "from dataclasses import dataclass, field, replace\n@dataclass<pick () (frozen=True)>\n"
    "class <$R>:\n    a: int\n    b: str = <str>\n    c: list = field(default_factory=list)\n"
    "<$r> = <$R>(<int>)\n<$a:int> = replace(<$r>, a=<int>).a + <$r>.a\n<$b:str> = <$r>.b",
    "from typing import NamedTuple\nclass <$R>(NamedTuple):\n    a: int\n    b: str = <str>\n"
    "<$r> = <$R>(<int>)\n<$a:int> = <$r>._replace(a=<int>).a + <$r>.a\n<$b:str> = <$r>.b",
)
_CLASSES = (
    "class <$C>:\n    SIZE = <int>\n    TAGS = <strs>\n"
    "    def __init__(self, scale=2):\n        self.scale = scale\n"
    "    @property\n    def area(self): return self.SIZE * self.scale\n"
    "    @staticmethod\n    def twice(n): return n * 2\n"
    "    @classmethod\n    def one(cls): return cls(1)\n"
    "    def plus(self, n): return self.area + n\n"
    "<$c> = <$C>(<pick scale=4 3>)\n"
    "<$a:int> = <$c>.plus(<$C>.twice(<int>)) + <$C>.one().area + <$C>.SIZE + len(<$c>.TAGS)",
    "class <$C>:\n    SIZE = <int>\n    def __init__(self, scale=2):\n        self.scale = scale\n"
    "<$c> = <$C>()\n<$c>.scale += <int>\n<$a:int> = <$c>.scale + <$c>.SIZE",
)
_MEMBERS = (
    "<$E>.A",
    "<$E>['B']",
    "<$E>[<$n>[0]]",
    "list(<$E>)[-1]",
    "<$E>['A' if <bool> else 'B']",
)
_ENUMS = tuple(
    f"from enum import Enum, IntEnum, StrEnum\nclass <$E>({base}):\n    A = {a}\n    B = {b}\n"
    f"<$n:strs> = [m.name for m in <$E>]\n"
    f"<$a:str> = {member}.name + str({member}.value) + str(len(<$E>))"
    for base, a, b in (
        ("Enum", "'x'", "'y'"),
        ("str, Enum", "'x'", "'y'"),
        ("IntEnum", "1", "2"),
        ("StrEnum", "'x'", "'y'"),
    )
    for member in (*_MEMBERS, f"<$E>({b})")
)
# What a good program does not do.
_ODD = (
    "<$a> = [x for x in <set>]",
    "<$a> = str(<set>)",
    "<$a> = <ints>[<int>]",
    "<$a> = <table>[<str>]",
    "<$a> = zip(<ints>, <strs>)\n<$b> = [list(<$a>), list(<$a>)]",
    "<$a> = (x for x in <ints>)\n<$b> = [next(<$a>, 0), *<$a>]",
    "<$a> = [[]] * 2\n<$a>[0].append(<int>)",
    "<$a> = <ints> is <ints>",
    "<$a> = [<int>]\nfor <$b> in <$a>:\n    if len(<$a>) < 5: <$a>.append(<$b> + 1)",
    "<$a> = {1: 'a', True: 'b', 1.0: 'c'}",
    "<$a> = {1, True, 1.0}",
    "<$a> = <table>.keys()\n<$b> = <table>\n<$b> = <$b>.items()",
    "<$a> = len(<int>)",
    "del <$a>",
    "<$a> = <set>.pop()",
    "<$a> = [lambda: i for i in range(3)]\n<$b> = [g() for g in <$a>]",
    "<$a> = <int> / <int>",
    "<$a> = (<ints>,)\n<$a>[0] += [1]",
    "assert <bool>",
    "<$a> = max(<ints>)",
    "<$a> = <str> < <int>",
)
_FAMILIES = ("name",) * 6 + ("simple",) * 4
_NESTED = ("compound",) * 6
_TOP = ("function", "function", "record", "class", "closure", "enum")
TABLES = {
    "name": _NAMES,
    "simple": _SIMPLE,
    "compound": _COMPOUND,
    "record": _RECORDS,
    "class": _CLASSES,
    "closure": _CLOSURES,
    "enum": _ENUMS,
    "odd": _ODD,
}
_DEPTH = 2


class ConstantProgram(Writer):
    """Writes one program, statement by statement."""

    def program(self) -> str:
        """Write a program; return its text."""
        self._statements(_DEPTH, most=8, more=82)
        return self.text()

    def nested(self, depth: int) -> None:
        self._statements(depth, most=2, more=40)

    def _statements(self, depth: int, *, most: int, more: int) -> None:
        """Write 1 to `most` statements; another one follows with a probability of `more` percent."""
        for _ in range(most):
            if not self.draw(_statement(self, depth, more)):
                return

    def families(self, depth: int) -> tuple[str, ...]:
        """Return the kinds of statements that are possible here, the simplest first."""
        nested = _NESTED if depth > 0 else ()
        top = _TOP if not self.indent else ()
        return _FAMILIES + nested + top + (("odd",) if self.mixed else ())

    def write_statement(self, family: str, depth: int) -> None:
        """Write a statement of a family; called by the statement's own strategy."""
        if family == "function":
            self._function()
        else:
            self.statement(self.choose(self.usable(TABLES[family])), depth)

    def _function(self) -> None:
        """Write a function; later expressions of its result's type may call it."""
        takes, gives = self.choose(EXPRESSIONS.types), self.choose(EXPRESSIONS.types)
        name = self.fresh()
        extra = self.fill(self.choose(("", ", q=<int>", ", *args, k=1, **kw")), 1, {})
        self.line(f"def {name}(p{extra}):")
        saved = {kind: list(names) for kind, names in self.scope.items()}
        self.bind(takes, "p")
        self.indent += 1
        if self.happens(30):
            self.line(f"local = {self.expression(gives, 2)}")
            self.bind(gives, "local")
        if self.happens(30):
            self.line(f"if {self.expression('bool', 2)}:")
            self.line(f"    return {self.expression(gives, 2)}")
        self.line(f"return {self.expression(gives, _DEPTH)}")
        self.indent -= 1
        self.scope = saved
        self.functions.append((name, takes, gives))


@st.composite
def _statement(draw: st.DrawFn, program: ConstantProgram, depth: int, more: int) -> bool:
    """Write a statement; return whether another one follows.

    As a strategy of its own, both are removed together when a failure shrinks.
    """
    program.write_statement(draw(st.sampled_from(program.families(depth))), depth)
    return program.happens(more)


@st.composite
def constant_programs(draw: st.DrawFn, *, wild: bool) -> str:
    """Draw a program.

    A wild one also does what flashc must answer with "unknown" or leave to Python: it reads sets in order,
    mixes types, raises.
    """
    return ConstantProgram(draw, EXPRESSIONS, mixed=wild).program()

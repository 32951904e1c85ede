"""Expressions of constants, of a wanted type, over the names that are bound so far.

A generator with types, so that most programs run to their end.  `wild` programs also do what flashc must
answer with "unknown" or leave to Python: read sets in order, mix types, raise.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

TYPES = ("int", "float", "str", "bool", "ints", "strs", "table", "pair", "set")
_WORDS = ("gpu", "cpu", "a-b", "Worker", "x_1", "", "torch==2.9", "ß é", "1,2", "{}", "a b  c")


@dataclass(kw_only=True)
class Expressions:
    """Writes expressions.  `scope` maps a type to the names that hold such a value here."""

    random: random.Random
    wild: bool
    lines: list[str] = field(default_factory=list)
    scope: dict[str, list[str]] = field(default_factory=dict)
    functions: list[tuple[str, str, str]] = field(default_factory=list)  # name, parameter, result
    count: int = 0
    indent: int = 0

    # Names and lines -----------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def fresh(self, prefix: str = "v") -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    def bind(self, kind: str, name: str) -> str:
        self.scope.setdefault(kind, []).append(name)
        return name

    def pick(self, *options: Callable[[], str]) -> str:
        return self.random.choice(options)()

    # Expressions ---------------------------------------------------------------------------------

    def expr(self, kind: str, depth: int) -> str:
        """An expression of this type."""
        known = self.scope.get(kind)
        if known and self.random.random() < 0.35:
            return self.random.choice(known)
        if self.wild and self.random.random() < 0.02:
            kind = self.random.choice(TYPES)
        if depth <= 0:
            return self.literal(kind)
        general = self.random.random()
        if general < 0.06:
            test = self.expr("bool", depth - 1)
            return f"({self.expr(kind, depth - 1)} if {test} else {self.expr(kind, depth - 1)})"
        if general < 0.09:
            operator = self.random.choice(("and", "or"))
            return f"({self.expr(kind, depth - 1)} {operator} {self.expr(kind, depth - 1)})"
        if general < 0.12:
            items = [self.expr(kind, depth - 1) for _ in range(2)]
            return f"[{', '.join(items)}][{self.random.choice(('0', '1', '-1'))}]"
        if general < 0.15:
            return f"(lambda p: p)({self.expr(kind, depth - 1)})"
        if general < 0.17:
            return f"{{'k': {self.expr(kind, depth - 1)}}}['k']"
        if general < 0.20 and self.functions:
            fitting = [f for f in self.functions if f[2] == kind]
            if fitting:
                name, parameter, _ = self.random.choice(fitting)
                return f"{name}({self.expr(parameter, depth - 1)})"
        return str(getattr(self, f"of_{kind}")(depth - 1))

    def literal(self, kind: str) -> str:
        r = self.random
        match kind:
            case "int":
                return str(r.choice((0, 1, 2, 3, 7, -1, -4, 10, 255)))
            case "float":
                return r.choice(("0.5", "1.0", "-2.25", "3e2", "0.1"))
            case "str":
                return repr(r.choice(_WORDS))
            case "bool":
                return r.choice(("True", "False"))
            case "ints":
                return repr([r.randint(-3, 9) for _ in range(r.randint(0, 3))])
            case "strs":
                return repr([r.choice(_WORDS) for _ in range(r.randint(0, 3))])
            case "table":
                return repr({r.choice("abcd"): r.randint(0, 9) for _ in range(r.randint(0, 3))})
            case "pair":
                return repr((r.choice(_WORDS), r.randint(0, 9)))
            case _:
                return r.choice(("set()", "{1, 2, 3}", "{2, 9, -1}", "frozenset({1, 4})"))

    def of_int(self, d: int) -> str:
        e = self.expr
        name = self.fresh("w")
        return self.pick(
            lambda: f"({e('int', d)} {self.random.choice('+-*')} {e('int', d)})",
            lambda: f"({e('int', d)} {self.random.choice(('//', '%'))} 3)",
            lambda: f"({e('int', d)} {self.random.choice('&|^')} {e('int', d)})",
            lambda: f"({e('int', d)} << 2)",
            lambda: f"(-{e('int', d)})",
            lambda: f"(~{e('int', d)})",
            lambda: f"len({e(self.random.choice(('str', 'ints', 'table', 'set', 'pair')), d)})",
            lambda: f"sum({e('ints', d)})",
            lambda: f"sum(i for i in {e('ints', d)} if i > {e('int', d)})",
            lambda: f"max({e('ints', d)}, default={e('int', d)})",
            lambda: f"min({e('int', d)}, {e('int', d)})",
            lambda: f"abs({e('int', d)})",
            lambda: f"int({e('float', d)})",
            lambda: f"int({e('bool', d)})",
            lambda: f"{e('table', d)}.get({e('str', d)}, {e('int', d)})",
            lambda: f"{e('str', d)}.count('a')",
            lambda: f"{e('str', d)}.find({e('str', d)})",
            lambda: f"{e('pair', d)}[1]",
            lambda: f"({e('int', d)} ** 2)",
            lambda: f"divmod({e('int', d)}, 4)[1]",
            lambda: f"next(iter({e('ints', d)}), {e('int', d)})",
            lambda: f"round({e('float', d)})",
            lambda: f"len({e('strs', d)} * 2)",
            lambda: "ord('a')",
            lambda: f"(({name} := {e('int', d)}) + {name})",
            lambda: f"[*{e('ints', d)}, 5][0]",
            lambda: f"max(sorted({e('set', d)}), key=lambda k: (k % 3, k), default=0)",
            lambda: f"{e('ints', d)}.count(1)",
            lambda: "int('0x1f', 16)",
            lambda: f"len(list(zip({e('ints', d)}, {e('strs', d)})))",
            lambda: f"({e('int', d)}).bit_length()",
        )

    def of_float(self, d: int) -> str:
        e = self.expr
        return self.pick(
            lambda: f"({e('float', d)} {self.random.choice('+-*')} {e('float', d)})",
            lambda: f"({e('int', d)} / 4)",
            lambda: f"float({e('int', d)})",
            lambda: f"({e('int', d)} * 0.5)",
            lambda: f"round({e('float', d)}, 2)",
            lambda: f"abs({e('float', d)})",
            lambda: f"max({e('float', d)}, {e('float', d)})",
        )

    def of_str(self, d: int) -> str:
        e = self.expr
        return self.pick(
            lambda: f"({e('str', d)} + {e('str', d)})",
            lambda: f"{e('str', d)}.{self.random.choice(('upper', 'lower', 'strip', 'title'))}()",
            lambda: f"{e('str', d)}.replace('a', {e('str', d)})",
            lambda: f"'-'.join({e('strs', d)})",
            lambda: f"','.join(str(i) for i in {e('ints', d)})",
            lambda: f"'/'.join(map(str, {e('ints', d)}))",
            lambda: f"str({e(self.random.choice(('int', 'float', 'bool', 'ints', 'table')), d)})",
            lambda: f"repr({e(self.random.choice(('str', 'pair', 'strs')), d)})",
            lambda: f"f'{{{self.bare(e('int', d))}:>5}}|{{{self.bare(e('float', d))}:.2f}}'",
            lambda: f"f'a{{{self.bare(e('int', d))}!r}}b'",
            lambda: f"f'{{{self.bare(e('int', d))}=}}'",
            lambda: (
                f"f'{{{self.bare(e('int', d))}:{{{self.bare(e('int', 0))} % 7 + 1}}d}}{{{{x}}}}'"
            ),
            lambda: f"'%s:%05d' % ({e('str', d)}, {e('int', d)})",
            lambda: f"'{{}}-{{0}}'.replace('0', '') .format({e('int', d)}, {e('str', d)})",
            lambda: f"'{{a}} {{b!r}}'.format(a={e('int', d)}, b={e('str', d)})",
            lambda: f"{e('str', d)}[{self.slice(d)}]",
            lambda: f"({e('str', d)} * 2)",
            lambda: f"{e('pair', d)}[0]",
            lambda: f"'a' 'b' {self.literal('str')}",
            lambda: f"{e('str', d)}.removeprefix('a').ljust(4, '.')",
            lambda: f"{e('str', d)}.partition('-')[0]",
            lambda: f"hex({e('int', d)})",
            lambda: f"type({e('int', d)}).__name__",
            lambda: f"next((s for s in {e('strs', d)} if s), {e('str', d)})",
            lambda: f"str.upper({e('str', d)})",
            lambda: "b'ab'.decode()",
            lambda: f"min({e('strs', d)}, key=len, default='none')",
            lambda: f"str({e('table', d)}.items())",
        )

    @staticmethod
    def bare(text: str) -> str:
        """An expression that can stand in an f-string of single quotes before Python 3.12."""
        return "7" if any(sign in text for sign in "'\"\\{}#") or ":=" in text else f"({text})"

    def slice(self, d: int) -> str:
        r = self.random
        start, end = (r.choice(("", "0", "1", "-1", "2")) for _ in range(2))
        return f"{start}:{end}" + (r.choice((":-1", ":2")) if r.random() < 0.3 else "")

    def of_bool(self, d: int) -> str:
        e = self.expr
        kind = self.random.choice(("int", "str", "ints", "pair"))
        sign = self.random.choice(("==", "!=", "<", "<=", ">", ">="))
        return self.pick(
            lambda: f"({e(kind, d)} {sign} {e(kind, d)})",
            lambda: f"(0 < {e('int', d)} <= {e('int', d)})",
            lambda: f"(not {e(self.random.choice(TYPES), d)})",
            lambda: f"({e('str', d)} in {e('strs', d)})",
            lambda: f"({e('str', d)} not in {e('table', d)})",
            lambda: f"({e('int', d)} in {e('set', d)})",
            lambda: f"any(i > 2 for i in {e('ints', d)})",
            lambda: f"all({e('strs', d)})",
            lambda: f"{e('str', d)}.startswith(('a', {e('str', d)}))",
            lambda: (
                f"isinstance({e(kind, d)}, {self.random.choice(('int', 'str', '(list, bool)'))})"
            ),
            lambda: f"bool({e(self.random.choice(TYPES), d)})",
            lambda: f"({e('set', d)} <= {e('set', d)})",
            lambda: f"({e('table', d)} == {e('table', d)})",
            lambda: f"(None is {self.random.choice(('None', '3 if True else 1'))})",
            lambda: f"({e('set', d)} == {e('set', d)})",
            lambda: f"({e('int', d)} in {e('table', d)}.values())",
            lambda: f"callable({e('int', d)})",
        )

    def of_ints(self, d: int) -> str:
        e = self.expr
        return self.pick(
            lambda: f"[{e('int', d)}, {e('int', d)}]",
            lambda: f"[*{e('ints', d)}, {e('int', d)}]",
            lambda: f"({e('ints', d)} + {e('ints', d)})",
            lambda: f"[i + 1 for i in {e('ints', d)} if i % 2]",
            lambda: f"[i * j for i in {e('ints', d)} for j in range(2)]",
            lambda: f"list(range({e('int', d)} % 5))",
            lambda: f"sorted({e('set', d)})",
            lambda: f"sorted({e('ints', d)}, key=lambda i: -i)",
            lambda: f"sorted({e('ints', d)}, reverse={e('bool', d)})",
            lambda: f"list(reversed({e('ints', d)}))",
            lambda: f"list(map(lambda i: i - 1, {e('ints', d)}))",
            lambda: f"list(filter(None, {e('ints', d)}))",
            lambda: f"list(filter(lambda i: i > 0, {e('ints', d)}))",
            lambda: f"{e('ints', d)}[{self.slice(d)}]",
            lambda: f"list({e('table', d)}.values())",
            lambda: f"[len(s) for s in {e('strs', d)}]",
            lambda: f"[i for i, s in enumerate({e('strs', d)}, start=1)]",
            lambda: f"[a for a, *b in [({e('int', d)}, 1, 2)]]",
            lambda: f"[i for i in {e('ints', d)}].copy()",
        )

    def of_strs(self, d: int) -> str:
        e = self.expr
        return self.pick(
            lambda: f"[{e('str', d)}, {e('str', d)}]",
            lambda: f"{e('str', d)}.split({self.random.choice((chr(39) + ',' + chr(39), ''))})",
            lambda: f"[s.upper() for s in {e('strs', d)}]",
            lambda: f"list({e('table', d)})",
            lambda: f"sorted({e('strs', d)}, key=len)",
            lambda: f"sorted({{*{e('strs', d)}}})",
            lambda: f"[f'{{s}}{{i}}' for i, s in enumerate({e('strs', d)})]",
            lambda: f"[k for k, v in {e('table', d)}.items() if v > 1]",
            lambda: f"list(dict.fromkeys({e('strs', d)}))",
            lambda: f"list({e('str', d)})[:4]",
            lambda: f"{e('str', d)}.splitlines()",
            lambda: f"[*{e('table', d)}, *{e('strs', d)}]",
        )

    def of_table(self, d: int) -> str:
        e = self.expr
        return self.pick(
            lambda: f"{{{e('str', d)}: {e('int', d)}}}",
            lambda: f"{{**{e('table', d)}, 'z': {e('int', d)}}}",
            lambda: f"({e('table', d)} | {e('table', d)})",
            lambda: f"dict(a={e('int', d)}, **{{'q': {e('int', d)}}})",
            lambda: f"dict({e('table', d)}, b={e('int', d)})",
            lambda: f"dict(zip({e('strs', d)}, {e('ints', d)}))",
            lambda: f"{{s: len(s) for s in {e('strs', d)}}}",
            lambda: f"{{k: v + 1 for k, v in {e('table', d)}.items()}}",
            lambda: f"dict([('m', {e('int', d)}), {self.pair_of_table(d)}])",
            lambda: f"dict.fromkeys({e('strs', d)}, {e('int', d)})",
            lambda: f"{e('table', d)}.copy()",
            lambda: f"dict(sorted({e('table', d)}.items()))",
        )

    def pair_of_table(self, d: int) -> str:
        return f"({self.expr('str', d)}, {self.expr('int', d)})"

    def of_pair(self, d: int) -> str:
        e = self.expr
        return self.pick(
            lambda: f"({e('str', d)}, {e('int', d)})",
            lambda: f"tuple([{e('str', d)}, {e('int', d)}])",
            lambda: f"({e('pair', d)} + ())",
            lambda: f"max(({e('str', d)}, 1), {e('pair', d)})",
        )

    def of_set(self, d: int) -> str:
        e = self.expr
        return self.pick(
            lambda: f"{{{e('int', d)}, {e('int', d)}}}",
            lambda: f"set({e('ints', d)})",
            lambda: f"frozenset({e('ints', d)})",
            lambda: f"({e('set', d)} {self.random.choice('|&-^')} {e('set', d)})",
            lambda: f"{{i % 3 for i in {e('ints', d)}}}",
            lambda: f"{e('set', d)}.union({e('ints', d)})",
            lambda: f"{e('set', d)}.intersection({e('set', d)})",
            lambda: f"{{i + 1 for i in {e('set', d)}}}",
        )

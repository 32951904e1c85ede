"""Generate programs of constants, in which Python can compute every name without any input.

They are modules of straight-line code, branches, loops, functions and classes.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.support.constant_expressions import TYPES, Expressions


class Generator(Expressions):
    """Writes one program, statement by statement."""

    def program(self) -> str:
        for _ in range(self.random.randint(2, 9)):
            self.statement(3)
        return "\n".join(self.lines) + "\n"

    # Statements ----------------------------------------------------------------------------------

    def statement(self, depth: int) -> None:
        kinds: list[Callable[[int], None]] = [self.assignment] * 6
        kinds += [self.unpacking, self.augmented, self.mutation, self.mutation]
        if depth > 0:
            kinds += [self.branch, self.loop, self.loop, self.attempt, self.match, self.counting]
        if not self.indent:
            kinds += [self.function, self.function, self.record, self.klass, self.closure]
            kinds += [self.enumeration]
        if self.wild:
            kinds += [self.odd]
        self.random.choice(kinds)(depth)

    def assignment(self, depth: int) -> None:
        kind = self.random.choice(TYPES)
        text = self.expr(kind, 3)
        reuse = self.scope.get(kind)
        name = self.random.choice(reuse) if reuse and self.random.random() < 0.2 else self.fresh()
        if self.random.random() < 0.1:
            other = self.fresh()
            self.line(f"{name} = {other} = {text}")
            self.bind(kind, other)
        elif self.random.random() < 0.1:
            self.line(f"{name}: object = {text}")
        else:
            self.line(f"{name} = {text}")
        if name not in (reuse or ()):
            self.bind(kind, name)

    def unpacking(self, depth: int) -> None:
        a, b = self.fresh(), self.fresh()
        if self.random.random() < 0.5:
            self.line(f"{a}, {b} = {self.expr('pair', 2)}")
            self.bind("str", a), self.bind("int", b)
        else:
            self.line(f"{a}, *{b} = [{self.expr('int', 2)}, *{self.expr('ints', 2)}]")
            self.bind("int", a), self.bind("ints", b)

    def augmented(self, depth: int) -> None:
        kind = self.random.choice(("int", "str", "ints", "table", "set"))
        if not self.scope.get(kind):
            return
        sign = {"int": ("+=", "*=", "-="), "str": ("+=",), "ints": ("+=",), "table": ("|=",)}.get(
            kind, ("|=", "&=", "-=")
        )
        operand = "2" if kind == "int" else self.expr(kind, 2)
        self.line(f"{self.random.choice(self.scope[kind])} {self.random.choice(sign)} {operand}")

    def mutation(self, depth: int) -> None:
        e, r = self.expr, self.random
        kind = r.choice(("ints", "table", "strs"))
        if not self.scope.get(kind):
            return
        name = r.choice(self.scope[kind])
        options = {
            "ints": (
                f"{name}.append({e('int', 2)})",
                f"{name}.extend({e('ints', 2)})",
                f"{name}.insert(0, {e('int', 1)})",
                f"{name}.sort(key=lambda i: -i)",
                f"{name}.reverse()",
                f"{name}[:1] = {e('ints', 1)}",
                f"del {name}[1:]",
                f"{name} *= 2 if len({name}) < 40 else 1",
            ),
            "strs": (
                f"{name}.append({e('str', 2)})",
                f"{name}.sort()",
                f"{name} += {e('strs', 1)}",
            ),
            "table": (
                f"{name}[{e('str', 2)}] = {e('int', 2)}",
                f"{name}.update(k={e('int', 1)})",
                f"{name}.update({e('table', 1)})",
                f"{name}.setdefault('s', {e('int', 1)})",
                f"{name}.pop('a', None)",
                f"{name}.clear()",
            ),
        }[kind]
        self.line(r.choice(options))

    def block(self, depth: int, size: int = 2) -> None:
        """Statements one level deeper; names bound there may not exist afterwards."""
        saved = {kind: list(names) for kind, names in self.scope.items()}
        self.indent += 1
        before = len(self.lines)
        for _ in range(self.random.randint(1, size)):
            self.statement(depth - 1)
        if len(self.lines) == before:
            self.line("pass")
        self.indent -= 1
        self.scope = saved

    def branch(self, depth: int) -> None:
        self.line(f"if {self.expr('bool', 2)}:")
        self.block(depth)
        if self.random.random() < 0.4:
            self.line(f"elif {self.expr('bool', 2)}:")
            self.block(depth)
        if self.random.random() < 0.6:
            self.line("else:")
            self.block(depth)

    def loop(self, depth: int) -> None:
        kind, item = self.random.choice((("ints", "int"), ("strs", "str")))
        name = self.fresh("i")
        self.line(f"for {name} in list({self.expr(kind, 2)})[:4]:")
        self.indent += 1
        if self.random.random() < 0.3:
            self.line(f"if {self.expr('bool', 1)}: {self.random.choice(('break', 'continue'))}")
        self.indent -= 1
        saved = list(self.scope.get(item, []))
        self.bind(item, name)
        self.block(depth)
        self.scope[item] = saved
        if self.random.random() < 0.3:
            self.line("else:")
            self.block(depth)

    def counting(self, depth: int) -> None:
        name = self.fresh("n")
        self.line(f"{name} = {self.random.randint(0, 3)}")
        self.line(f"while {name} > 0:")
        self.indent += 1
        self.line(f"{name} -= 1")
        self.indent -= 1
        self.block(depth)

    def attempt(self, depth: int) -> None:
        handled = self.random.choice(
            ("KeyError", "(KeyError, ValueError)", "Exception", "LookupError")
        )
        failing = self.random.choice(("{}['no']", "[][1]", "int('x')", "1 // 0", "3"))
        name = self.bind("int", self.fresh())
        self.line(f"{name} = 5")
        self.line("try:")
        self.block(depth, 1)
        self.indent += 1
        if (
            handled == "Exception"
            or (handled == "LookupError" and failing in ("{}['no']", "[][1]"))
            or failing == "{}['no']"
        ):
            self.line(f"{name} = {failing}")
        self.line(f"{name} = {self.expr('int', 1)}")
        self.indent -= 1
        self.line(f"except {handled}{self.random.choice(('', ' as error'))}:")
        self.block(depth)
        if self.random.random() < 0.3:
            self.line("else:")
            self.block(depth)
        if self.random.random() < 0.3:
            self.line("finally:")
            self.block(depth)

    def match(self, depth: int) -> None:
        kind, cases = self.random.choice(
            (
                ("int", ("0", "1 | 2", "int_ if int_ > 5", "_")),
                ("pair", ("('gpu', 1)", "(head, 0)", "('', *rest)", "[_, number]")),
                ("table", ("{'a': 1}", "{'b': found}", "{'a': 0, **rest}", "_")),
                ("str", ("'gpu'", "'cpu' | 'Worker'", "other")),
            )
        )
        self.line(f"match {self.expr(kind, 2)}:")
        self.indent += 1
        for case in cases:
            self.line(f"case {case}:")
            self.block(depth, 1)
        self.indent -= 1

    def function(self, depth: int) -> None:
        parameter, result = self.random.choice(TYPES), self.random.choice(TYPES)
        name = self.fresh("f")
        saved = {kind: list(names) for kind, names in self.scope.items()}
        extra = self.random.choice(("", f", q={self.expr('int', 1)}", ", *args, k=1, **kw"))
        self.line(f"def {name}(p{extra}):")
        self.scope = {kind: list(names) for kind, names in saved.items()}
        self.bind(parameter, "p")
        self.indent += 1
        if self.random.random() < 0.3:
            self.line(f"local = {self.expr(result, 2)}")
            self.bind(result, "local")
        if self.random.random() < 0.3:
            self.line(f"if {self.expr('bool', 2)}:")
            self.line(f"    return {self.expr(result, 2)}")
        self.line(f"return {self.expr(result, 3)}")
        self.indent -= 1
        self.scope = saved
        self.functions.append((name, parameter, result))

    def closure(self, depth: int) -> None:
        """A function that counts, through `nonlocal` or `global`."""
        name, counter = self.fresh("f"), self.fresh()
        step = self.expr("int", 1)
        if self.random.random() < 0.5:
            self.line(f"{counter} = {self.expr('int', 1)}")
            self.line(
                f"def {name}(p=1):\n    global {counter}\n    {counter} += p\n    return {counter}"
            )
        else:
            self.line(
                f"def make_{name}(start={self.expr('int', 1)}):\n    total = start\n"
                "    def add(p):\n        nonlocal total\n        total += p\n"
                "        return total\n    return add"
            )
            self.line(f"{name} = make_{name}()")
        first, second = self.fresh(), self.fresh()
        self.line(f"{first} = {name}({step})")
        self.line(f"{second} = {name}(2) + {first}")
        self.bind("int", first), self.bind("int", second)

    def record(self, depth: int) -> None:
        kind, name = self.fresh("R"), self.fresh("r")
        if self.random.random() < 0.5:
            self.line("from dataclasses import dataclass, field, replace")
            self.line("@dataclass(frozen=True)" if self.random.random() < 0.5 else "@dataclass")
            self.line(f"class {kind}:\n    a: int\n    b: str = {self.expr('str', 1)}")
            self.line("    c: list = field(default_factory=list)")
            change = f"replace({name}, a={self.expr('int', 1)})"
        else:
            self.line("from typing import NamedTuple")
            self.line(f"class {kind}(NamedTuple):\n    a: int\n    b: str = {self.expr('str', 1)}")
            change = f"{name}._replace(a={self.expr('int', 1)})"
        self.line(f"{name} = {kind}({self.expr('int', 2)})")
        a, b = self.fresh(), self.fresh()
        self.line(f"{a} = {change}.a + {name}.a")
        self.line(f"{b} = {name}.b")
        self.bind("int", a), self.bind("str", b)

    def klass(self, depth: int) -> None:
        kind, name = self.fresh("C"), self.fresh("c")
        self.line(
            f"class {kind}:\n    SIZE = {self.expr('int', 2)}\n    TAGS = {self.expr('strs', 2)}"
        )
        self.line("    def __init__(self, scale=2):\n        self.scale = scale")
        self.line("    @property\n    def area(self): return self.SIZE * self.scale")
        self.line("    @staticmethod\n    def twice(n): return n * 2")
        self.line("    @classmethod\n    def one(cls): return cls(1)")
        self.line("    def plus(self, n): return self.area + n")
        self.line(f"{name} = {kind}({self.random.choice(('', '3', 'scale=4'))})")
        result = self.fresh()
        self.line(
            f"{result} = {name}.plus({kind}.twice({self.expr('int', 1)})) + {kind}.one().area"
            f" + {kind}.SIZE + len({name}.TAGS)"
        )
        self.bind("int", result)

    def enumeration(self, depth: int) -> None:
        kind = self.fresh("E")
        base = self.random.choice(("Enum", "str, Enum", "IntEnum", "StrEnum"))
        values = ("1", "2") if base == "IntEnum" else ("'x'", "'y'")
        self.line("from enum import Enum, IntEnum, StrEnum")
        self.line(f"class {kind}({base}):\n    A = {values[0]}\n    B = {values[1]}")
        names, member = self.fresh(), self.fresh()
        self.line(f"{names} = [m.name for m in {kind}]")
        self.bind("strs", names)
        which = self.random.choice(
            (
                f"{kind}['B']",
                f"{kind}[{names}[0]]",
                f"{kind}({values[1]})",
                f"{kind}.A",
                f"list({kind})[-1]",
                f"{kind}['A' if {self.expr('bool', 1)} else 'B']",
            )
        )
        self.line(f"{member} = {which}.name + str({which}.value) + str(len({kind}))")
        self.bind("str", member)

    def odd(self, depth: int) -> None:
        """What a good program does not do."""
        e, r = self.expr, self.random
        name, other = self.fresh(), self.fresh()
        self.line(
            r.choice(
                (
                    f"{name} = [x for x in {e('set', 2)}]",
                    f"{name} = str({e('set', 2)})",
                    f"{name} = {e('ints', 1)}[{e('int', 1)}]",
                    f"{name} = {e('table', 1)}[{e('str', 1)}]",
                    f"{name} = zip({e('ints', 1)}, {e('strs', 1)}); {other} = [list({name}), list({name})]",
                    f"{name} = (x for x in {e('ints', 1)}); {other} = [next({name}, 0), *{name}]",
                    f"{name} = [[]] * 2; {name}[0].append({e('int', 1)})",
                    f"{name} = {e('ints', 1)} is {e('ints', 1)}",
                    f"{name} = [{e('int', 1)}]\nfor {other} in {name}:\n    if len({name}) < 5: {name}.append({other} + 1)".replace(
                        "\n", "\n" + "    " * self.indent
                    ),
                    f"{name} = {{1: 'a', True: 'b', 1.0: 'c'}}",
                    f"{name} = {{1, True, 1.0}}",
                    f"{name} = {e('table', 1)}.keys(); {other} = {e('table', 1)}; {other} = {other}.items()",
                    f"{name} = len({e('int', 1)})",
                    f"del {name}x" if r.random() < 0.1 else f"{name} = {e('set', 1)}.pop()",
                    f"{name} = [lambda: i for i in range(3)]; {other} = [g() for g in {name}]",
                    f"{name} = {e('int', 1)} / {e('int', 1)}",
                    f"{name} = ({e('ints', 1)},); {name}[0] += [1]",
                    f"assert {e('bool', 1)}",
                    f"{name} = max({e('ints', 1)})",
                    f"{name} = {e('str', 1)} < {e('int', 1)}",
                )
            )
        )


def constant_program(seed: int, *, wild: bool) -> str:
    """The program of this seed."""
    return Generator(random=random.Random(seed), wild=wild).program()

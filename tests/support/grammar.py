"""Draw a program from tables of templates, so that a failing program shrinks to a few short lines.

A template is text with holes, which are filled from left to right:

`<int>`         an expression of a type; `<int|str>` of one of these types, `<any>` of any type
`<bare int>`    the same without quotes and braces, for f-strings of Python before 3.12
`<pick + - *>`  one of these words; `<sign>` is one of the comparisons
`<$a>`          a new name; the same one wherever `$a` appears in the template
`<$a:int>`      a new name, which later lines may use as an expression of this type
`<old ints>`    a name that is bound to a value of this type; without one the template is not used
`<block>`       a line of its own: some statements; `<block $a:int>` may use `$a` as an expression too
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hypothesis import strategies as st

_HOLE = re.compile(r"<([\w$][^<>\n]*)>")
_OLD = re.compile(r"<old (\w+)>")
_KINDS = ("literal", "name", "name", "name", "general", "form", "form", "form", "form", "form")
_SIGNS = ("==", "!=", "<", "<=", ">", ">=")
_UNSAFE = frozenset("'\"\\{}#")


@dataclass(frozen=True)
class Grammar:
    """Hold the tables of templates.

    `literals` and `forms` map a type to templates of its expressions, the simplest first.  `general` are
    templates of expressions of any type, in which `<same>` is that type.
    """

    literals: Mapping[str, tuple[str, ...]]
    forms: Mapping[str, tuple[str, ...]]
    general: tuple[str, ...]

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(self.literals)


@lru_cache(4096)
def _one_of(options: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(options)


@lru_cache(4096)
def _pieces(template: str) -> tuple[str, ...]:
    """Split a template into text and holes in turn."""
    return tuple(_HOLE.split(template))


@dataclass
class Writer(ABC):
    """Writes one program.  `scope` maps a type to the names that are bound to such a value here."""

    draw: st.DrawFn
    grammar: Grammar
    mixed: bool = False
    lines: list[str] = field(default_factory=list)
    scope: dict[str, list[str]] = field(default_factory=dict)
    functions: list[tuple[str, str, str]] = field(default_factory=list)  # name, parameter, result
    indent: int = 0
    _count: int = 0

    def choose(self, options: Sequence[str]) -> str:
        """Return one of the options; a failure shrinks towards the first."""
        return self.draw(_one_of(tuple(options)))

    def happens(self, percent: int) -> bool:
        """Return True with a probability in percent; a failure shrinks towards False."""
        return self.draw(_PERCENT) >= 100 - percent

    # Names -----------------------------------------------------------------------------------------

    def fresh(self) -> str:
        """Return a name that is not in use."""
        self._count += 1
        return f"v{self._count}"

    def bind(self, kind: str, name: str) -> None:
        """Let later expressions of this type use the name."""
        self.scope.setdefault(kind, []).append(name)

    def line(self, text: str) -> None:
        """Write a line at the current indentation."""
        self.lines.append("    " * self.indent + text)

    def text(self) -> str:
        """Return what was written so far."""
        return "\n".join(self.lines) + "\n"

    # Expressions -----------------------------------------------------------------------------------

    def expression(self, kind: str, depth: int) -> str:
        """Return an expression of a type, nested at most `depth` deep."""
        return self.draw(_expressions(self, kind, depth))

    def write_expression(self, kind: str, depth: int) -> str:
        """Return an expression; called by the expression's own strategy."""
        literals, known = self.grammar.literals[kind], self.scope.get(kind, [])
        if depth <= 0:
            return self.choose([*literals, *known])
        match self.choose(_KINDS):
            case "literal":
                return self.choose(literals)
            case "name" if known:
                return self.choose(known)
            case "general":
                return self.fill(self._general(kind), depth - 1, {"same": kind})
            case _:
                return self.fill(self.choose(self.grammar.forms[kind]), depth - 1, {})

    def _general(self, kind: str) -> str:
        calls = [f"{name}(<{takes}>)" for name, takes, gives in self.functions if gives == kind]
        return self.choose((*self.grammar.general, *calls))

    def fill(self, template: str, depth: int, labels: dict[str, str]) -> str:
        """Fill the holes of a template.  `labels` are the names that its `$` words got so far."""
        parts = list(_pieces(template))
        for index in range(1, len(parts), 2):
            parts[index] = self._hole(parts[index], depth, labels)
        return "".join(parts)

    def _hole(self, hole: str, depth: int, labels: dict[str, str]) -> str:
        word, _, rest = hole.partition(" ")
        if word.startswith("$"):
            name = word.partition(":")[0]
            return labels[name] if name in labels else labels.setdefault(name, self.fresh())
        match word:
            case "pick":
                return self.choose(tuple(rest.split()))
            case "sign":
                return self.choose(_SIGNS)
            case "old":
                return self.choose(self.scope[rest])
            case "bare":
                text = self.expression(rest, depth)
                return "7" if _UNSAFE & set(text) or ":=" in text else f"({text})"
            case "any":
                return self.expression(self.choose(self.grammar.types), depth)
            case "same":
                return self.expression(labels["same"], depth)
            case _:
                return self.expression(self.choose(tuple(word.split("|"))), depth)

    # Statements ------------------------------------------------------------------------------------

    @abstractmethod
    def nested(self, depth: int) -> None:
        """Write the statements of a `<block>`."""

    def statement(self, template: str, depth: int) -> None:
        """Write the lines of a template."""
        labels: dict[str, str] = {}
        for line in template.split("\n"):
            text = line.lstrip(" ")
            deeper = (len(line) - len(text)) // 4
            self.indent += deeper
            if text.startswith("<block"):
                self._block(text[1:-1].split()[1:], labels, depth)
            else:
                self.line(self.fill(text, 2, labels))
            self.indent -= deeper
            for name, kind in re.findall(r"<(\$\w+):(\w+)>", "" if "<block" in line else line):
                self.bind(kind, labels[name])

    def _block(self, bound: list[str], labels: dict[str, str], depth: int) -> None:
        """Write a block; forget the names that it binds, which may not exist after it."""
        saved = {kind: list(names) for kind, names in self.scope.items()}
        for word in bound:
            label, _, kind = word.partition(":")
            self.bind(kind, labels[label])
        self.indent += 1
        self.nested(depth - 1)
        self.indent -= 1
        self.scope = saved

    def usable(self, templates: Sequence[str]) -> list[str]:
        """Return the templates whose `<old ...>` names exist."""
        return [t for t in templates if all(self.scope.get(kind) for kind in _OLD.findall(t))]


_PERCENT = st.integers(0, 99)


@st.composite
def _expressions(draw: st.DrawFn, writer: Writer, kind: str, depth: int) -> str:
    """Return an expression; as a strategy of its own, it is replaced as a whole when a failure shrinks."""
    if writer.mixed and draw(_PERCENT) >= 98:
        kind = draw(_one_of(writer.grammar.types))
    return writer.write_expression(kind, depth)

"""Parse the text of a module with LibCST, and find the source span of every node.

LibCST parses the grammar of every supported Python version, so a worker's module may use newer
syntax than the interpreter that runs flashc.
"""

from __future__ import annotations

import re
from functools import cached_property, partial
from types import CodeType

import libcst as cst
from msgspec import Struct

from flashc_core.source import Lines, Span

from .chains import line_of_long_chain
from .host import MAX_BRACKETS, Refusal, compile_text
from .newer import is_known_to_host, newer_syntax
from .positions import Positions
from .problems import ChainTooLong, NestedTooDeeply, SyntaxProblem
from .stack import call_on_new_stack
from .walk import find_nodes


class Syntax(Struct, frozen=True, eq=False, kw_only=True, dict=True):
    """One parsed module: `path` is relative to the project's root, `name` is its dotted name.

    `compiled` is the code that the running Python makes of it, None if it could not.
    """

    path: str
    name: str
    is_package: bool
    text: str
    tree: cst.Module
    compiled: CodeType | None = None

    @cached_property
    def lines(self) -> Lines:
        """The line table of the text."""
        return Lines(self.text)

    @cached_property
    def _positions(self) -> Positions:
        """The offsets at which each node begins and ends."""
        return Positions(self.tree)

    @cached_property
    def _spans(self) -> dict[int, Span]:
        """The spans that were asked for, by the node's `id`; most are asked for several times."""
        return {}

    def span(self, node: cst.CSTNode) -> Span:
        """Return the span of `node`, without parentheses around an expression, as in LibCST."""
        key = id(node)
        if key not in self._spans:
            self._spans[key] = self._extent(*self._positions.extent(node))
        return self._spans[key]

    def code(self, node: cst.CSTNode) -> str:
        """Return the text of `node` with its parentheses; later lines lose their indentation."""
        is_element = isinstance(node, cst.BaseElement)  # its text has a comma
        if isinstance(node, cst.BaseExpression) and not is_element and not node.lpar:
            start, end = self._positions.extent(node)
            text = self.text[start:end]
            if "\n" not in text and "\r" not in text:
                return text  # most expressions; generating their text again takes ten times longer
        return self.tree.code_for_node(node)

    def source(self, node: cst.CSTNode) -> str:
        """Return the text of `node` as it is written, a definition with its decorators.

        There are no parentheses around an expression, and later lines keep their indentation.
        """
        start, end = self._positions.extent(node)
        decorators = node.decorators if isinstance(node, (cst.FunctionDef, cst.ClassDef)) else ()
        if decorators:
            start = self._positions.extent(decorators[0])[0]
        return self.text[start:end]

    def arguments_span(self, call: cst.Call) -> Span:
        """Return the span between the parentheses of a call."""
        start = self._positions.extent(call.func)[1]
        for _ in call.func.rpar:
            start = self._find(")", start) + 1
        return self._extent(self._find("(", start) + 1, self._positions.extent(call)[1] - 1)

    def _find(self, sign: str, offset: int) -> int:
        """Return the offset of the next `sign` that is not in a comment."""
        while self.text[offset] != sign:
            if self.text[offset] == "#":
                offset = self.lines.offset(self.lines.position(offset)[0] + 1, 1)
            else:
                offset += 1
        return offset

    def _extent(self, start: int, end: int) -> Span:
        """Return the span of the text between two offsets."""
        # LibCST ends the last statement with a newline even if the text does not
        return self.lines.span(self.path, start, min(end, len(self.text)))


# Characters; even `-` for each of them is neither nested too deeply nor a long chain.
_MAX_SHORT_TEXT = 1000


def parse(path: str, name: str, is_package: bool, text: str) -> Syntax:
    """Parse one module.

    Raises:
        SyntaxProblem: the text is not valid Python.
        NestedTooDeeply: the text is nested too deeply for the parsers.
        ChainTooLong: an expression is too long for LibCST.
    """
    # the caller may already use much of its stack
    tree, code = call_on_new_stack(partial(_parse, text))
    return Syntax(path=path, name=name, is_package=is_package, text=text, tree=tree, compiled=code)


def _parse(text: str) -> tuple[cst.Module, CodeType | None]:
    """Return the tree that LibCST makes of a text, and the code that the running Python makes of it.

    Python's own parser refuses text that is nested so deeply that the native parser of LibCST would
    overflow its stack.  If it refuses syntax that is newer than the running Python, that is no
    mistake; so such a problem is reported only if LibCST fails too.
    """
    code = compile_text(text)
    refusal, code = (code, None) if isinstance(code, Refusal) else (None, code)
    if refusal is not None and (refusal.is_certain or isinstance(refusal.problem, NestedTooDeeply)):
        raise refusal.problem
    host = refusal.problem if refusal is not None else None
    if not _is_surely_shallow(text):
        line = line_of_long_chain(text)
        if line is not None:
            raise host or ChainTooLong(line)
    try:
        tree = cst.parse_module(text)
        if host is not None:
            _check(tree)
    except cst.ParserSyntaxError as error:
        raise host or _problem(error.message) from error
    except cst.CSTValidationError as error:  # what the grammar allows, as `b"a" "b"`
        raise host or SyntaxProblem(str(error), 1, 1) from error
    except RecursionError as error:
        raise NestedTooDeeply from error
    newer = newer_syntax(tree) if host is not None or is_known_to_host() else None
    if newer is not None:
        raise newer
    return tree, code


def _is_surely_shallow(text: str) -> bool:
    """Return whether a text is so short that it can't contain a chain that is too long for LibCST."""
    brackets = text.count("(") + text.count("[") + text.count("{")
    return len(text) <= _MAX_SHORT_TEXT and brackets <= MAX_BRACKETS


def _check(tree: cst.Module) -> None:
    """Check what the grammar of LibCST's parser does not, as `b"a" "b"`.

    A process that only reads modules does not do it while it parses, because Python's compiler has
    done it already; see `flashc.incremental.light_libcst`.

    Raises:
        CSTValidationError: the text is not valid Python.
    """
    for node in find_nodes(tree, cst.CSTNode):
        node._validate()  # pyright: ignore[reportPrivateUsage]  # LibCST's constructors call it too


_PARSER_POSITION = re.compile(r"error at (\d+):(\d+)")


def _problem(message: str) -> SyntaxProblem:
    """Return the problem at the position that a message of LibCST names."""
    position = _PARSER_POSITION.search(message)
    line, column = (int(position[1]), int(position[2]) + 1) if position else (1, 1)
    return SyntaxProblem("invalid syntax", line, column)

"""Collect the imports of a module from a syntax tree of the standard library's `ast`.

For a module that can't declare or use endpoints only the imports matter, and `ast` parses it
fifteen times as fast as LibCST.  A property test compares the result with `names.collect_names`.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from msgspec import Struct, field
from msgspec.structs import replace

from flashc_core.ast_nodes import children
from flashc_core.python_texts import parse_module
from flashc_core.source import Lines, Span, column_of_byte
from flashc_ir.modules import Import, ImportedName, ImportProblem

from .resolve import (
    IMPORT_ERRORS,
    IMPORT_FUNCTIONS,
    OWN_PACKAGE,
    START_FUNCTIONS,
    ModuleIndex,
    origin_of,
    resolve_name,
    resolve_relative,
    started_modules,
)
from .text_imports import has_dynamic_imports


def collect_imports_ast(
    path: str, name: str, is_package: bool, text: str, index: ModuleIndex
) -> tuple[tuple[Import, ...], tuple[ImportProblem, ...]]:
    """Parse one module and return its imports, and its unknown imports, in source order.

    `path` is the file's path relative to the project, `name` the module's dotted name.

    Raises:
        SyntaxError: the text is not valid for the Python that runs flashc.
        ValueError: the text contains a null character.
        RecursionError: the code is nested too deeply.
        MemoryError: the code is nested too deeply for `ast`'s own parser.
    """
    return collect_tree_imports(parse_module(text), path, name, is_package, text, index)


def collect_tree_imports(
    tree: ast.Module, path: str, name: str, is_package: bool, text: str, index: ModuleIndex
) -> tuple[tuple[Import, ...], tuple[ImportProblem, ...]]:
    """Return the imports of a module that is already parsed; see `collect_imports_ast`.

    Raises:
        RecursionError: the code is nested too deeply.
    """
    package = name if is_package else name.rpartition(".")[0]
    has_dynamic = has_dynamic_imports(text)
    collector = _Collector(
        path=path,
        package=package,
        text=text,
        index=index,
        has_dynamic=has_dynamic,
        lines_with_words=_lines_with(text, _DYNAMIC_WORDS if has_dynamic else _WORDS),
    )
    collector.visit_block(tree.body, _ImportScope())
    return tuple(collector.imports), tuple(collector.problems)


def collect_certain_imports(
    tree: ast.Module, path: str, name: str, is_package: bool, text: str, index: ModuleIndex
) -> tuple[Import, ...]:
    """Return the imports that importing a module executes in any case, in source order.

    They are statements of the module itself, not in a block such as `if` or `try`.  For the
    arguments, see `collect_tree_imports`.
    """
    body = [each for each in tree.body if isinstance(each, (ast.Import, ast.ImportFrom))]
    statements = ast.Module(body=[*body], type_ignores=[])
    return collect_tree_imports(statements, path, name, is_package, text, index)[0]


_WORDS = ("import",)
_DYNAMIC_WORDS = ("import", "subprocess", "system", "popen")  # parts of the functions' names
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


class _ImportScope(Struct, frozen=True, kw_only=True):
    """The code around a statement: its function or class, and the conditions of imports."""

    scope: str = ""
    in_class: bool = False
    typing_only: bool = False
    guarded: bool = False


class _Collector(Struct, kw_only=True):
    """Walks over those statements of a module's tree in whose lines an import can be, and collects the imports.

    `lines_with_words` are the numbers of the lines that have a word of an import, sorted.
    """

    path: str
    package: str
    text: str
    index: ModuleIndex
    has_dynamic: bool  # if there is no dynamic import, expressions are skipped
    lines_with_words: list[int]
    imports: list[Import] = field(default_factory=list[Import])
    problems: list[ImportProblem] = field(default_factory=list[ImportProblem])
    _lines: Lines | None = None

    def visit_block(self, body: list[ast.stmt], around: _ImportScope) -> None:
        """Visit the statements of a block."""
        for statement in body:
            self.visit(statement, around)

    def visit(self, node: ast.AST, around: _ImportScope) -> None:
        """Visit a statement or expression and the nodes inside it."""
        if isinstance(node, ast.stmt) and not self._may_import(node):
            return
        match node:
            case ast.Import():
                for item in node.names:
                    self._add(node, item.name, None, around, alias=item.asname)
            case ast.ImportFrom():
                self._import_from(node, around)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                separator = "." if around.in_class or not around.scope else ".<locals>."
                scope = f"{around.scope}{separator}{node.name}".removeprefix(".")
                is_class = isinstance(node, ast.ClassDef)
                inside = _ImportScope(
                    scope=scope,
                    in_class=is_class,
                    typing_only=around.typing_only and is_class,
                    guarded=around.guarded and is_class,
                )
                self._head(node, around)
                self.visit_block(node.body, inside)
            case ast.If():
                self._head(node, around)
                in_body, in_else = _are_for_types(node.test)
                if _tests_for_script(node.test):
                    self.visit_block(node.orelse, around)
                    return
                inside = _ImportScope(
                    scope=around.scope,
                    in_class=around.in_class,
                    typing_only=around.typing_only or in_body,
                    guarded=around.guarded,
                )
                self.visit_block(node.body, inside)
                typing_only = around.typing_only or in_else
                self.visit_block(node.orelse, replace(around, typing_only=typing_only))
            case ast.Try() | ast.TryStar():
                self._try(node, around)
            case ast.Call():
                self._dynamic(node, around)
                self._generic(node, around)
            case _:
                self._generic(node, around)

    def _may_import(self, node: ast.stmt) -> bool:
        """Return whether a line of a statement has a word of an import."""
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        first = decorators[0].lineno if decorators else node.lineno
        following = bisect_left(self.lines_with_words, first)
        last = node.end_lineno or node.lineno
        return following < len(self.lines_with_words) and self.lines_with_words[following] <= last

    def _generic(self, node: ast.AST, around: _ImportScope) -> None:
        """Visit the children of a node; if the module has no dynamic imports, only its blocks."""
        if self.has_dynamic:
            for child in children(node):
                self.visit(child, around)
            return
        for block in _BLOCKS:
            for child in getattr(node, block, ()):
                self.visit(child, around)

    def _head(self, node: ast.AST, around: _ImportScope) -> None:
        """Visit what stands before the blocks of a compound statement, such as decorators and tests."""
        if not self.has_dynamic:
            return
        inside = {id(each) for block in _BLOCKS for each in getattr(node, block, ())}
        for child in children(node):
            if id(child) not in inside:
                self.visit(child, around)

    def _try(self, node: ast.Try | ast.TryStar, around: _ImportScope) -> None:
        """Visit a `try` statement, and note whether it handles a failed import."""
        guarded = any(_expects_import_error(handler.type) for handler in node.handlers)
        inside = _ImportScope(
            scope=around.scope,
            in_class=around.in_class,
            typing_only=around.typing_only,
            guarded=around.guarded or guarded,
        )
        self.visit_block(node.body, inside)
        for handler in node.handlers:
            self._head(handler, inside)
            self.visit_block(handler.body, inside)
        self.visit_block(node.orelse, around)
        self.visit_block(node.finalbody, around)

    def _import_from(self, node: ast.ImportFrom, around: _ImportScope) -> None:
        """Collect `from module import name`."""
        written = node.module or ""
        module = resolve_relative(self.package, node.level, written) if node.level else written
        if module is None:
            text = "." * node.level + written
            self.problems.append(ImportProblem(span=self._span(node), text=text, computed=False))
            return
        names: list[ImportedName] = []
        for item in node.names:
            full = f"{module}.{item.name}" if module else item.name
            submodule = full if item.name != "*" and self.index.has(full) else None
            names.append(ImportedName(name=item.name, alias=item.asname, submodule=submodule))
        self._add(node, module, tuple(names), around, relative=bool(node.level))

    def _dynamic(self, node: ast.Call, around: _ImportScope) -> None:
        """Collect `importlib.import_module("name")`, `__import__("name")` and started scripts."""
        callee = _dotted(node.func)
        if callee in START_FUNCTIONS:
            for name in started_modules(_words(node.args), self.index):
                self._add(node, name, None, around, dynamic=True)
        if callee not in IMPORT_FUNCTIONS or not node.args:
            return
        first = node.args[0]
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            text = ast.get_source_segment(self.text, node) or callee
            self.problems.append(ImportProblem(span=self._span(node), text=text, computed=True))
            return
        name = first.value
        package = self._anchor(node)
        if package is None and name.startswith("."):
            text = ast.get_source_segment(self.text, node) or callee
            self.problems.append(ImportProblem(span=self._span(node), text=text, computed=True))
            return
        module = name if callee == "__import__" else resolve_name(package or "", name)
        if module is None:
            self.problems.append(ImportProblem(span=self._span(node), text=name, computed=False))
        else:
            self._add(node, module, None, around, dynamic=True)

    def _anchor(self, node: ast.Call) -> str | None:
        """Return the package from which `import_module` takes a relative name; None if it is computed."""
        named = [item.value for item in node.keywords if item.arg == "package"]
        match [*node.args[1:2], *named]:
            case []:
                return self.package
            case [ast.Name(id=name)] if name in OWN_PACKAGE:
                return self.package
            case [ast.Constant(value=str(name))]:
                return name
            case _:
                return None

    def _add(
        self,
        node: ast.stmt | ast.expr,
        module: str,
        names: tuple[ImportedName, ...] | None,
        around: _ImportScope,
        *,
        alias: str | None = None,
        dynamic: bool = False,
        relative: bool = False,
    ) -> None:
        """Add one import."""
        self.imports.append(
            Import(
                module=module,
                origin=origin_of(self.index, module, names, is_relative=relative and bool(module)),
                names=names,
                span=self._span(node),
                alias=alias,
                scope=around.scope,
                typing_only=around.typing_only,
                guarded=around.guarded,
                dynamic=dynamic,
                relative=relative,
            )
        )

    def _span(self, node: ast.stmt | ast.expr) -> Span:
        """Return the span of a node; `ast` counts columns in UTF-8 bytes, from 0."""
        if self._lines is None:
            self._lines = Lines(self.text)
        end_line = node.end_lineno or node.lineno
        end = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        return Span(
            self.path,
            node.lineno,
            column_of_byte(self._lines.line(node.lineno), node.col_offset),
            end_line,
            column_of_byte(self._lines.line(end_line), end),
        )


def _lines_with(text: str, words: Iterable[str]) -> list[int]:
    """Return the numbers of the lines, as Python counts them, in which a word occurs."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    found: set[int] = set()
    for word in words:
        line, counted = 1, 0
        place = text.find(word)
        while place >= 0:
            line += text.count("\n", counted, place)
            found.add(line)
            counted = place
            place = text.find(word, place + 1)
    return sorted(found)


def _are_for_types(test: ast.expr) -> tuple[bool, bool]:
    """Return whether the body and the `else` of an `if` with this test are for type checkers only."""
    negated = False
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, negated = test.operand, not negated
    is_tested = _dotted(test).rpartition(".")[2] == "TYPE_CHECKING"
    return is_tested and not negated, is_tested and negated


def _tests_for_script(test: ast.expr) -> bool:
    """Return whether an expression is `__name__ == "__main__"`, in one order or the other."""
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Eq):
        return False
    name, text = [test.left, *test.comparators][:2]
    if not isinstance(name, ast.Name):
        name, text = text, name
    return (
        len(test.ops) == 1
        and isinstance(name, ast.Name)
        and isinstance(text, ast.Constant)
        and (name.id, text.value) == ("__name__", "__main__")
    )


def _dotted(node: ast.expr) -> str:
    """Return the text of a dotted name, "" for other expressions."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def _words(arguments: list[ast.expr]) -> Iterator[str]:
    """Yield the words of the plain strings in some arguments, in source order."""
    for argument in arguments:
        if isinstance(argument, ast.Constant):
            if isinstance(argument.value, str):
                yield from argument.value.split()
        elif isinstance(argument, (ast.List, ast.Tuple)):
            yield from _words(argument.elts)


def _expects_import_error(kind: ast.expr | None) -> bool:
    """Return whether an `except` clause for `kind` handles a failed import."""
    if isinstance(kind, ast.Tuple):
        return any(_expects_import_error(element) for element in kind.elts)
    return kind is None or ast.unparse(kind) in IMPORT_ERRORS

"""The text of a module that neither declares nor reaches endpoints -> its imports.

Nothing else is asked about such a module, so the standard library's parser does, fifteen times as fast
as LibCST.  A property test holds it against `names.collect_names`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from flashc_core.source import Lines, Span
from flashc_ir.modules import Import, ImportedName

from .resolve import IMPORT_FUNCTIONS, ImportProblem, ModuleIndex, resolve_relative


def collect_plain_imports(
    path: str, name: str, is_package: bool, text: str, index: ModuleIndex
) -> tuple[tuple[Import, ...], tuple[ImportProblem, ...]]:
    """The imports of one module, in the order of the source.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: the host's Python can't parse the text.
    """
    return imports_of(ast.parse(text), path, name, is_package, text, index)


def imports_of(
    tree: ast.Module, path: str, name: str, is_package: bool, text: str, index: ModuleIndex
) -> tuple[tuple[Import, ...], tuple[ImportProblem, ...]]:
    """As `collect_plain_imports`, for a text that is parsed already.

    Raises:
        RecursionError: it is nested too deeply.
    """
    package = name if is_package else name.rpartition(".")[0]
    has_dynamic = any(function.rpartition(".")[2] in text for function in IMPORT_FUNCTIONS)
    collector = _Collector(
        path=path, package=package, text=text, index=index, has_dynamic=has_dynamic
    )
    collector.visit_block(tree.body, _Place())
    return tuple(collector.imports), tuple(collector.problems)


_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    scope: str = ""
    in_class: bool = False
    typing_only: bool = False
    guarded: bool = False


@dataclass(slots=True, kw_only=True)
class _Collector:
    path: str
    package: str
    text: str
    index: ModuleIndex
    has_dynamic: bool  # else no expression matters
    imports: list[Import] = field(default_factory=list[Import])
    problems: list[ImportProblem] = field(default_factory=list[ImportProblem])
    _lines: Lines | None = None

    def visit_block(self, body: list[ast.stmt], place: _Place) -> None:
        for statement in body:
            self.visit(statement, place)

    def visit(self, node: ast.AST, place: _Place) -> None:
        match node:
            case ast.Import():
                for item in node.names:
                    self._add(node, item.name, None, place, alias=item.asname)
            case ast.ImportFrom():
                self._import_from(node, place)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                separator = "." if place.in_class or not place.scope else ".<locals>."
                scope = f"{place.scope}{separator}{node.name}".removeprefix(".")
                is_class = isinstance(node, ast.ClassDef)
                inside = _Place(
                    scope=scope,
                    in_class=is_class,
                    typing_only=place.typing_only and is_class,
                    guarded=place.guarded and is_class,
                )
                self.visit_block(node.body, inside)
            case ast.If():
                test = ast.unparse(node.test)
                typing_only = test.rpartition(".")[2] == "TYPE_CHECKING"
                if test in ("__name__ == '__main__'", "'__main__' == __name__"):
                    self.visit_block(node.orelse, place)
                    return
                inside = _Place(
                    scope=place.scope,
                    in_class=place.in_class,
                    typing_only=place.typing_only or typing_only,
                    guarded=place.guarded,
                )
                self.visit_block(node.body, inside)
                self.visit_block(node.orelse, place)
            case ast.Try() | ast.TryStar():
                self._try(node, place)
            case ast.Call():
                self._dynamic(node, place)
                self._generic(node, place)
            case _:
                self._generic(node, place)

    def _generic(self, node: ast.AST, place: _Place) -> None:
        if self.has_dynamic:
            for child in ast.iter_child_nodes(node):
                self.visit(child, place)
            return
        for block in _BLOCKS:
            for child in getattr(node, block, ()):
                self.visit(child, place)

    def _try(self, node: ast.Try | ast.TryStar, place: _Place) -> None:
        guarded = any(_expects_import_error(handler.type) for handler in node.handlers)
        inside = _Place(
            scope=place.scope,
            in_class=place.in_class,
            typing_only=place.typing_only,
            guarded=place.guarded or guarded,
        )
        self.visit_block(node.body, inside)
        for handler in node.handlers:
            self.visit_block(handler.body, inside)
        self.visit_block(node.orelse, place)
        self.visit_block(node.finalbody, place)

    def _import_from(self, node: ast.ImportFrom, place: _Place) -> None:
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
            names.append(ImportedName(item.name, item.asname, submodule))
        self._add(node, module, tuple(names), place, relative=bool(node.level))

    def _dynamic(self, node: ast.Call, place: _Place) -> None:
        callee = ast.unparse(node.func)
        if callee not in IMPORT_FUNCTIONS or not node.args:
            return
        first = node.args[0]
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            text = ast.get_source_segment(self.text, node) or callee
            self.problems.append(ImportProblem(span=self._span(node), text=text, computed=True))
            return
        name = first.value
        level = len(name) - len(name.lstrip(".")) if callee != "__import__" else 0
        module = resolve_relative(self.package, level, name[level:]) if level else name
        if module is None:
            self.problems.append(ImportProblem(span=self._span(node), text=name, computed=False))
        else:
            self._add(node, module, None, place, dynamic=True)

    def _add(
        self,
        node: ast.stmt | ast.expr,
        module: str,
        names: tuple[ImportedName, ...] | None,
        place: _Place,
        *,
        alias: str | None = None,
        dynamic: bool = False,
        relative: bool = False,
    ) -> None:
        self.imports.append(
            Import(
                module=module,
                origin=self.index.origin(module),
                names=names,
                span=self._span(node),
                alias=alias,
                scope=place.scope,
                typing_only=place.typing_only,
                guarded=place.guarded,
                dynamic=dynamic,
                relative=relative,
            )
        )

    def _span(self, node: ast.stmt | ast.expr) -> Span:
        """`ast` counts columns in UTF-8 bytes; spans count code points."""
        if self._lines is None:
            self._lines = Lines(self.text)
        end_line = node.end_lineno or node.lineno
        end = node.end_col_offset if node.end_col_offset is not None else node.col_offset
        return Span(
            self.path,
            node.lineno,
            _code_points(self._lines.line(node.lineno), node.col_offset) + 1,
            end_line,
            _code_points(self._lines.line(end_line), end) + 1,
        )


def _code_points(line: str, byte_offset: int) -> int:
    return len(line.encode("utf-8")[:byte_offset].decode("utf-8", "replace"))


def _expects_import_error(kind: ast.expr | None) -> bool:
    if isinstance(kind, ast.Tuple):
        return any(_expects_import_error(element) for element in kind.elts)
    return kind is None or ast.unparse(kind) in {
        "ImportError",
        "ModuleNotFoundError",
        "Exception",
        "BaseException",
    }

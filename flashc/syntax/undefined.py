"""Find names that a module uses before anything binds them, and the names that it binds.

For most modules, the code that Python's compiler produces is enough to see that they have no such name.
For the others, the compiler's tables say which names of a scope are global, and the tree of `ast` is
walked in the order in which Python executes a module.
"""

from __future__ import annotations

import ast
import re
from contextlib import suppress
from types import CodeType

from msgspec import Struct
from msgspec.structs import replace

from flashc_core.ast_nodes import children
from flashc_core.python_texts import parse_module, symbol_table
from flashc_core.source import Lines, Span, column_of_byte
from flashc_ir.modules import NameFacts, UndefinedName

from .code_names import names_of_code
from .scope_tables import COMPREHENSIONS, KNOWN, ScopeKey, used_globals

# Names of Python 2, in branches that Python 3 does not take.
_OLD_BUILTINS = frozenset(
    "unicode xrange raw_input basestring long reduce unichr file cmp execfile reload buffer apply intern "
    "coerce StandardError".split()
)
# Ways to bind names that are not spelled.
_HIDING = frozenset(
    "globals locals vars exec execfile builtins __builtins__ __dict__ modules global_enum _convert _convert_".split()
)
_IMPORT_ALL = re.compile(r"import[\s(]*\*")
_FROM = re.compile(r"from\s+\.*([\w.]+)\s+import")
_FOR_TYPE_CHECKERS = re.compile(r"(?:\w+\.)*TYPE_CHECKING")
_CATCHING = frozenset({"NameError", "Exception", "BaseException"})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
# Nodes whose first part is always executed, while the other parts may be skipped.
_WITH_BRANCHES = (
    ast.For,
    ast.AsyncFor,
    ast.Match,
    ast.With,
    ast.AsyncWith,
    ast.Assert,
    ast.BoolOp,
)


def name_facts(text: str, path: str, code: CodeType | None) -> NameFacts:
    """Return what is known of the names of a module; nothing if it may bind names that it does not spell.

    `code` is what the running Python has compiled; nothing is known without it.
    """
    if code is None or _IMPORT_ALL.search(text) is not None:
        return NameFacts()
    names = names_of_code(code)
    if not names.spelled.isdisjoint(_HIDING):
        return NameFacts()
    # A module that a package imports is bound as a name of the package
    imported = _FROM.findall(text) if path.endswith("__init__.py") else ()
    submodules = {part for name in imported for part in name.split(".")}
    bound = names.bound | submodules
    undefined: list[UndefinedName] = []
    if not names.early <= submodules | KNOWN or not names.used <= bound | KNOWN:
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            used = used_globals(symbol_table(text, path))
            before = names.bound_by_functions | submodules
            undefined = _Walker(path, text, used, bound, before).find()
    lazily = "__getattr__" in bound
    return NameFacts(undefined=tuple(undefined), bound=None if lazily else tuple(sorted(bound)))


class _Place(Struct, frozen=True, kw_only=True):
    """The code around a node.

    `scope` is its scope.  `own` are the names that the class around the node has bound so far; None
    outside a class body.  `targets` are the names that comprehensions bind.  `is_certain` says that the
    code runs whenever the module is imported, `is_free` that a missing name in this code is not
    reported, for example under `TYPE_CHECKING`, `in_function` that annotations are not evaluated,
    `conditional` that a branch or a function is around it.
    """

    scope: ScopeKey = ("", 0)
    own: set[str] | None = None
    targets: frozenset[str] = frozenset()
    is_certain: bool = True
    is_free: bool = False
    in_function: bool = False
    conditional: bool = False


class _Walker:
    """Walks over the tree of a module and collects the uses of names that are not bound.

    `used` are the global names of each scope, `bound` the names that the module binds somewhere.
    `before` are the names that may be bound when the walk reaches a node; at the start, these are the
    names that functions bind, and the submodules that a package imports.
    """

    def __init__(
        self,
        path: str,
        text: str,
        used: dict[ScopeKey, frozenset[str]],
        bound: set[str],
        before: set[str],
    ) -> None:
        self._path = path
        self._tree = parse_module(text)
        self._lines = Lines(text)
        self._used = used
        self._bound = bound
        self._before = before
        # Functions are executed later, and matter only if they use names that nothing binds
        self._enters_functions = not all(names <= bound for names in used.values())
        self._postponed = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(item.name == "annotations" for item in node.names)
            for node in self._tree.body
        )
        self._found: list[UndefinedName] = []

    def find(self) -> list[UndefinedName]:
        """Return the first use of each unknown name, the certain one if there is one."""
        for node in self._tree.body:
            self._visit(node, _Place())
        first: dict[str, UndefinedName] = {}
        for use in sorted(self._found, key=lambda use: (not use.is_certain, use.span.line)):
            first.setdefault(use.name, use)
        return sorted(first.values(), key=lambda use: (use.span.line, use.span.column))

    def _visit(self, node: ast.AST, place: _Place) -> None:
        """Visit a node and the nodes inside it, in the order in which Python executes them."""
        if isinstance(node, ast.Name):
            self._visit_name(node, place)
        elif isinstance(node, _SCOPES):
            self._visit_scope(node, place)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            self._visit_comprehension(node, place)
        elif isinstance(node, ast.AnnAssign):
            self._visit_annotated(node, place)
        elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
            self._visit_branches(node, place)
        elif isinstance(node, (ast.Try, ast.TryStar)):
            self._visit_try(node, place)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for item in node.names:
                self._bind((item.asname or item.name).partition(".")[0], place)
        else:
            self._visit_parts(node, place)

    def _visit_parts(self, node: ast.AST, place: _Place) -> None:
        """Visit the parts of a node.

        In the nodes of `_WITH_BRANCHES`, the parts after the first one may be skipped at run time.
        """
        parts = children(node)
        if isinstance(node, (ast.Assign, ast.NamedExpr)):
            parts = [node.value, *(part for part in parts if part is not node.value)]
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            parts = [node.iter, *(part for part in parts if part is not node.iter)]
        elif isinstance(node, ast.AugAssign):
            self._use(node.target, place)
        elif isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name is not None:
            self._bind(node.name, place)
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            self._bind(node.rest, place)
        for number, part in enumerate(parts):
            in_branch = number > 0 and isinstance(node, _WITH_BRANCHES)
            self._visit(part, _in_branch(place) if in_branch else place)
        if isinstance(node, ast.NamedExpr) and place.targets:
            self._before.add(node.target.id)  # it is bound outside of the comprehension

    def _visit_name(self, node: ast.Name, place: _Place) -> None:
        """Visit a name, which is bound or used."""
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id, place)
        else:
            self._use(node, place)

    def _bind(self, name: str, place: _Place) -> None:
        """Record that a name is bound, unless a function binds it: `before` has such names from the start."""
        if place.own is not None:
            place.own.add(name)
        elif not place.in_function:
            self._before.add(name)

    def _use(self, node: ast.AST, place: _Place) -> None:
        """Record the use of a name if nothing binds it, or if the use is certain to run before the name is bound."""
        if not isinstance(node, ast.Name) or place.is_free:
            return
        name = node.id
        if name not in self._used.get(place.scope, ()) or name in place.targets:
            return
        if place.own is not None and name in place.own:
            return
        if name in self._bound and (name in self._before or not place.is_certain):
            return
        if name in _OLD_BUILTINS and place.conditional:
            return
        line = self._lines.line(node.lineno)
        begin, end = (
            column_of_byte(line, offset)
            for offset in (node.col_offset, node.end_col_offset or node.col_offset)
        )
        span = Span(self._path, node.lineno, begin, node.lineno, end)
        self._found.append(UndefinedName(name=name, span=span, is_certain=place.is_certain))

    def _visit_scope(
        self,
        node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda,
        place: _Place,
    ) -> None:
        """Visit a function, a class or a lambda.

        Its decorators, defaults, bases and annotations are visited first, in the scope around it, and
        then its body.  If it has type parameters, only its name is bound, and nothing inside it is
        visited.
        """
        name = "lambda" if isinstance(node, ast.Lambda) else node.name
        if getattr(node, "type_params", ()):  # they have a scope of their own
            self._bind(name, place)
            return
        is_class = isinstance(node, ast.ClassDef)
        inside = replace(
            place,
            scope=(name, node.lineno),
            own=set() if is_class else None,
            targets=frozenset(),
            is_certain=place.is_certain and is_class,
            in_function=not is_class,
            conditional=place.conditional or not is_class,
        )
        body = node.body if isinstance(node.body, list) else [node.body]
        heads = [child for child in children(node) if not any(child is each for each in body)]
        for child in heads:
            if isinstance(child, ast.arguments):
                self._visit_parameters(child, place)
            elif child is getattr(node, "returns", None):
                self._visit_annotation(child, place)
            else:
                self._visit(child, place)
        if is_class or self._enters_functions:
            for child in body:
                self._visit(child, inside)
        if not isinstance(node, ast.Lambda):
            self._bind(node.name, place)

    def _visit_parameters(self, parameters: ast.arguments, place: _Place) -> None:
        """Visit defaults and annotations of parameters."""
        for default in (*parameters.defaults, *parameters.kw_defaults):
            if default is not None:
                self._visit(default, place)
        every = [*parameters.posonlyargs, *parameters.args, *parameters.kwonlyargs]
        every += filter(None, (parameters.vararg, parameters.kwarg))
        for parameter in every:
            if parameter.annotation is not None:
                self._visit_annotation(parameter.annotation, place)

    def _visit_annotation(self, annotation: ast.AST, place: _Place) -> None:
        """Visit an annotation of a parameter or a result, unless it is not evaluated."""
        if not self._postponed:
            self._visit(annotation, place)

    def _visit_annotated(self, node: ast.AnnAssign, place: _Place) -> None:
        """Visit `x: T = value`; in a function, the annotation is not evaluated."""
        if node.value is not None:
            self._visit(node.value, place)
            self._visit(node.target, place)
        elif not isinstance(node.target, ast.Name):
            self._visit(node.target, place)
        if not place.in_function:
            self._visit_annotation(node.annotation, place)

    def _visit_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, place: _Place
    ) -> None:
        """Visit a comprehension; its first iterable belongs to the scope around it."""
        self._visit(node.generators[0].iter, place)
        scope = (COMPREHENSIONS[type(node)], node.lineno)
        if scope not in self._used:  # since Python 3.12, most have no table of their own
            scope = place.scope
        named = (part for each in node.generators for part in ast.walk(each.target))
        targets = {part.id for part in named if isinstance(part, ast.Name)}
        inside = replace(
            _in_branch(place),
            scope=scope,
            own=None,
            targets=place.targets | targets,
            in_function=True,
        )
        for number, generator in enumerate(node.generators):
            parts = [generator.target, *generator.ifs]
            for child in (*parts, generator.iter) if number else parts:
                self._visit(child, inside)
        elements = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        for child in elements:
            self._visit(child, inside)

    def _visit_branches(self, node: ast.If | ast.While | ast.IfExp, place: _Place) -> None:
        """Visit code behind a test; code for type checkers and for a script does not run on workers."""
        self._visit(node.test, place)
        test = ast.unparse(node.test)
        is_free = _FOR_TYPE_CHECKERS.fullmatch(test) is not None or "__name__" in test
        body = [node.body] if isinstance(node, ast.IfExp) else node.body
        otherwise = [node.orelse] if isinstance(node, ast.IfExp) else node.orelse
        inside = _in_branch(place)
        for part in body:
            self._visit(part, replace(inside, is_free=place.is_free or is_free))
        for part in otherwise:
            self._visit(part, inside)

    def _visit_try(self, node: ast.Try | ast.TryStar, place: _Place) -> None:
        """Visit a `try` statement; a handler for NameError expects a missing name."""
        caught = any(_catches_name_error(handler.type) for handler in node.handlers)
        for statement in node.body:
            self._visit(statement, replace(place, is_free=place.is_free or caught))
        for handler in node.handlers:
            if handler.name is not None:
                self._bind(handler.name, place)
            for child in children(handler):
                self._visit(child, _in_branch(place))
        for statement in (*node.orelse, *node.finalbody):
            self._visit(statement, _in_branch(place))


def _in_branch(place: _Place) -> _Place:
    """Return the place of code that may not run."""
    return replace(place, is_certain=False, conditional=True)


def _catches_name_error(kind: ast.expr | None) -> bool:
    """Return whether a handler catches NameError."""
    if kind is None:
        return True
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(ast.unparse(each).rpartition(".")[2] in _CATCHING for each in kinds)

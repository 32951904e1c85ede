"""Find out from the source text whether importing a module can change other modules or the process, or raise on purpose.

The evaluator does not execute an import that certainly does nothing of this.  Executing it would need
a full parse with positions, which takes many times longer than this check.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from weakref import WeakKeyDictionary

from msgspec import Struct

from flashc_core.encoding import Undecodable
from flashc_ir.imports.ast_imports import collect_tree_imports
from flashc_ir.modules import Import, Origin

from .project import Project
from .source_file import SourceFile

# Words in code that may change the process, or change another module that the code does not name.
_ACTING = re.compile(
    rb"\b(environ|putenv|unsetenv|setattr|delattr|exec|eval|globals|__import__|import_module|modules|exit|quit"
    rb"|_exit|metaclass|__init_subclass__|__set_name__)\b"
)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_NEVER = frozenset(
    {"__name__ == '__main__'", "'__main__' == __name__", "TYPE_CHECKING", "typing.TYPE_CHECKING"}
)

_QUIET = frozenset(
    "dataclass property setter staticmethod classmethod cache lru_cache cached_property "
    "abstractmethod final overload".split()
)


class _Facts(Struct, frozen=True):
    """Whether the code of one module may act, and the modules that it imports.

    To act is to change another module or the process, or to raise on purpose.
    """

    acts: bool
    imports: frozenset[str]


# Cached facts, with the project's modules they were computed for: which imports are the project's depends on the modules.
_FACTS: WeakKeyDictionary[SourceFile, tuple[dict[str, str], _Facts]] = WeakKeyDictionary()
# Cache of `may_act`.  Without it, each module of a chain of imports would check the rest of the chain again.
_MAY_ACT: WeakKeyDictionary[Project, dict[str, bool]] = WeakKeyDictionary()


def may_act(project: Project, name: str) -> bool:
    """Return whether importing a module, and what it imports, may act (see `_Facts`)."""
    known = _MAY_ACT.setdefault(project, {})
    pending, importers = [name], {name: ""}  # the module by which each one was reached
    while pending:
        current = pending.pop()
        if current not in project.modules:
            continue  # a folder without `__init__.py`
        facts = (
            _Facts(known[current], frozenset()) if current in known else _facts(project, current)
        )
        if facts.acts:
            while current:  # so do those that import it
                known[current] = True
                current = importers[current]
            return True
        found = facts.imports - importers.keys()
        importers |= dict.fromkeys(found, current)
        pending += found
    known |= dict.fromkeys(importers, False)
    return False


def _facts(project: Project, name: str) -> _Facts:
    """Return the facts of one module; one that can't be read may act."""
    try:
        source = project.source_of_module(name)
        modules, facts = _FACTS.get(source, (None, None))
        if facts is None or modules != project.modules:
            facts = _facts_of(project, name, source)
            _FACTS[source] = (project.modules, facts)
        return facts
    except (OSError, Undecodable, SyntaxError, ValueError, RecursionError, MemoryError):
        return _Facts(acts=True, imports=frozenset())


def _facts_of(project: Project, name: str, source: SourceFile) -> _Facts:
    """Return the facts of the text of a module; raises what parsing it raises."""
    if _ACTING.search(source.data):
        return _Facts(acts=True, imports=frozenset())
    if not source.mentions((b"import", b"raise", b"assert")):
        return _Facts(acts=False, imports=frozenset())
    tree = source.parse_with_host()
    listed, _ = collect_tree_imports(
        tree, source.path, name, source.is_package, source.text, project
    )
    top = _Top(tree, [i for i in listed if i.origin is Origin.PROJECT and not i.typing_only])
    imports = {m for item in top.executed() for m in item.modules() if m in project.modules}
    return _Facts(acts=top.acts(), imports=frozenset(imports - {name}))


class _Top:
    """The code at the top of a module, which an import executes."""

    def __init__(self, tree: ast.Module, imports: list[Import]) -> None:
        self._tree = tree
        self._imports = imports
        self._shared = {bound for item in imports if not item.scope for bound in _bound(item)}
        self._own = {
            node.name
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        }
        self._statements = list(_executed(tree.body))
        for _ in range(2):  # an alias may be used in a loop before it is made
            for statement in self._statements:
                if self._names_own(statement):
                    self._own |= set(_assigned(statement))
        self._calls_own = any(map(self._may_call_own, self._statements))

    def executed(self) -> list[Import]:
        """Return the imports of the project's modules that the import may execute."""
        return self._imports if self._calls_own else [i for i in self._imports if not i.scope]

    def acts(self) -> bool:
        """Return whether the code may change another module, or raise on purpose."""
        if any(name.name == "*" for item in self._imports for name in item.names or ()):
            return True
        if self._calls_own and any(
            isinstance(node, ast.Name) and node.id in self._shared for node in ast.walk(self._tree)
        ):
            return True
        if self._calls_own and any(item.scope for item in self._imports):
            return True
        return any(map(self._acts, self._statements))

    def _names_own(self, node: ast.AST) -> bool:
        """Return whether code that is executed now names a function of the module, or is a lambda."""
        return any(
            isinstance(n, ast.Lambda) or (isinstance(n, ast.Name) and n.id in self._own)
            for n in _now(node)
        )

    def _may_call_own(self, statement: ast.AST) -> bool:
        """Return whether a statement may call a function that the module defines."""
        decorators = getattr(statement, "decorator_list", ())
        if not all(map(_calls_nothing, decorators)) or any(
            isinstance(node, ast.Call) and _root(node.func) is None for node in _now(statement)
        ):
            return True
        calls = [n for n in _now(statement) if isinstance(n, ast.Call) and n not in decorators]
        return bool(calls) and self._names_own(statement)

    def _acts(self, statement: ast.AST) -> bool:
        """Return whether a statement may change what another module defines."""
        match statement:
            case ast.Raise() | ast.Assert():
                return True
            case ast.Import() | ast.ImportFrom():
                return False
            case ast.Assign(targets=targets, value=value) if all(map(_is_plain_target, targets)):
                return self._uses(value) and self._passes_on(value, targets)
            case ast.AnnAssign(target=ast.Name() as target, value=value):
                return value is not None and self._uses(value) and self._passes_on(value, [target])
            case _:
                return self._uses(statement)

    def _uses(self, node: ast.AST) -> bool:
        """Return whether code that is executed names something of another module."""
        return any(isinstance(n, ast.Name) and n.id in self._shared for n in _now(node))

    def _passes_on(self, value: ast.expr, targets: Iterable[ast.expr]) -> bool:
        """Add the targets to the shared names; return whether the value contains a call, an `await`, a `yield` or `:=`."""
        self._shared |= {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
        changing = (ast.Call, ast.Await, ast.NamedExpr, ast.Yield, ast.YieldFrom)
        return any(isinstance(node, changing) for node in _now(value))


def _executed(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """Yield the statements that an import may execute, and the parts of compound ones."""
    for statement in body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) in _NEVER:
            yield from _executed(statement.orelse)
            continue
        yield statement
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for block in _BLOCKS:
            for part in getattr(statement, block, ()):
                if isinstance(part, ast.stmt):
                    yield from _executed([part])
                else:  # a handler or a case: the type or the guard is executed too
                    yield part
                    yield from _executed(part.body)


def _now(node: ast.AST) -> Iterator[ast.AST]:
    """Yield every node inside a statement that Python evaluates when it executes the statement itself.

    Not all of these nodes are expressions.  Statements in its blocks are not included; `_executed`
    yields them.  Annotations are left out.
    """
    for name, part in ast.iter_fields(node):
        if name in ("annotation", "returns", *_BLOCKS) and not isinstance(
            node, (ast.IfExp, ast.Expression)
        ):
            continue
        for child in part if isinstance(part, list) else [part]:
            if isinstance(child, ast.AST):
                yield child
                if not isinstance(child, ast.arg):
                    yield from _now(child)


def _assigned(statement: ast.AST) -> Iterator[str]:
    """Yield the names that a statement may bind, without those of inner statements."""
    yield from (
        node.id
        for node in _now(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )


def _is_plain_target(target: ast.expr) -> bool:
    """Return whether an assignment only binds names."""
    return isinstance(target, ast.Name) or (
        isinstance(target, (ast.Tuple, ast.List)) and all(map(_is_plain_target, target.elts))
    )


def _calls_nothing(decorator: ast.expr) -> bool:
    """Return whether a decorator is known not to call the function that it decorates."""
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return ast.unparse(named).rpartition(".")[2] in _QUIET


def _root(node: ast.expr) -> str | None:
    """Return the name at the beginning of `a.b(...).c`; None for other expressions."""
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _bound(item: Import) -> Iterator[str]:
    """Yield the names that an import binds."""
    if item.names is None:
        yield item.alias or item.module.partition(".")[0]
    for name in item.names or ():
        yield name.bound

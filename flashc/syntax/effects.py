"""Find environment variables that a module reads or sets, globals it changes, and pip installs.

`EffectCollector` records nodes during the walk over the tree, and interprets them when all scopes
are complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import libcst as cst
from msgspec import Struct, field
from msgspec.structs import replace

from flashc_ir.modules import GlobalUse, Module, VariableRead, VariableSet

from .parse import Syntax
from .references import Use, call_of_shape
from .scopes import Chain, Scope, ScopeKind, resolve_chain
from .walk import children, dotted, string_literal

_READERS = frozenset({"os.getenv", "os.environ.get", "os.environ.pop"})
_STARTERS = frozenset(
    "os.system os.popen subprocess.run subprocess.call subprocess.check_call "
    "subprocess.check_output subprocess.Popen asyncio.create_subprocess_exec "
    "asyncio.create_subprocess_shell".split()
)
_PIP_FUNCTIONS = frozenset({"pip.main", "pip._internal.main", "pip._internal.cli.main.main"})
_MUTATORS = frozenset(
    "append extend insert remove pop popitem clear sort reverse add discard update setdefault "
    "appendleft popleft extendleft".split()
)
_VISITED = frozenset(
    {
        *(cst.Subscript, cst.Assign, cst.AnnAssign, cst.Del, cst.AugAssign, cst.BooleanOperation),
        *(cst.If, cst.While, cst.IfExp, cst.Assert, cst.UnaryOperation, cst.Call, cst.Comparison),
        *(cst.NamedExpr, cst.Try),
    }
)
_Access = tuple[Scope, Chain, cst.CSTNode]
_Variable = tuple[Scope, str]


class EffectCollector(Struct, eq=False, kw_only=True):
    """Collects nodes that may have an effect; `add_to` interprets them.

    `lookups` are `a.b[...]`.  `changed` are `a.b[...] = ...`, `a += ...` and `del a.b`.  `contained`
    are `"text" in a.b`.  `tested` are expressions used as a condition or compared; `tested_names`
    are those that are plain names.  `assigned` maps a value node to the variable it is assigned to.
    `caught` are lookups whose KeyError the code handles.
    """

    lookups: list[_Access] = field(default_factory=list[_Access])
    changed: list[_Access] = field(default_factory=list[_Access])
    contained: list[_Access] = field(default_factory=list[_Access])
    tested: set[cst.CSTNode] = field(default_factory=set[cst.CSTNode])
    tested_names: list[_Variable] = field(default_factory=list[_Variable])
    assigned: dict[cst.CSTNode, _Variable] = field(default_factory=dict[cst.CSTNode, _Variable])
    caught: set[cst.CSTNode] = field(default_factory=set[cst.CSTNode])

    def visit(self, node: cst.CSTNode, scope: Scope) -> None:
        """Record `node`, which is evaluated in `scope`, if such a node can have an effect."""
        if type(node) not in _VISITED:
            return
        match node:
            case cst.Subscript():
                self._record(node.value, node, scope, self.lookups)
            case cst.Assign():
                for target in node.targets:
                    self._record_change(target.target, scope)
                    self._assign(target.target, node.value, scope)
            case cst.AnnAssign():
                self._record_change(node.target, scope)
                self._assign(node.target, node.value, scope)
            case cst.NamedExpr():
                self._assign(node.target, node.value, scope)
            case cst.Del():
                self._record_change(node.target, scope)
            case cst.AugAssign():
                self._record_change(node.target, scope, itself=True)
            case cst.Try():
                self._record_caught(node)
            case _:
                for tested in _tested(node):
                    self._record_test(tested, scope)
                if isinstance(node, cst.Comparison) and isinstance(node.left, cst.SimpleString):
                    self._record(node.comparisons[0].comparator, node, scope, self.contained)

    def _assign(
        self, target: cst.BaseExpression, value: cst.BaseExpression | None, scope: Scope
    ) -> None:
        """Record the variable that a value is assigned to."""
        if isinstance(target, cst.Name) and value is not None:
            self.assigned[value] = (scope, target.value)

    def _record_test(self, tested: cst.BaseExpression, scope: Scope) -> None:
        """Record an expression that the code tests."""
        self.tested.add(tested)
        if isinstance(tested, cst.NamedExpr):
            self._record_test(tested.value, scope)
        elif isinstance(tested, cst.Name):
            self.tested_names.append((scope, tested.value))

    def _record_caught(self, node: cst.Try) -> None:
        """Record the lookups in the body of a `try` that handles KeyError."""
        if any(map(_handles_missing_key, node.handlers)):
            self.caught |= set(_subscripts(node.body))

    def _record_change(
        self, target: cst.BaseExpression, scope: Scope, *, itself: bool = False
    ) -> None:
        """Record a change of a container, or of a global variable by an augmented assignment.

        A plain assignment to a bare name is not recorded: the name is local, or it is in
        `Scope.rebound`.
        """
        if isinstance(target, (cst.Subscript, cst.Attribute)):
            self._record(target.value, target, scope, self.changed)
        elif itself and isinstance(target, cst.Name) and target.value in scope.global_names:
            self._record(target, target, scope, self.changed)

    @staticmethod
    def _record(
        node: cst.BaseExpression, whole: cst.CSTNode, scope: Scope, into: list[_Access]
    ) -> None:
        """Record a dotted name with its scope, and the node that contains it."""
        name = dotted(node)
        if name is not None:
            root, *attributes = name.split(".")
            into.append((scope, Chain(root, tuple(attributes)), whole))

    def add_to(self, module: Module, syntax: Syntax, top: Scope, uses: Sequence[Use]) -> Module:
        """Return `module` with the effects of its code; every scope has to be complete.

        `top` is the module's scope, `uses` are all names that the module loads.
        """
        return replace(
            module,
            variables_read=tuple(self._reads(syntax, uses)),
            variables_set=tuple(self._sets(uses)),
            globals=tuple(self._globals(syntax, top, uses)),
            installs=tuple(syntax.span(use.node) for use in uses if _installs(use)),
        )

    # Environment variables -------------------------------------------------------------------------

    def _reads(self, syntax: Syntax, uses: Sequence[Use]) -> Iterator[VariableRead]:
        """Yield the reads of environment variables.

        These are `os.getenv`, `os.environ[...]`, `.get`, `.pop` and `in os.environ`.  A read is
        optional if the code also works without the variable, or if the code itself tests whether the
        variable is set.
        """
        tested_names = {(scope.owner(name), name) for scope, name in self.tested_names}
        for use in uses:
            node = call_of_shape(use)
            if isinstance(node, cst.Call) and _may_mean(use.scope, use.chain, _READERS):
                name = _first_string_argument(node)
                if name is not None:
                    scope, variable = self.assigned.get(node, (use.scope, ""))
                    is_tested = (scope.owner(variable), variable) in tested_names
                    optional = len(node.args) > 1 or node in self.tested or is_tested
                    yield VariableRead(
                        name=name,
                        scope=use.scope.qualname,
                        span=syntax.span(node),
                        optional=optional,
                    )
        written = {node for _, _, node in self.changed}
        for scope, chain, node in self.lookups:
            if node not in written and _may_mean(scope, chain, {"os.environ"}):
                name = _key(node)
                if name is not None:
                    yield VariableRead(
                        name=name,
                        scope=scope.qualname,
                        span=syntax.span(node),
                        optional=node in self.caught,
                    )
        for scope, chain, node in self.contained:
            name = _tested_key(node)
            if name is not None and _may_mean(scope, chain, {"os.environ"}):
                yield VariableRead(
                    name=name, scope=scope.qualname, span=syntax.span(node), optional=True
                )

    def _sets(self, uses: Sequence[Use]) -> Iterator[VariableSet]:
        """Yield the environment variables that the module sets."""
        for use in uses:
            node = call_of_shape(use)
            if isinstance(node, cst.Call) and _may_mean(
                use.scope, use.chain, {"os.environ.setdefault", "os.putenv"}
            ):
                name = _first_string_argument(node)
                if name is not None:
                    yield VariableSet(name, use.scope.qualname)
        for scope, chain, node in self.changed:
            name = _key(node)
            if name is not None and _may_mean(scope, chain, {"os.environ"}):
                yield VariableSet(name, scope.qualname)

    # Module-level state ----------------------------------------------------------------------------

    def _globals(self, syntax: Syntax, top: Scope, uses: Sequence[Use]) -> list[GlobalUse]:
        """Return the uses, in functions, of module-level values that a function changes."""
        writes = [
            GlobalUse(name=name, scope=where, span=span, writes=True)
            for name, where, span in top.rebound
        ]
        for scope, chain, node in self.changed:
            if _is_module_state(top, scope, chain.root):
                writes.append(
                    GlobalUse(
                        name=chain.root, scope=scope.qualname, span=syntax.span(node), writes=True
                    )
                )
        for use in uses:
            changing = isinstance(call_of_shape(use), cst.Call) and use.chain.attributes[-1:] != ()
            if changing and use.chain.attributes[-1] in _MUTATORS:
                if _is_module_state(top, use.scope, use.chain.root):
                    span = syntax.span(use.node)
                    writes.append(
                        GlobalUse(
                            name=use.chain.root, scope=use.scope.qualname, span=span, writes=True
                        )
                    )
        names = {write.name for write in writes}
        reads = [
            GlobalUse(
                name=use.chain.root,
                scope=use.scope.qualname,
                span=syntax.span(use.node),
                writes=False,
            )
            for use in uses
            if use.chain.root in names and _is_module_state(top, use.scope, use.chain.root)
        ]
        return sorted({*writes, *reads}, key=lambda use: (use.span, use.name, use.writes))


def _tested(node: cst.CSTNode) -> tuple[cst.BaseExpression, ...]:
    """Return the expressions that `node` tests or compares."""
    match node:
        case cst.BooleanOperation():
            return node.left, node.right
        case cst.If() | cst.While() | cst.IfExp() | cst.Assert():
            return (node.test,)
        case cst.UnaryOperation(operator=cst.Not()):
            return (node.expression,)
        case cst.Call(func=cst.Name(value="bool"), args=[argument]):
            return (argument.value,)
        case cst.Comparison():
            equals = (cst.Equal, cst.NotEqual, cst.Is, cst.IsNot)
            right = (c.comparator for c in node.comparisons if isinstance(c.operator, equals))
            return node.left, *right
        case _:
            return ()


def _handles_missing_key(handler: cst.ExceptHandler) -> bool:
    """Return whether a handler names KeyError or LookupError, alone or with others."""
    if isinstance(handler.type, cst.Tuple):
        caught = [element.value for element in handler.type.elements]
    else:
        caught = [] if handler.type is None else [handler.type]
    return any(
        isinstance(each, cst.Name) and each.value in ("KeyError", "LookupError") for each in caught
    )


def _subscripts(node: cst.CSTNode) -> Iterator[cst.Subscript]:
    """Yield the subscripts in `node`, except those in functions and classes that it defines."""
    if isinstance(node, cst.Subscript):
        yield node
    if not isinstance(node, (cst.FunctionDef, cst.Lambda, cst.ClassDef)):
        for child in children(node):
            yield from _subscripts(child)


def _tested_key(node: cst.CSTNode) -> str | None:
    """Return the text in `"text" in x` and `"text" not in x`; None for any other node."""
    match node:
        case cst.Comparison(
            left=left, comparisons=[cst.ComparisonTarget(operator=cst.In() | cst.NotIn())]
        ):
            return string_literal(left)
        case _:
            return None


def _is_module_state(top: Scope, scope: Scope, name: str) -> bool:
    """Return whether `name`, used in a function, is a plain value of the module's top level."""
    if not _in_function(scope) or scope.owner(name) is not top:
        return False
    return all(bound.target is None and bound.alias is None for bound in top.bindings[name])


def _in_function(scope: Scope | None) -> bool:
    """Return whether a scope is in a function."""
    while scope is not None:
        if scope.kind is ScopeKind.FUNCTION and scope.qualname:
            return True
        scope = scope.parent
    return False


def _may_mean(scope: Scope, chain: Chain, names: frozenset[str] | set[str]) -> bool:
    """Return whether a dotted name may mean one of `names`."""
    return any(not instance and target in names for target, instance in resolve_chain(scope, chain))


def _first_string_argument(call: cst.Call) -> str | None:
    """Return the first argument of a call if it is a string literal; else None."""
    return string_literal(call.args[0].value) if call.args and not call.args[0].star else None


def _key(node: cst.CSTNode) -> str | None:
    """Return the text in `x["text"]`; None for any other node."""
    if isinstance(node, cst.Subscript) and len(node.slice) == 1:
        index = node.slice[0].slice
        if isinstance(index, cst.Index):
            return string_literal(index.value)
    return None


# Installations ------------------------------------------------------------------------------------


def _installs(use: Use) -> bool:
    """Return whether a call installs packages with pip or uv, as in `subprocess.run([...])`."""
    call = call_of_shape(use)
    if not isinstance(call, cst.Call):
        return False
    if _may_mean(use.scope, use.chain, _PIP_FUNCTIONS):
        return True
    if not _may_mean(use.scope, use.chain, _STARTERS):
        return False
    words = [word for argument in call.args for word in _words(argument.value)]
    return any(
        word in ("pip", "pip3", "uv") and "install" in words[i + 1 : i + 3]
        for i, word in enumerate(words)
    )


def _words(node: cst.CSTNode) -> Iterator[str]:
    """Yield the words of the strings in an expression, in source order."""
    if isinstance(node, (cst.SimpleString, cst.FormattedStringText)):
        text = string_literal(node) if isinstance(node, cst.SimpleString) else node.value
        yield from (text or "").split()
    else:
        for child in children(node):
            yield from _words(child)

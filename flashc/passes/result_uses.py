"""Find out how code uses the result of a call: awaits it, returns it, or uses it as a plain value."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum, unique

Parents = Mapping[ast.AST, ast.AST]


@unique
class Use(Enum):
    """What happens with a value.

    `ELSEWHERE`: only another thread or process uses it.  `UNKNOWN`: the value is stored, or its use is not found.
    """

    AWAITED = "awaited"
    RETURNED = "returned"
    USED = "used"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"


# Functions that run their argument in another thread or process.  FastAPI runs plain dependencies and background tasks in threads,
# and reads plain generators of streaming responses there.
_RUN_ELSEWHERE = frozenset(
    "to_thread run_in_executor submit run_sync run_in_threadpool iterate_in_threadpool sync_to_async asyncify Thread "
    "Timer Process apply_async map_async starmap_async imap imap_unordered add_task BackgroundTask Depends Security "
    "StreamingResponse EventSourceResponse to_process".split()
)
# Functions that await what they are given.
_AWAITING = frozenset(
    "gather wait wait_for shield as_completed create_task ensure_future run_coroutine_threadsafe run_until_complete "
    "start_soon start run timeout".split()
)
# Functions whose result contains what they are given.
_PASSING = frozenset(
    "list tuple set frozenset dict map filter zip enumerate reversed sorted chain partial starmap".split()
)
_READING = frozenset("list tuple set frozenset dict sorted extend".split())
_KEEPING = frozenset(
    "append appendleft extend add insert put put_nowait setdefault update set_result".split()
)
_CONTAINERS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Starred, ast.keyword)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


def parents_of(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """Return the parent of each node below `tree`."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def last_name(node: ast.expr) -> str:
    """Return the last part of a dotted name, such as "gather" of `asyncio.gather`; "" for other expressions."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def runs_elsewhere(call: ast.Call) -> bool:
    """Return whether a call runs its argument in another thread or process."""
    name = last_name(call.func)
    if name == "map":  # that of a pool, not the builtin function
        return isinstance(call.func, ast.Attribute)
    return name in _RUN_ELSEWHERE


def reads_items(node: ast.AST, parents: Parents) -> bool:
    """Return whether the items of an iterator are read where it is made: `list(f())`, `[*f()]`."""
    parent = parents.get(node)
    if isinstance(parent, ast.Call):
        return node is not parent.func and last_name(parent.func) in _READING
    return isinstance(parent, ast.Starred)


def waits_for_thread(call: ast.Call, use: Use, parents: Parents) -> bool:
    """Return whether code waits for what it gives to a pool of threads: `list(pool.map(...))`, `.result()`.

    `use` is what the code does with the result of the call.
    """
    name, parent = last_name(call.func), parents.get(call)
    if name == "map":
        return use is Use.USED or reads_items(call, parents)
    return name == "submit" and isinstance(parent, ast.Attribute) and parent.attr == "result"


def own_nodes(code: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when a function runs; of inner functions, only decorators and defaults."""
    if isinstance(code, ast.Lambda):
        pending: list[ast.AST] = [code.body]
    elif isinstance(code, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Module)):
        pending = [*reversed(code.body)]
    else:
        pending = []
    while pending:
        node = pending.pop()
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            pending.extend((*node.decorator_list, *_defaults(node.args)))
        elif isinstance(node, ast.Lambda):
            pending.extend(_defaults(node.args))
        elif not isinstance(node, ast.ClassDef):
            pending.extend(reversed([*ast.iter_child_nodes(node)]))


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    """Return the defaults of parameters."""
    return [*arguments.defaults, *filter(None, arguments.kw_defaults)]


_DEEPEST = 20


class ResultUses:
    """What a function does with the values of its expressions."""

    def __init__(self, parents: Parents, code: ast.AST) -> None:
        self._parents = parents
        self._code = code
        self._names: dict[str, Use] = {}
        self._loads: dict[str, list[ast.Name]] | None = None
        self._depth = 0  # variables whose values come from each other

    def of(self, node: ast.AST) -> Use:
        """Return what becomes of the value of an expression."""
        parents = self._parents
        while True:
            child, node = node, parents.get(node, self._code)
            if node is self._code and not isinstance(node, ast.Lambda):
                return Use.UNKNOWN
            if isinstance(node, ast.Call):
                found = _use_in_call(node, child, parents)
                if found is not None:
                    return found
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                return self._of_targets(node)
            elif isinstance(node, (ast.For, ast.comprehension)) and child is node.iter:
                return self._of_items(node)
            elif isinstance(node, ast.withitem):
                is_async = isinstance(parents.get(node), ast.AsyncWith)
                return Use.AWAITED if is_async else Use.USED
            elif isinstance(node, ast.NamedExpr):
                if self._of_names([node.target]) is Use.USED:
                    return Use.USED
            elif not _is_passed_on(node, child):
                return _use_in(node)

    def _of_targets(self, node: ast.Assign | ast.AnnAssign) -> Use:
        """Return how the code uses the variable that gets the value; UNKNOWN if a target is no variable."""
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [target for target in targets if isinstance(target, ast.Name)]
        return self._of_names(names) if len(names) == len(targets) else Use.UNKNOWN

    def _of_items(self, node: ast.For | ast.comprehension) -> Use:
        """Return what a loop does with what it loops over; it may await the items."""
        if isinstance(node, ast.comprehension) and node.is_async:
            return Use.AWAITED
        names = [each for each in ast.walk(node.target) if isinstance(each, ast.Name)]
        return Use.AWAITED if self._of_names(names) is Use.AWAITED else Use.USED

    def _of_names(self, names: Iterable[ast.Name]) -> Use:
        """Return what becomes of variables: the use that decides."""
        uses = {self._of_name(name.id) for name in names}
        return next((use for use in _DECIDING if use in uses), Use.UNKNOWN)

    def _of_name(self, name: str) -> Use:
        """Return what becomes of a variable."""
        if self._loads is None:
            self._loads = {}
            for node in own_nodes(self._code):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    self._loads.setdefault(node.id, []).append(node)
        if name not in self._names:
            self._names[name] = Use.UNKNOWN  # for a variable that is assigned to itself
            self._depth += 1
            loads = self._loads.get(name, []) if self._depth < _DEEPEST else []
            uses = {self.of(node) for node in loads}
            self._depth -= 1
            self._names[name] = next((use for use in _DECIDING if use in uses), Use.UNKNOWN)
        return self._names[name]


_DECIDING = (Use.AWAITED, Use.USED, Use.RETURNED, Use.ELSEWHERE)


def _use_in_call(call: ast.Call, child: ast.AST, parents: Parents) -> Use | None:
    """Return what a call does with its argument; None if its result contains it."""
    if child is call.func:
        return Use.USED
    name = last_name(call.func)
    if runs_elsewhere(call):
        return Use.ELSEWHERE
    if isinstance(parents.get(call), ast.Await) or name in _AWAITING:
        return Use.AWAITED
    if name in _KEEPING and isinstance(call.func, ast.Attribute):
        return Use.UNKNOWN
    return None if name in _PASSING else Use.USED


def _is_passed_on(node: ast.AST, child: ast.AST) -> bool:
    """Return whether the value of an expression is, or contains, that of a part of it."""
    if isinstance(node, ast.IfExp):
        return child is not node.test
    if isinstance(node, ast.BoolOp):
        return child is node.values[-1]
    if isinstance(node, _COMPREHENSIONS):
        return not isinstance(child, ast.comprehension)
    return isinstance(node, _CONTAINERS)


def _use_in(node: ast.AST) -> Use:
    """Return how `node` uses the value of one of its parts."""
    if isinstance(node, ast.Await):
        return Use.AWAITED
    if isinstance(node, (ast.Return, ast.Lambda, ast.Yield)):
        return Use.RETURNED
    if isinstance(node, ast.AsyncFor):
        return Use.AWAITED
    if isinstance(node, (ast.stmt, ast.expr, ast.comprehension, ast.match_case)):
        return Use.USED
    return Use.UNKNOWN

"""Check that no synchronous code blocks a worker's event loop while it waits for another endpoint.

An `async def` of an endpoint and the synchronous functions that it calls run in one thread.  A synchronous function
can't await: if it needs the result of another endpoint, it waits, and the worker answers no other request and runs no
other job.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct, field

from flashc.project.source_file import SourceFile
from flashc_core import rules
from flashc_core.diagnostics import Label
from flashc_ir.endpoints import CodeEndpoint, Function, QueueClass, functions_of
from flashc_ir.program import Program

from .call_resolver import Definition, entry_points
from .code_finder import CodeFinder, Instance
from .context import PassContext
from .plain_code import ClassCode, Code, ModuleCode
from .result_uses import Use, last_name, reads_items, runs_elsewhere, waits_for_thread


def check_blocking_calls(program: Program, context: PassContext) -> Program:
    """Report places where async code calls synchronous functions that wait for another endpoint."""
    endpoint_functions = {
        definition: (endpoint, function)
        for endpoint in program.code_endpoints
        for definition, function in _functions(endpoint)
    }
    synchronous = {
        f"{definition.module}:{definition.qualname}"
        for definition, (_, function) in endpoint_functions.items()
        if not function.is_async
    }
    blocking_endpoints = {
        call.endpoint
        for call in program.calls
        if call.function in synchronous or call.shape is None
    }
    if not blocking_endpoints:
        return program
    resolver = context.call_resolver(program)
    modules: dict[str, ModuleCode | None] = {}
    reported: set[ast.AST] = set()
    by_caller = program.callees()
    for endpoint in program.code_endpoints:
        called = set(by_caller.get(endpoint.resource, ()))
        if called & blocking_endpoints:
            finder = CodeFinder(context, resolver, modules)
            _EndpointCheck(program, endpoint, finder, endpoint_functions).report(context, reported)
    return program


def _functions(endpoint: CodeEndpoint) -> Iterator[tuple[Definition, Function]]:
    """Yield the functions of an endpoint with the definitions by which code names them."""
    for function in functions_of(endpoint):
        yield Definition(function.module, function.qualname), function
        if isinstance(endpoint, QueueClass):
            head = entry_points(endpoint)[0]
            yield Definition(head.module, f"{head.qualname}.{function.name}"), function


class _Site(NamedTuple):
    """A place at which code calls a function, or reads a property; `use` is how it uses the result."""

    code: Code
    node: ast.expr
    target: Code | Definition
    use: Use


class _Wait(NamedTuple):
    """A place at which code waits for another endpoint, which is called at `call`."""

    site: _Site
    call: _Site


class _Waits(Struct, eq=False):
    """What a function waits for: when it runs, and when its result is used."""

    at_once: list[_Wait] = field(default_factory=list[_Wait])
    later: list[_Wait] = field(default_factory=list[_Wait])


# Functions that call the function that they get as an argument; `map` and `starmap` return its results.
_CALLING = frozenset(
    "map filter sorted min max reduce sort starmap takewhile dropwhile call_soon call_later call_at "
    "call_soon_threadsafe add_done_callback".split()
)
_DEEPEST = 100  # nested calls that are followed
_SHOWN = 60  # characters of an expression
_RETURNING = frozenset({"map", "starmap"})


def _suggestion(node: ast.expr, source: SourceFile, *, is_loop: bool) -> str:
    """Return the fix to suggest for a blocking call, property or callback."""
    if isinstance(node, ast.Call):
        called = _shown(node.func, source)
        given = f"list, {called}(...)" if is_loop else f"{called}, ..."
    elif isinstance(node, ast.Attribute):
        given = f"lambda: {_shown(node, source)}"
    else:
        return "run the call that takes this callback in a thread: `await asyncio.to_thread(...)`"
    return f"write `await asyncio.to_thread({given})`"


def _shown(node: ast.expr, source: SourceFile) -> str:
    """Return an expression as the source has it, in one line; "..." for a long one."""
    span, lines = source.span(node, node), source.lines
    start, end = lines.offset(span.line, span.column), lines.offset(span.end_line, span.end_column)
    text = " ".join(lines.text[start : min(end, start + _SHOWN + 1)].split())
    return text if len(text) <= _SHOWN else "..."


class _EndpointCheck:
    """Checks the code that the workers of one endpoint run."""

    def __init__(
        self,
        program: Program,
        endpoint: CodeEndpoint,
        finder: CodeFinder,
        endpoint_functions: dict[Definition, tuple[CodeEndpoint, Function]],
    ) -> None:
        self._endpoint = endpoint
        self._finder = finder
        self._endpoint_functions = endpoint_functions
        own = set(entry_points(endpoint))
        finder.foreign = frozenset(
            definition
            for other in program.code_endpoints
            for definition in entry_points(other)
            if definition not in own
        )
        self._known: dict[Code, _Waits] = {}

    def report(self, context: PassContext, reported: set[ast.AST]) -> None:
        """Report the places in asynchronous code at which the event loop waits."""
        entries = [*self._entries()]
        for code in self._on_loop(entries):
            found = self._waits(code)
            # what an entry returns is used outside of the project's code
            for wait in (*found.at_once, *(found.later if code not in entries else ())):
                if wait.site.node not in reported:
                    reported.add(wait.site.node)
                    self._report(wait, context)

    def _report(self, wait: _Wait, context: PassContext) -> None:
        """Report one place."""
        site, call = wait
        assert isinstance(call.target, Definition)
        endpoint = self._endpoint_functions[call.target][0].name
        name = site.target.qualname.rpartition(".")[2]
        start = "this function" if name == "<lambda>" else f"`{name}`"
        if site is call:
            start = f"the loop over `{name}`"
        source, there = site.code.module.source, call.code.module.source
        waiting = Label(there.span(call.node, call.node), f"`{endpoint}` is called here")
        context.sink.report(
            rules.BLOCKING_CALL,
            source.span(site.node, site.node),
            f"{start} waits for `{endpoint}`, and blocks everything else in this worker",
            secondary=() if site is call else (waiting,),
            notes=(
                "synchronous code can't await, so the event loop is blocked until the result arrives",
            ),
            help=(
                _suggestion(site.node, source, is_loop=site is call),
                *([] if site is call else ["or make it an `async def` that awaits the call"]),
            ),
        )

    # What runs in the event loop -----------------------------------------------------------------

    def _entries(self) -> Iterator[Code]:
        """Yield the asynchronous functions of the endpoint; synchronous ones run in threads, or one at a time."""
        for definition, _ in _functions(self._endpoint):
            found = self._finder.resolve(definition)
            if isinstance(found, Code) and found.is_async:
                yield found

    def _on_loop(self, entries: list[Code]) -> Iterator[Code]:
        """Yield the asynchronous functions that run in the event loop."""
        pending: list[Code] = [*entries, *self._dependencies()]
        seen: set[Code] = set()
        while pending:
            code = pending.pop()
            if code in seen:
                continue
            seen.add(code)
            if code.is_async:
                yield code
            pending.extend(inner for inner in code.inner.values() if inner.is_async)
            pending.extend(s.target for s in self._call_sites(code) if isinstance(s.target, Code))

    def _dependencies(self) -> Iterator[Code]:
        """Yield the asynchronous functions that FastAPI calls for the endpoint's routes."""
        for definition, _ in _functions(self._endpoint):
            code = self._finder.resolve(definition)
            if not isinstance(code, Code) or isinstance(code.node, (ast.Lambda, ast.Module)):
                continue
            for node in ast.walk(code.node.args):
                if isinstance(node, ast.Call) and last_name(node.func) in ("Depends", "Security"):
                    for argument in node.args[:1]:
                        found = self._finder.function_of(argument, code.module.top)
                        if isinstance(found, Code) and found.is_async:
                            yield found

    # What waits ----------------------------------------------------------------------------------

    def _waits(self, code: Code, depth: int = 0) -> _Waits:
        """Return what a function waits for; `depth` is the current depth of nested calls."""
        if code not in self._known:
            found = _Waits()
            self._known[code] = found  # a function that calls itself waits for nothing more
            for site in self._call_sites(code) if depth < _DEEPEST else ():
                self._add(site, found, depth)
        return self._known[code]

    def _add(self, site: _Site, found: _Waits, depth: int) -> None:
        """Add what a function waits for at one place."""
        if isinstance(site.target, Definition):
            known = self._endpoint_functions.get(site.target)
            if known is None or known[1].is_async:
                return
            if site.code.is_async and not known[1].is_generator:
                return  # in asynchronous code, the call returns something to await
            items = known[1].is_generator and reads_items(site.node, site.code.module.parents)
            self._add_later(_Wait(site, site), Use.USED if items else site.use, found)
            return
        target = site.target
        if target.is_async or (
            target.decorators and site.use is Use.AWAITED and not target.is_property
        ):
            return  # a decorator has made it awaitable
        inner = self._waits(target, depth + 1)
        at_once = [_Wait(site, wait.call) for wait in inner.at_once[:1]]
        later = [_Wait(site, wait.call) for wait in inner.later[:1]]
        if (
            not target.is_generator
            or site.use in (Use.USED, Use.AWAITED)
            or reads_items(site.node, site.code.module.parents)
        ):
            found.at_once += at_once
        elif site.use is not Use.ELSEWHERE:
            found.later += at_once
        for wait in later:
            self._add_later(wait, site.use, found)

    @staticmethod
    def _add_later(wait: _Wait, use: Use, found: _Waits) -> None:
        """Add a wait for a result, which begins when the result is used."""
        if use is Use.USED:
            found.at_once.append(wait)
        elif use is Use.RETURNED or (use is Use.UNKNOWN and not wait.site.code.is_async):
            found.later.append(wait)

    # What is called ------------------------------------------------------------------------------

    def _call_sites(self, code: Code) -> Iterator[_Site]:
        """Yield where code calls the project's functions or other endpoints.

        It may call them directly, as a property, by `with`, a loop or an index, or as a callback.
        """
        parents = code.module.parents
        for node in code.nodes:
            self._finder.reset_budget()
            if isinstance(node, ast.Call):
                target = self._called(node, code)
                if target is not None:
                    yield _Site(code, node, target, code.uses.of(node))
                yield from self._callbacks(node, target, code)
            elif isinstance(node, (ast.With, ast.For, ast.Subscript)):
                yield from self._protocols(node, code)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                parent = parents.get(node)
                if not (isinstance(parent, ast.Call) and parent.func is node):
                    read = self._finder.meaning(node, code)
                    if isinstance(read, Code) and read.is_property:
                        yield _Site(code, node, read, code.uses.of(node))

    def _protocols(self, node: ast.With | ast.For | ast.Subscript, code: Code) -> Iterator[_Site]:
        """Yield the methods that a `with`, a loop or an index calls."""
        used: list[tuple[ast.expr, tuple[str, ...]]]
        if isinstance(node, ast.With):
            used = [(item.context_expr, ("__enter__", "__exit__")) for item in node.items]
        elif isinstance(node, ast.For):
            used = [(node.iter, ("__iter__", "__next__"))]
        else:
            used = [(node.value, ("__getitem__",))]
        for expression, names in used:
            for name in names:
                method = self._finder.method_of(expression, name, code)
                if method is not None:
                    yield _Site(code, expression, method, Use.USED)

    def _called(self, call: ast.Call, code: Code) -> Code | Definition | None:
        """Return what a call calls: a function, the constructor of a class, or another endpoint."""
        found = self._finder.callee(call, code)
        if isinstance(found, ClassCode):
            return found.methods.get("__init__")
        return None if isinstance(found, Instance) else found

    def _callbacks(
        self, call: ast.Call, target: Code | Definition | None, code: Code
    ) -> Iterator[_Site]:
        """Yield the callbacks passed to a call, if the called function calls them."""
        given = [(None, argument) for argument in call.args]
        named = [(keyword.arg, keyword.value) for keyword in call.keywords]
        for position, (name, argument) in enumerate([*given, *named]):
            if not isinstance(argument, (ast.Lambda, ast.Name, ast.Attribute, ast.Call)):
                continue
            function = self._finder.function_of(argument, code)
            if not isinstance(function, (Code, Definition)):
                continue
            use = self._use_of_callback(call, target, position, name, code)
            if use is not None:
                yield _Site(code, argument, function, use)

    def _use_of_callback(
        self,
        call: ast.Call,
        target: Code | Definition | None,
        position: int,
        name: str | None,
        code: Code,
    ) -> Use | None:
        """Return how the result of a callback is used; None if the called function does not call it."""
        own = code.uses.of(call)
        if runs_elsewhere(call):
            return Use.USED if waits_for_thread(call, own, code.module.parents) else None
        if not isinstance(target, Code):
            called = last_name(call.func)
            if target is not None or called not in _CALLING:
                return None
            return own if called in _RETURNING else Use.USED
        parameters = [each for each in target.parameters if each != target.receiver]
        if name is None and position < len(parameters):
            name = parameters[position]
        for node in target.nodes:
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name:
                use = target.uses.of(node)
                return own if use is Use.RETURNED else use
        return None

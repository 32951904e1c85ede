"""Check for annotations inside `match` that raise NameError in the workers' Python.

CPython before 3.11.4 searches the body of a module or class for annotations, but not inside
`match`.  If it finds none, it does not create `__annotations__`, and the annotation inside `match`
raises NameError.  Python 3.10 was never corrected.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from flashc_core import rules
from flashc_core.encoding import Undecodable
from flashc_ir.platform.images import image_of
from flashc_ir.program import Program
from flashc_ir.spelling import alternatives

from .context import PassContext

_BODIES = ("body", "orelse", "handlers", "finalbody")
_NEVER_ON_WORKERS = frozenset(
    {"__name__ == '__main__'", "'__main__' == __name__", "TYPE_CHECKING", "typing.TYPE_CHECKING"}
)


def check_annotations_in_match(program: Program, context: PassContext) -> Program:
    """Report annotations inside `match` if a worker's Python may be one of the affected versions.

    The images of Runpod with Python 3.11 contain 3.11.4 or later.  flashc does not know the release
    in other images.
    """
    python = program.python_version
    images = (
        image_of(endpoint, python, context.environment) for endpoint in program.code_endpoints
    )
    if python != "3.10" and not (
        python == "3.11" and any(image.packages is None for image in images)
    ):
        return program
    releases = "3.10" if python == "3.10" else "3.11 before 3.11.4"
    for name in program.worker_modules:
        try:
            source = context.source_of_module(name)
            if not source.mentions((b"match",)):
                continue
            blocks = [list(_unprepared(block)) for block in _blocks(source.parse_with_host())]
        except (OSError, Undecodable, SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # the module can't be parsed, which is already reported
        parameter = context.spelling_of_module(program, name).python_version
        for found in blocks:
            for node in found[:1]:
                context.sink.report(
                    rules.ANNOTATION_IN_MATCH,
                    source.span(node.target, node.value or node.annotation),
                    f"Python {releases} raises NameError here",
                    label="the first annotation of its module or class is inside `match`",
                    notes=(
                        f"Python {releases} sees no annotation outside `match`, so it does not create "
                        "`__annotations__`. This annotation then raises NameError.",
                    ),
                    help=alternatives(
                        "remove the annotation",
                        "annotate a name outside `match` first",
                        parameter and f"give the endpoints a later `{parameter}`",
                    ),
                )
    return program


def _blocks(module: ast.Module) -> Iterator[list[ast.stmt]]:
    """Yield the bodies for which an affected Python creates no `__annotations__`.

    Only the module and its classes have such bodies.  If the module has `__annotations__`, its
    classes use them, so there are none.
    """
    if _prepares(module.body):
        return
    yield module.body
    for node in ast.walk(module):
        if isinstance(node, ast.ClassDef) and not _prepares(node.body):
            yield node.body


def _prepares(body: Iterable[ast.stmt]) -> bool:
    """Return whether the affected versions find an annotation, and create `__annotations__`."""
    for statement in body:
        if isinstance(statement, ast.AnnAssign):
            return True
        if not _opens_scope(statement) and not isinstance(statement, ast.Match):
            if any(_prepares(inner) for inner in _bodies(statement)):
                return True
    return False


def _unprepared(body: Iterable[ast.stmt], in_match: bool = False) -> Iterator[ast.AnnAssign]:
    """Yield the annotated names inside `match` that a worker may execute, in source order."""
    for statement in body:
        match statement:
            case ast.AnnAssign(simple=1):
                if in_match:
                    yield statement
            case ast.Match(cases=cases):
                for case in cases:
                    yield from _unprepared(case.body, in_match=True)
            case ast.If(test=test, orelse=orelse) if ast.unparse(test) in _NEVER_ON_WORKERS:
                yield from _unprepared(orelse, in_match)
            case _ if not _opens_scope(statement):
                for inner in _bodies(statement):
                    yield from _unprepared(inner, in_match)
            case _:
                pass


def _opens_scope(statement: ast.stmt) -> bool:
    """Return whether a statement is a function or class, whose body has its own names."""
    return isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))


def _bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the statements inside a compound statement, as blocks; a block has one statement or a handler's."""
    for name in _BODIES:
        for part in getattr(statement, name, ()):
            if isinstance(part, ast.ExceptHandler):
                yield part.body
            else:
                yield [part]

"""Recognise programs in the dialect of the Runpod SDK 2, `runpod.App`, which flashc does not compile.

A project may contain such modules next to those of Flash.  Nothing of them would be in the
artifact, so each module that makes an app is an error.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from flashc.project.project import Project
from flashc.project.source_file import SourceFile
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.encoding import Undecodable
from flashc_core.source import Span
from flashc_ir.imports.text_imports import possible_imports
from flashc_ir.spelling import Spelling

_MODULES = frozenset({"runpod", "runpod.apps", "runpod.apps.app"})
_WORDS = (b"runpod", b"App")


def report_apps(project: Project, spelling: Spelling, sink: Sink) -> None:
    """Report the first `runpod.App` of every module that uses it.

    `spelling` is that of the dialects that a program may be written in.
    """
    declaration = spelling.declaration
    instead = "in another dialect" if declaration is None else f"with {declaration}"
    for path in project.modules.values():
        try:
            source = project.source(path)
        except OSError:
            continue
        if not all(word in source.data for word in _WORDS):
            continue
        span = next(_apps(source), None)
        if span is not None:
            sink.report(
                rules.UNSUPPORTED_DIALECT,
                span,
                "`runpod.App` declares endpoints in the dialect of the Runpod SDK 2, which flashc does "
                "not compile",
                notes=("the artifact would not contain the endpoints of this app",),
                help=(
                    f"declare the endpoints {instead}",
                    "or deploy this app with `rp flash deploy`, and exclude the file in `.flashignore`",
                ),
            )


def _apps(source: SourceFile) -> Iterator[Span]:
    """Yield the imports of `App`, and the uses of `runpod.App`."""
    try:
        possible = possible_imports(source.text, source.module.rpartition(".")[0])
        if possible is not None and _MODULES.isdisjoint(possible):
            return
        tree = source.parse_with_host()
    except (Undecodable, SyntaxError, ValueError, RecursionError, MemoryError):
        return  # a module that can't be read is reported elsewhere
    names = {
        item.asname or item.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for item in node.names
        if item.name in _MODULES
    }
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), level=0) if module in _MODULES:
                if any(item.name == "App" for item in node.names):
                    yield source.span(node, node)
            case ast.Attribute(attr="App", value=value) if ast.unparse(value) in names:
                yield source.span(node, node)
            case _:
                pass

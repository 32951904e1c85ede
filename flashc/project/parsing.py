"""Parse the modules of a project, and report text that is not valid Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from flashc.syntax.host import Refusal, compile_text, may_be_newer
from flashc.syntax.problems import ChainTooLong, SyntaxProblem
from flashc.syntax.undefined import name_facts
from flashc_core import rules
from flashc_core.diagnostics import Diagnostic, Sink
from flashc_core.encoding import Undecodable
from flashc_core.source import Span, WholeFile
from flashc_ir.modules import NameFacts

from .project import Project
from .source_file import SourceFile

if TYPE_CHECKING:
    from flashc.syntax.parse import Syntax

MAX_PARSED_TEXT = 2_000_000  # characters; LibCST parses this many in seconds
MAX_PLAIN_TEXT = 32_000_000  # characters of a module that is not evaluated


def read_module(project: Project, name: str, sink: Sink) -> SourceFile | None:
    """Return the file of a module; None if it can't be read or decoded, which is reported.

    Raises:
        KeyError: the project has no such module.
    """
    path = project.modules[name]
    try:
        source = project.source(path)
        len(source.text)
    except Undecodable as error:
        sink.report(
            rules.UNDECODABLE_SOURCE,
            Span(path, error.line, 1, error.line, 1),
            f"`{path}` can't be decoded: {error}",
            help=("save the file as UTF-8, or declare its encoding in the first line",),
        )
        return None
    except OSError as error:
        sink.report(
            rules.UNREADABLE_FILE,
            WholeFile(path),
            f"`{path}` can't be read: {error.strerror or type(error).__name__}",
            help=("make it readable, or exclude it in `.flashignore`",),
        )
        return None
    return source


def parse_module(project: Project, name: str, sink: Sink) -> Syntax | None:
    """Return the syntax tree of a module; None if it can't be parsed, which is reported.

    The result is also None if the project has no such module.
    """
    source = read_module(project, name, sink) if name in project.modules else None
    if source is None:
        return None
    if len(source.text) > MAX_PARSED_TEXT:
        sink.report(
            rules.MODULE_TOO_LARGE,
            WholeFile(source.path),
            f"`{source.path}` has {len(source.text):,} characters; flashc analyses modules of at most "
            f"{MAX_PARSED_TEXT:,}",
            help=("move the data into a separate file and read that file at run time",),
        )
        return None
    try:
        return source.syntax
    except ChainTooLong as problem:
        sink.report(
            rules.MODULE_TOO_LARGE,
            Span(source.path, problem.line, 1, problem.line, 1),
            f"{problem}, which flashc does not analyse",
            help=("split the expression, or move the data into a separate file",),
        )
        return None
    except SyntaxProblem as problem:
        _report(problem, source, sink)
        return None


class PlainFacts(Struct, frozen=True):
    """What Python's compiler says of a module: what it refuses in every version, and the names.

    `may_be_newer` says that only some Pythons may know its syntax.
    """

    refused: tuple[Diagnostic, ...] = ()
    names: NameFacts = NameFacts()
    may_be_newer: bool = False


def check_with_compiler(project: Project, name: str) -> PlainFacts:
    """Return what Python's compiler says of a module that is not parsed by LibCST."""
    source = read_module(project, name, Sink())
    if source is None:
        return PlainFacts()
    is_newer = may_be_newer(source.text)
    if len(source.text) > MAX_PLAIN_TEXT:
        return PlainFacts(may_be_newer=is_newer)
    code = compile_text(source.text)
    if not isinstance(code, Refusal):
        names = name_facts(source.text, source.path, code)
        return PlainFacts(names=names, may_be_newer=is_newer)
    sink = Sink()
    if code.is_certain:
        _report(code.problem, source, sink)
    return PlainFacts(tuple(sink), may_be_newer=is_newer)


def _report(problem: SyntaxProblem, source: SourceFile, sink: Sink) -> None:
    """Report text that is not valid Python."""
    sink.report(
        rules.SYNTAX_ERROR,
        Span(source.path, problem.line, problem.column, problem.line, problem.column + 1),
        str(problem),
        notes=("a worker can't import this module",),
    )

"""Check that the workers' Python knows the syntax of the modules that workers import.

flashc itself parses the syntax of every Python for which there are images.  So only syntax that is
newer than the workers' Python is looked for.
"""

from __future__ import annotations

import sys

from flashc.project.source_file import SourceFile
from flashc_core import rules
from flashc_core.encoding import Undecodable
from flashc_core.python_texts import parse_module
from flashc_core.source import Span
from flashc_ir.platform.images import supported_pythons
from flashc_ir.program import Program

from .context import PassContext


def check_syntax_version(program: Program, context: PassContext) -> Program:
    """Report syntax of worker modules that is newer than the workers' Python."""
    if program.python_version not in supported_pythons():
        return program  # which is already reported
    version = tuple(map(int, program.python_version.split(".")))
    if version >= (3, 13) or version > sys.version_info[:2]:
        return program  # newer syntax is rare, or the Python that runs flashc does not know it
    for name in program.worker_modules:
        module = program.module(name)
        if module is None or not module.may_be_newer:
            continue
        try:
            _check(context.source_of_module(name), version, program.python_version, context)
        except (OSError, Undecodable, RecursionError, MemoryError):
            continue  # the module can't be parsed, which is already reported
    return program


def _check(source: SourceFile, version: tuple[int, ...], shown: str, context: PassContext) -> None:
    """Report the first error that the workers' Python would find in a module."""
    try:
        parse_module(source.text, feature_version=(version[0], version[1]))
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        context.sink.report(
            rules.SYNTAX_ERROR,
            Span(source.path, line, column, line, column + 1),
            f"Python {shown} can't parse `{source.path}`: {error.msg}",
            help=("write it for this version, or choose a newer one with `--python-version`",),
        )
    except ValueError:  # a null byte, which is already reported
        return

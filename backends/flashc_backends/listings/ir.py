"""Emit the IR of a program as text and as JSON, for `flashc emit --target ir`."""

from __future__ import annotations

from flashc_backends.base import Context, Draft, DraftTarget
from flashc_ir.codec import dump
from flashc_ir.printer import print_program
from flashc_ir.program import Program


def _emit(program: Program, _context: Context) -> tuple[Draft, ...]:
    """Draft the IR in both forms: the `emit` of the target `ir`."""
    return (
        Draft(path="program.ir", content=print_program(program).encode()),
        Draft(path="program.json", content=dump(program).encode()),
    )


IR = DraftTarget(name="ir", summary="the typed IR, as text and as JSON", emit=_emit)

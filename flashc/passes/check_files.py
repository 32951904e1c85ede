"""Check the project's files by their names: what workers must not have, and what flashc makes."""

from __future__ import annotations

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_ir.artifact_paths import (
    MANIFEST_PATH,
    RUNTIME_PACKAGE,
    WORKER_REQUIREMENTS_PATH,
    handler_path,
)
from flashc_ir.platform.worker_files import overwrites
from flashc_ir.program import Program

from .context import PassContext

_RUNTIME = (RUNTIME_PACKAGE, f"{RUNTIME_PACKAGE}.py")


def check_files(program: Program, context: PassContext) -> Program:
    """Report files that hide a module of the worker or take a generated path."""
    generated = {handler_path(e): f"the handler of `{e.name}`" for e in program.code_endpoints}
    generated[MANIFEST_PATH] = "the manifest"
    folders = generated | {WORKER_REQUIREMENTS_PATH: "the list of packages"}
    # If all endpoints are containers of other images, no worker unpacks the artifact.
    has_workers = bool(program.unlowered) or any(program.code_endpoints)
    for file in program.files:
        what = generated.get(file.path)
        top, is_inside, _ = file.path.partition("/")
        if what is None and top in _RUNTIME:
            what = "flashc's runtime"
        if what is not None:
            _report_generated(file.path, f"`{file.path}` has the path of {what}", context.sink)
        elif is_inside and top in folders:  # reported once for each folder
            message = f"the folder `{top}` has the path of {folders.pop(top)}"
            _report_generated(file.path, message, context.sink, "folder")
        hidden = overwrites(file.path) if has_workers else None
        if hidden is not None:
            _report_hidden(file.path, hidden, context.sink)
    return program


def _report_generated(path: str, message: str, sink: Sink, kind: str = "file") -> None:
    """Report a file of the project that keeps a generated file out of the artifact."""
    sink.report(
        rules.GENERATED_FILE_COLLISION,
        WholeFile(path),
        message,
        help=(f"rename the {kind}, or list it in `.flashignore`",),
    )


def _report_hidden(path: str, hidden: str, sink: Sink) -> None:
    """Report a module of the project that takes the place of a module of the worker."""
    sink.report(
        rules.WORKER_FILE_COLLISION,
        WholeFile(path),
        f"on a worker, `{path}` would take the place of {hidden}",
        notes=(
            "an artifact is unpacked into the folder of the worker's modules, which Python searches first",
        ),
        help=(
            "rename it, or move it into a package",
            "if no worker needs it, list it in `.flashignore`",
        ),
    )

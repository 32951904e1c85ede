"""Check that no file or module in an artifact has the name of another one, or hides it."""

from __future__ import annotations

from collections.abc import Iterable

from flashc_backends.base import MANIFEST_PATH, Draft
from flashc_backends.dependencies.installed import InstalledDistribution
from flashc_backends.files.handlers import handler_path
from flashc_backends.files.runtime_files import PACKAGE
from flashc_backends.platform.worker_image import WORKER_MODULES
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_ir.program import Program


def check_worker_files(
    drafts: Iterable[Draft], sink: Sink, distribution: InstalledDistribution | None = None
) -> None:
    """Check that no file overwrites a module of the worker image.

    The files are those of the installed `distribution`, or of the project if `distribution` is
    None.
    """
    for draft in drafts:
        if draft.path.removesuffix(".py") in WORKER_MODULES and draft.path.endswith(".py"):
            sink.report(
                rules.WORKER_FILE_COLLISION,
                WholeFile(draft.path),
                f"`{draft.path}` would overwrite a file of the worker image",
                notes=("the artifact is unpacked over the worker's own modules",),
                help=(
                    "rename the module, or move it into a package"
                    if distribution is None
                    else f"the package `{distribution.name}` installs it; leave the package out with "
                    f"`--exclude {distribution.name}`, or use another one",
                ),
            )


def check_generated_files(program: Program, sink: Sink) -> None:
    """Check that no file of the project has the name of one that flashc makes."""
    generated = {handler_path(e): f"the handler of `{e.name}`" for e in program.code_endpoints()}
    generated[MANIFEST_PATH] = "the manifest"
    for file in program.files:
        what = generated.get(file.path)
        if what is None and file.path.split("/", 1)[0] in (PACKAGE, f"{PACKAGE}.py"):
            what = "flashc's runtime"
        if what is not None:
            sink.report(
                rules.GENERATED_FILE_COLLISION,
                WholeFile(file.path),
                f"`{file.path}` has the path of {what}",
                help=("rename the file",),
            )


def check_shadowing(
    program: Program, installed: Iterable[InstalledDistribution], sink: Sink
) -> None:
    """Check that no installed package has the name of a module of the project.

    Python would find only one of the two.
    """
    paths = {module.name.split(".", 1)[0]: module.path for module in program.modules}
    for distribution in installed:
        for name in sorted(distribution.top_level & paths.keys()):
            sink.report(
                rules.SHADOWED_MODULE,
                WholeFile(paths[name]),
                f"the module `{name}` and a package that `{distribution.name}` installs have the same "
                "name; Python would find only one",
                help=("rename the module of the project",),
            )

"""Check that the files of installed packages can be in one folder with those of the project and of the worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from flashc_backends.base import Draft
from flashc_backends.dependencies.installed import InstalledDistribution
from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile
from flashc_ir.artifact_paths import files_with_files_below
from flashc_ir.platform.worker_files import is_own_module
from flashc_ir.program import Program


def check_worker_files(
    drafts: Iterable[Draft], sink: Sink, distribution: InstalledDistribution
) -> None:
    """Check that no file of an installed distribution takes the place of a module of the worker."""
    for draft in drafts:
        if is_own_module(draft.path):
            sink.report(
                rules.WORKER_FILE_COLLISION,
                WholeFile(draft.path),
                f"`{draft.path}` would overwrite a file of the worker image",
                notes=("the artifact is unpacked over the worker's own modules",),
                help=(
                    f"the package `{distribution.name}` installs it; leave the package out with "
                    f"`--exclude {distribution.name}`, or use another one",
                ),
            )


def check_shadowing(
    program: Program, installed: Iterable[InstalledDistribution], sink: Sink
) -> None:
    """Check that no installed package has the name of a module of the project.

    Python would find only one of the two.
    """
    paths = {module.name.split(".", 1)[0]: module.path for module in program.modules}
    regular = {module.name for module in program.modules}
    below: dict[str, set[str]] = defaultdict(set)
    for file in program.files:
        below[file.path.split("/", 1)[0]].add(file.path)
    for distribution in installed:
        files = {file.path for file in distribution.files}
        for name in sorted(distribution.top_level & paths.keys()):
            # Both are unpacked into the same folder, so a folder without `__init__.py` becomes a
            # part of the package, unless the two have a file in common.
            is_file = any(path.startswith(f"{name}.") for path in files)
            if name not in regular and not is_file and not below[name] & files:
                continue
            sink.report(
                rules.SHADOWED_MODULE,
                WholeFile(paths[name]),
                f"the module `{name}` and a package that `{distribution.name}` installs have the same "
                "name; Python would find only one",
                help=("rename the module of the project",),
            )


def check_paths(
    program: Program,
    own: Iterable[Draft],
    installed: Iterable[InstalledDistribution],
    sink: Sink,
) -> None:
    """Check that no path is that of a file and that of a folder; `own` are the files that no package installs."""
    names = {file.path: each.name for each in installed for file in each.files}
    projects = {file.path for file in program.files}
    paths = {draft.path for draft in own} | names.keys()
    for path, below in files_with_files_below(paths):
        owned = next((each for each in (path, below) if each in projects), None)
        file, folder = (
            f"the package `{names[each]}`"
            if each in names
            else "the project"
            if each in projects
            else "flashc"
            for each in (path, below)
        )
        sink.report(
            rules.BROKEN_ARTIFACT if owned is None else rules.SHADOWED_MODULE,
            WholeFile(owned or path),
            f"`{path}` is a file of {file} and a folder of {folder}; nothing can unpack both",
            help=(
                "choose other versions of the packages, or leave one out with `--exclude`"
                if owned is None
                else f"rename `{path}` in the project, or list it in `.flashignore`",
            ),
        )

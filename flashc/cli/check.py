"""`flashc check`: report what is wrong with a project; `--fix` applies fixes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from flashc.api.check import UnknownRuleError, check_project
from flashc.project.workspace import Workspace, open_workspace
from flashc_core.diagnostics import Diagnostic
from flashc_core.processes import Prefork

from .common import (
    compiling_options,
    exit_for,
    format_option,
    print_findings,
    project_argument,
    split_names,
)

_TICK = 100  # milliseconds between two looks at the files


@click.command("check")
@project_argument
@compiling_options
@click.option(
    "--select",
    multiple=True,
    metavar="RULES",
    callback=split_names,
    help="Report only these rules, and errors that would make a wrong artifact.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="RULES",
    callback=split_names,
    help="Do not report these rules.  Errors that would make a wrong artifact are reported still.",
)
@click.option("--fix", is_flag=True, help="Apply the fixes that keep the meaning of the program.")
@click.option("--unsafe-fixes", is_flag=True, help="Also apply the other fixes.")
@click.option("--diff", is_flag=True, help="Show what the fixes would change; write nothing.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there are errors.")
@click.option("--watch", is_flag=True, help="Check again after every change, until interrupted.")
@format_option
@click.pass_obj
def command(
    prefork: Prefork | None,
    /,
    project: Path,
    output_format: str,
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    exit_zero: bool,
    watch: bool,
    **flags: Any,
) -> None:
    """Check the app in PROJECT, without running any of its code.

    RULES are codes (FC310), beginnings of codes (FC3) or names (endpoint-cycle), comma-separated.
    """
    workspace: Workspace | None = None

    def open_now() -> Workspace:
        """Open the project as it is now."""
        nonlocal workspace
        workspace = (
            open_workspace(project, flags, prefork=prefork)
            if workspace is None
            else workspace.reopen()
        )
        return workspace

    try:
        if diff:
            from flashc.api.fix import apply_fixes

            result = apply_fixes(open_now(), unsafe=unsafe_fixes, write=False)
            click.echo(result.diff(), nl=False)
            return
        found: tuple[Diagnostic, ...] = ()
        try:
            for _ in _watch_changes(project.resolve()) if watch else (None,):
                if fix or unsafe_fixes:
                    _fix(open_now(), unsafe=unsafe_fixes)
                found = _report(open_now(), output_format)
        except KeyboardInterrupt:
            if not watch:  # Ctrl+C is the normal way to end `--watch`
                raise
    except UnknownRuleError as error:
        raise click.UsageError(f"there is no rule `{error}`; see `flashc explain`") from error
    exit_for(() if exit_zero else found)


def _fix(workspace: Workspace, *, unsafe: bool) -> None:
    """Apply fixes, and print which files they changed."""
    from flashc.api.fix import apply_fixes

    try:
        changes = apply_fixes(workspace, unsafe=unsafe).changes
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    for path in sorted(changes):
        click.echo(f"fixed {path}", err=True)


def _report(workspace: Workspace, output_format: str) -> tuple[Diagnostic, ...]:
    """Check a project, print its findings, and return them."""
    result = check_project(workspace)
    print_findings(result.diagnostics, workspace, output_format)
    if result.endpoints is not None and output_format == "text" and not result.diagnostics:
        from flashc.report.text import counted

        endpoints = counted(result.endpoints, "endpoint")
        click.echo(f"{workspace.root.name}: {endpoints}, nothing to report")
    return result.diagnostics


def _watch_changes(root: Path) -> Iterator[None]:
    """Yield at the start and after each change below `root`, until the user interrupts."""
    from watchfiles import DefaultFilter, watch

    filter = DefaultFilter(ignore_dirs=(*DefaultFilter.ignore_dirs, ".flash", ".runpod"))
    # The watcher yields once as soon as it runs, so that no later change is lost.
    ticks = watch(
        root,
        watch_filter=filter,
        raise_interrupt=False,
        yield_on_timeout=True,
        rust_timeout=_TICK,
    )
    for number, changes in enumerate(ticks):
        if number == 0 or changes:
            yield
            click.echo(f"watching {root.name}; press Ctrl+C to stop\n", err=True)

"""`flashc check`: report what is wrong with a project; `--fix` applies fixes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from flashc.api.check import judge
from flashc.project.discover import NOTHING_UNSAVED
from flashc.project.options import Options, read_options
from flashc_core import rules
from flashc_core.cache import open_store
from flashc_core.diagnostics import Diagnostic, Rule, Sink

from .common import compiling_options, finish, format_option, names, project_argument, show

_TICK = 100  # milliseconds


@click.command("check")
@project_argument
@compiling_options
@click.option(
    "--select",
    multiple=True,
    metavar="RULES",
    callback=names,
    help="Report these rules, and errors that would make a wrong artifact, only.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="RULES",
    callback=names,
    help="Do not report these rules.  Errors that would make a wrong artifact are reported still.",
)
@click.option("--fix", is_flag=True, help="Apply the fixes that keep what the program means.")
@click.option("--unsafe-fixes", is_flag=True, help="Apply the other fixes too.")
@click.option("--diff", is_flag=True, help="Show what the fixes would change; write nothing.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 although there are errors.")
@click.option("--watch", is_flag=True, help="Check again after every change, until interrupted.")
@format_option
def command(
    project: Path,
    output_format: str,
    fix: bool,
    unsafe_fixes: bool,
    diff: bool,
    exit_zero: bool,
    watch: bool,
    **flags: Any,
) -> None:
    """Report what is wrong with the app in PROJECT, without running any of its code.

    RULES are codes (FC310), beginnings of codes (FC3) or names (endpoint-cycle), comma-separated.
    """
    root = Path(os.path.realpath(project))

    def check(
        unsaved: Mapping[str, bytes] = NOTHING_UNSAVED,
    ) -> tuple[list[Diagnostic], int | None]:
        sink = Sink()
        options = read_options(root, flags, sink)
        store = open_store()
        endpoints = None if sink.has_errors() else judge(root, options, sink, store, unsaved)
        return chosen(sink, options), endpoints

    def mended() -> dict[str, tuple[bytes, bytes]]:
        from flashc.report.fixes import apply_fixes

        return apply_fixes(root, lambda unsaved: check(unsaved)[0], unsafe=unsafe_fixes)

    if diff:
        from flashc.report.fixes import differences

        click.echo(differences(mended()), nl=False)
        return

    def mend_and_report() -> list[Diagnostic]:
        if fix or unsafe_fixes:
            from flashc.report.fixes import write_changes

            changes = mended()
            try:
                write_changes(root, changes)
            except OSError as error:
                raise click.ClickException(f"{error.filename}: {error.strerror}") from error
            for path in sorted(changes):
                click.echo(f"fixed {path}", err=True)
        found, endpoints = check()
        show(found, root, output_format)
        if endpoints is not None and output_format == "text" and not found:
            click.echo(f"{root.name}: {endpoints} endpoints, nothing to report")
        return found

    found: list[Diagnostic] = []
    try:
        for _ in _changes(root) if watch else (None,):
            found = mend_and_report()
    except KeyboardInterrupt:
        if not watch:  # whoever watches ends so
            raise
    finish(() if exit_zero else found)


def _changes(root: Path) -> Iterator[None]:
    """Now, and whenever something changed below `root`; ends when the user interrupts."""
    from watchfiles import DefaultFilter, watch

    filter = DefaultFilter(ignore_dirs=(*DefaultFilter.ignore_dirs, ".flash", ".runpod"))
    # The first tick comes when the watcher is at work, so that no change is lost before it.
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
            click.echo(f"watching {root.name}; Ctrl+C ends it\n", err=True)


def chosen(sink: Sink, options: Options) -> list[Diagnostic]:
    """The findings that `--select` and `--ignore` leave; a name that is no rule is reported too."""
    for name in (*options.select, *options.ignore):
        if not any(_names(name, rule) for rule in rules.RULES):
            raise click.UsageError(f"there is no rule `{name}`; see `flashc explain`")
    return [
        diagnostic
        for diagnostic in sink
        if _is_chosen(diagnostic, options) or not diagnostic.rule.suppressible
    ]


def _is_chosen(diagnostic: Diagnostic, options: Options) -> bool:
    rule = diagnostic.rule
    selected = not options.select or any(_names(name, rule) for name in options.select)
    return selected and not any(_names(name, rule) for name in options.ignore)


def _names(name: str, rule: Rule) -> bool:
    return name == rule.name or rule.code.startswith(name)

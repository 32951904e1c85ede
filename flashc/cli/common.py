"""Share code between the commands: their options, the printing of findings, and the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from flashc.project.workspace import Workspace
from flashc_core.diagnostics import Diagnostic, ExitCode
from flashc_core.source import Lines

_F = TypeVar("_F", bound=Callable[..., Any])


def names(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the names in `--exclude a,b --exclude c`, None if the flag is not given."""
    names = tuple(name.strip() for item in given for name in item.split(",") if name.strip())
    return names or None


project_argument = click.argument(
    "project", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="How findings are printed; all but text go to standard output.",
)
_COMPILING = (
    click.option("--app", help="The app's name.  [default: the folder's name]"),
    click.option("--python-version", help="The workers' Python, such as 3.12."),
    click.option(
        "--trace",
        is_flag=True,
        default=None,
        help="Import the modules whose endpoints flashc can't evaluate, in a separate process "
        "without network access.  This runs the project's code.",
    ),
)
_BUILDING = (
    click.option("--no-deps", is_flag=True, default=None, help="Do not bundle dependencies."),
    click.option(
        "--exclude",
        multiple=True,
        metavar="NAMES",
        callback=names,
        help="Distributions that the artifact does without; comma-separated, repeatable.",
    ),
    click.option(
        "--allow-build",
        is_flag=True,
        default=None,
        help="Build pure Python packages that have no wheel; this runs their build scripts here.",
    ),
    click.option(
        "--locked",
        is_flag=True,
        default=None,
        help="Fail where `flash.lock` is missing or would have to change.",
    ),
    click.option(
        "--locker",
        type=click.Choice(["uv", "pip-tools"]),
        default=None,
        help="The tool that resolves the dependencies.  [default: uv]",
    ),
)


def compiling_options(function: _F) -> _F:
    """Add the options that change the result of compiling a project."""
    for option in reversed(_COMPILING):
        function = option(function)
    return function


def building_options(function: _F) -> _F:
    """Add the options that change the content of an artifact."""
    for option in reversed(_BUILDING):
        function = option(function)
    return compiling_options(function)


def print_findings(
    diagnostics: Iterable[Diagnostic], workspace: Workspace, output_format: str
) -> None:
    """Print diagnostics of an opened project.

    Text goes to standard error, the formats for machines to standard output.
    """
    render_to_streams(diagnostics, workspace.root, workspace.project.lines, output_format)


def render_to_streams(
    diagnostics: Iterable[Diagnostic],
    root: Path,
    lines_of: Callable[[str], Lines | None],
    output_format: str,
) -> None:
    """Print diagnostics about files below any `root`; see `print_findings`."""
    found = list(diagnostics)
    match output_format:
        case "json":
            from flashc.report.machine import render_json

            click.echo(render_json(found), nl=False)
        case "sarif":
            from flashc.report.sarif import render_sarif

            click.echo(render_sarif(found, _below_repository(root)), nl=False)
        case "github":
            from flashc.report.github import render_github

            click.echo(render_github(found, _below_repository(root)), nl=False)
        case _:
            if found:
                from flashc.report.text import render

                click.echo(render(found, lines_of, _paint()), nl=False, err=True)


def _below_repository(root: Path) -> str:
    """Return the path from the repository's root to the project, as code scanning services need it."""
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            way = root.relative_to(folder).as_posix()
            return "" if way == "." else f"{way}/"
    return ""


def exit_for(sink: Iterable[Diagnostic]) -> NoReturn:
    """Exit with the code that the findings call for: 0 without errors, else that of the errors."""
    codes = {diagnostic.rule.exit for diagnostic in sink} - {ExitCode.SUCCESS}
    raise click.exceptions.Exit(min(codes, default=ExitCode.SUCCESS))


_COLOURS: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "gutter": {"fg": "blue"},
    "bold": {"bold": True},
}


def _paint() -> Callable[[str, str], str]:
    """Return the function that colours text, or one that does nothing if there is no terminal."""
    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return lambda text, _role: text
    return lambda text, role: click.style(text, **_COLOURS[role])

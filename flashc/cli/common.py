"""Share code between the commands: their options, printing of findings, and the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from flashc.project.workspace import Workspace
from flashc_core.diagnostics import Diagnostic, ExitCode
from flashc_core.source import Lines

if TYPE_CHECKING:
    from .output import Echo

_F = TypeVar("_F", bound=Callable[..., Any])


def split_names(
    _context: click.Context, _option: click.Parameter, given: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the names in `--exclude a,b --exclude c` as one tuple; None if the flag is not given."""
    names = tuple(name.strip() for item in given for name in item.split(",") if name.strip())
    return names or None


_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_PROJECT_OPTION = "flashc.project"  # where the context keeps the value of `--project`


def _keep_project(
    context: click.Context, _option: click.Parameter, given: Path | None
) -> Path | None:
    """Keep the value of `--project` for the argument PROJECT."""
    context.meta[_PROJECT_OPTION] = given
    return given


def _choose_project(context: click.Context, _argument: click.Parameter, given: Path | None) -> Path:
    """Return the project: the argument, else the value of `--project`, else the current folder."""
    named: Path | None = context.meta.get(_PROJECT_OPTION)
    if given is not None and named is not None:
        raise click.UsageError("name the project once: as the argument, or with `--project`")
    return given or named or Path(".")


def project_argument(function: _F) -> _F:
    """Add the argument PROJECT, and the option `--project`, which other commands have without the argument."""
    option = click.option(
        "--project",
        "named_project",
        type=_FOLDER,
        is_eager=True,
        expose_value=False,
        callback=_keep_project,
        help="The same as PROJECT, the app's folder.  [default: the current folder]",
    )
    argument = click.argument("project", required=False, type=_FOLDER, callback=_choose_project)
    return argument(option(function))


place_option = click.option(
    "--project",
    type=_FOLDER,
    default=".",
    help="The app's folder, with its options and its `.env`.  [default: the current folder]",
)
otlp_option = click.option(
    "--otlp", metavar="URL", help="Send traces to the collector at URL, with OTLP over HTTP."
)
format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="How findings are printed.  Text goes to standard error, the other formats to standard output.",
)
_COMPILING = (
    click.option(
        "--app", "-a", metavar="NAME", help="The app's name.  [default: the folder's name]"
    ),
    click.option(
        "--extra",
        "extras",
        multiple=True,
        metavar="NAMES",
        callback=split_names,
        help="Extras of pyproject.toml whose packages workers need; comma-separated, repeatable.",
    ),
    click.option(
        "--group",
        "groups",
        multiple=True,
        metavar="NAMES",
        callback=split_names,
        help="Dependency groups of pyproject.toml that workers need; comma-separated, repeatable.",
    ),
    click.option("--python-version", help="The workers' Python, such as 3.12."),
    click.option(
        "--trace",
        is_flag=True,
        default=None,
        help="Import the modules whose endpoints flashc can't evaluate.  This runs the project's code, in a sandbox "
        "that has no network, sees no values of environment variables, and can't write files.",
    ),
    click.option(
        "--no-sandbox",
        is_flag=True,
        default=None,
        help="With `--trace`: run the project's code also if this machine has no sandbox (bubblewrap).",
    ),
)
_BUILDING = (
    click.option(
        "--no-deps",
        is_flag=True,
        default=None,
        help="Bundle only the packages that the app asks for, not those that they require.",
    ),
    click.option("--no-install", is_flag=True, default=None, help="Bundle no packages at all."),
    click.option(
        "--exclude",
        multiple=True,
        metavar="NAMES",
        callback=split_names,
        help="Distributions to leave out of the artifact; comma-separated, repeatable.",
    ),
    click.option(
        "--allow-build",
        is_flag=True,
        default=None,
        help="Build pure Python packages that have no wheel; this runs their build scripts on this machine.",
    ),
    click.option(
        "--locked",
        is_flag=True,
        default=None,
        help="Fail if `flash.lock` is missing or would have to change.",
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
    diagnostics: Iterable[Diagnostic],
    workspace: Workspace,
    output_format: str,
    *,
    echo: Echo = click.echo,
) -> None:
    """Print diagnostics of an opened project.

    Text goes to standard error, the formats for machines to standard output.
    """
    print_diagnostics(
        diagnostics, workspace.root, workspace.project.lines, output_format, echo=echo
    )


def print_diagnostics(
    diagnostics: Iterable[Diagnostic],
    root: Path,
    lines_of: Callable[[str], Lines | None],
    output_format: str,
    *,
    echo: Echo = click.echo,
) -> None:
    """Print diagnostics in a format, on standard error or standard output; see `print_findings`.

    `root` is the folder that the paths of the diagnostics are relative to.  In the formats for
    services (`sarif`, `github`), paths are relative to the repository that contains `root`.
    `lines_of` returns the lines of a file, for the text format.
    """
    found = list(diagnostics)
    match output_format:
        case "json":
            from flashc.report.json_report import render_json

            echo(render_json(found), nl=False)
        case "sarif":
            from flashc.report.sarif import render_sarif

            echo(render_sarif(found, below_repository(root)), nl=False)
        case "github":
            from flashc.report.github import render_github

            echo(render_github(found, below_repository(root)), nl=False)
        case _:
            if found:
                from flashc.report.text import render

                echo(render(found, lines_of, _painter()), nl=False, err=True)


def below_repository(root: Path) -> str:
    """Return the path from the root of the repository to the project, with a slash at its end.

    The path is empty if the project is the root, or is not in a repository.
    """
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            path = root.relative_to(folder).as_posix()
            return "" if path == "." else f"{path}/"
    return ""


def exit_for(sink: Iterable[Diagnostic]) -> NoReturn:
    """Exit with the code for the findings: 0 if there are no errors, else the code of an error."""
    codes = {diagnostic.rule.exit for diagnostic in sink} - {ExitCode.SUCCESS}
    raise click.exceptions.Exit(min(codes, default=ExitCode.SUCCESS))


_COLOURS: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "gutter": {"fg": "blue"},
    "bold": {"bold": True},
}


def _painter() -> Callable[[str, str], str]:
    """Return the function that colours a text; it does nothing if standard error is not a terminal."""
    if os.environ.get("NO_COLOR") or not sys.stderr.isatty():
        return lambda text, _role: text
    return lambda text, role: click.style(text, **_COLOURS[role])

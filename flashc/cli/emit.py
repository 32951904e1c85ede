"""`flashc emit`: print or write one output of the compiler, such as the IR or the manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from msgspec import Struct

from flashc.api.emit import EmitResult, emit_target
from flashc.project.workspace import open_workspace
from flashc_backends.base import Draft
from flashc_backends.preview.plan import PREVIEW
from flashc_backends.targets import TARGETS
from flashc_backends.write import CannotWrite, report_write_failures, write_tree
from flashc_core.encoding import visible_json
from flashc_core.processes import Prefork

from .common import building_options, exit_for, format_option, print_findings, project_argument
from .preview import PREVIEW_FLAGS, PREVIEW_FORMATS, plan_flag, preview_options, run
from .progress import show_progress

_HELP = "\n".join(
    [
        "Print or write the output of a target for the app in PROJECT.",
        "",
        "\b",
        *(f"{target.name:<10} {target.summary}" for target in TARGETS.values()),
    ]
)


@click.command("emit", help=_HELP)
@project_argument
@click.option("--target", "-t", required=True, type=click.Choice(list(TARGETS)), help="The target.")
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write to.  [default: print]",
)
@plan_flag
@preview_options
@building_options
@format_option
@click.pass_obj
def command(
    prefork: Prefork | None,
    /,
    project: Path,
    target: str,
    folder: Path | None,
    output_format: str,
    plan: bool,
    **flags: Any,
) -> None:
    """Print the output of a target, or write it to `folder`; start the target `preview`."""
    if target == PREVIEW.name and folder is None:
        if prefork is not None:
            prefork.close()
        run(project=project, output_format=_preview_format(output_format), plan=plan, **flags)
    flags = {name: value for name, value in flags.items() if name not in PREVIEW_FLAGS}
    workspace = open_workspace(project, flags, prefork=prefork)
    with show_progress(output_format == "text") as progress:
        result = emit_target(workspace, target, progress=progress)
    made, diagnostics = _output_of(target, result), result.diagnostics
    if folder is not None and made.files:
        sink = workspace.sink()
        try:
            with report_write_failures(folder, sink):
                write_tree(folder, made.files)
        except CannotWrite:
            diagnostics = (*diagnostics, *sink)
    print_findings(diagnostics, workspace, output_format)
    if folder is None and output_format == "text":
        made.print()
    exit_for(diagnostics)


def _preview_format(output_format: str) -> str:
    """Check that the target `preview` has a format, and return the format."""
    if output_format not in PREVIEW_FORMATS:
        raise click.UsageError(f"the target `preview` has no format {output_format!r}")
    return output_format


class Emitted(Struct, frozen=True, kw_only=True):
    """The output of a target.

    `text` is printed, or `files` are written.  `notes` are printed with `text`, and name the files
    that are not text.
    """

    text: str = ""
    files: tuple[Draft, ...] = ()
    notes: tuple[str, ...] = ()

    def print(self) -> None:
        """Print the text on standard output and the notes on standard error."""
        click.echo(self.text, nl=False)
        for note in self.notes:
            click.echo(note, err=True)


def _output_of(name: str, result: EmitResult) -> Emitted:
    """Return what to print and what to write of a target; both are empty if there were errors."""
    if result.plan is None:
        return _text_of_drafts(result.drafts)
    document = Draft(path=f"{name}.json", content=result.plan.to_json())
    return Emitted(text=result.plan.to_text(), files=(document,))


def _text_of_drafts(drafts: tuple[Draft, ...]) -> Emitted:
    """Return the text of the drafts to print.

    Binary files are left out, and JSON too if there is other text.
    """
    texts = [draft for draft in drafts if not draft.path.endswith((".gz", ".json"))]
    texts = texts or [draft for draft in drafts if draft.path.endswith(".json")]
    shown = ""
    for draft in texts:
        if len(texts) > 1:
            shown += f"--- {draft.path}\n"
        text = draft.read().decode("utf-8", "replace")
        shown += visible_json(text) if draft.path.endswith(".json") else text
    notes = tuple(
        f"{draft.path}: {len(draft.read()):,} bytes; pass `-o FOLDER` to write it"
        for draft in drafts
        if draft.path.endswith(".gz")
    )
    return Emitted(text=shown, files=drafts, notes=notes)

"""Print what the compiler finds in a development session, and which workers an edit replaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec

from flashc.project.workspace import Workspace
from flashc_backends.preview.development import Reloaded
from flashc_backends.preview.preview import Happening
from flashc_core.diagnostics import Diagnostic

from .common import print_findings
from .output import Echo
from .preview_screen import JsonScreen, TextScreen


class TextDevScreen(TextScreen):
    """Prints what happens in a development session as text for people."""

    def __init__(self, progress: Callable[[str], None], echo: Echo = click.echo) -> None:
        super().__init__(progress, echo)
        self._rolling: dict[str, float] = {}  # the endpoints whose new code has not answered yet

    def show_findings(self, workspace: Workspace, diagnostics: Sequence[Diagnostic]) -> None:
        """Print the findings."""
        self._progress("")
        print_findings(diagnostics, workspace, "text", echo=self._echo)

    def show_reload(self, reloaded: Reloaded) -> None:
        """Print which endpoints get new workers."""
        self._rolling |= dict.fromkeys(reloaded.touched, reloaded.saved)
        parts = [
            f"{what}: {', '.join(names)}"
            for what, names in (
                ("replacing", reloaded.touched),
                ("removed", reloaded.removed),
                ("untouched", reloaded.kept),
            )
            if names
        ]
        if not (reloaded.touched or reloaded.removed):
            parts = ["nothing to replace"]
        self._echo("; ".join(parts))

    def show_kept_old(self, reason: str) -> None:
        """Print why nothing is replaced."""
        self._echo(f"the old code keeps running; {reason}", err=True)

    def show_entry(self, happening: Happening) -> None:
        """Print a line for an entry of the journal that concerns users, also for a rollout of new code."""
        if happening.kind != "release":
            super().show_entry(happening)
            return
        saved = self._rolling.pop(happening.endpoint, None)
        if saved is None:
            return
        label = self._label(happening.endpoint)
        if happening.what["state"] == "rolled out":
            self._echo(f"{label} the new code runs, {happening.at - saved:.2f} s after the save")
        else:
            self._echo(f"{label} the new code does not start; the old code keeps running")


class JsonDevScreen(JsonScreen):
    """Prints what happens in a development session for programs: a JSON object per line on standard output."""

    def show_findings(self, workspace: Workspace, diagnostics: Sequence[Diagnostic]) -> None:
        """Print the findings without their notes and fixes; `flashc check --format json` prints these too."""
        self._print(
            "findings",
            findings=[
                {
                    "code": found.rule.code,
                    "severity": found.rule.severity.value,
                    "path": found.path,
                    "message": found.message,
                }
                for found in diagnostics
            ],
        )

    def show_reload(self, reloaded: Reloaded) -> None:
        """Print which endpoints get new workers."""
        document: dict[str, Any] = msgspec.to_builtins(reloaded)
        self._print("reloaded", **document)

    def show_kept_old(self, reason: str) -> None:
        """Print why nothing is replaced."""
        self._print("kept-old", reason=reason)

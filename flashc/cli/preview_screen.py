"""Print what a running preview does: its addresses and endpoints, then the lines, jobs and requests of its workers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
import msgspec

from flashc_backends.preview.preview import Happening
from flashc_backends.preview.registry import Address, Record, as_document

from .output import Echo
from .progress import RemovableProgress

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue")
_HEADINGS = {"load-balanced": "load-balanced endpoints", "queue": "queue-based endpoints"}
_SDK_LOG, _HEALTH_CHECK = '{"requestId"', "GET /ping HTTP"
_PROGRESS = ("Jobs in queue", "Jobs in progress", "Started.", "Finished.")
_FINAL = ("COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT")


class TextScreen:
    """Prints text for people on standard output, and notes on standard error.

    `stopped_by` is what the user types to end the preview.
    """

    def __init__(
        self,
        progress: Callable[[str], None],
        echo: Echo = click.echo,
        *,
        stopped_by: str = "Ctrl+C",
    ) -> None:
        self._progress = progress
        self._echo = _in_place_of_the_phase(progress, echo)
        self._stopped_by = stopped_by
        self._colours: dict[str, str] = {}

    def show_phase(self, text: str) -> None:
        """Show what the preview does now."""
        self._progress(text)

    def show_note(self, text: str) -> None:
        """Print a remark."""
        self._echo(f"note: {text}", err=True)

    def show_ready(self, record: Record) -> None:
        """Print what runs and where: the page, the endpoints with example calls, and what differs from the cloud."""
        runs = f"{record.app} runs at {record.url} on the engine {record.engine}"
        self._echo(f"{runs}; {self._stopped_by} stops it")
        self._echo(f"web page (this link works once): {record.page}")
        for kind, heading in _HEADINGS.items():
            found = [address for address in record.addresses if address.kind == kind]
            if found:
                self._echo(f"\n{heading}:")
            for address in found:
                self._print_address(address)
        for name in record.skipped:
            self._echo(f"\nnot run: {name}, which has a prebuilt image")
        self._echo("\nwhat differs from the cloud:")
        for difference in record.differences:
            self._echo(f"  - {difference}")
        self._echo("")

    def _print_address(self, address: Address) -> None:
        """Print an address, its routes, and an example of a call."""
        self._echo(f"  {address.endpoint}  {address.url}")
        for route in address.routes:
            method, _, path = route.partition(" ")
            self._echo(f"    {method:<6} {path}")
        if address.curl:
            self._echo(f"    {address.curl}")

    def show_entry(self, happening: Happening) -> None:
        """Print a line for an entry of the journal that concerns users."""
        text = _text_of(happening)
        if text is not None:
            self._echo(f"{self._label(happening.endpoint)} {text}")

    def _label(self, endpoint: str) -> str:
        """Return the name of an endpoint in its colour."""
        colour = self._colours.setdefault(endpoint, _COLOURS[len(self._colours) % len(_COLOURS)])
        return click.style(f"[{endpoint}]", fg=colour)


def _in_place_of_the_phase(progress: Callable[[str], None], echo: Echo) -> Echo:
    """Return a function that prints; it first removes the phase that a terminal shows in its last line."""

    def show(message: str, *, nl: bool = True, err: bool = False) -> None:
        """Remove the phase, and print."""
        progress("")
        echo(message, nl=nl, err=err)

    return show


def _text_of(happening: Happening) -> str | None:
    """Return a short text for an entry of the journal; None if the entry is not shown."""
    what = happening.what
    match happening.kind:
        case "line":
            return _shown(str(what["text"]))
        case "request":
            return f"{what['method']} {what['path']} {what['status']} in {what['ms']:.0f} ms"
        case "job" if what["status"] in _FINAL:
            took = _milliseconds(what)
            error = f": {str(what['error'])[:200]}" if what.get("error") else ""
            return f"job {what['id']} {what['status']}{took}{error}"
        case "worker" if what["state"] == "crashed":
            after = f"; another starts in {what['pause']:.1f} s" if what["pause"] else ""
            return f"a worker ended{after}"
        case "fault":
            return f"fault on request: {what['fault']} ({what['number']})"
        case "worker" if what["state"] == "unhealthy":
            return "a worker does not answer /ping any more; another takes its place"
        case _:
            return None


def _shown(line: str) -> str | None:
    """Return a worker's line for people; None if the line is not shown.

    The SDK logs JSON objects; their levels and messages are shown, except those of the level DEBUG.  One line may
    contain the objects of two processes.  Lines about polls, health checks and the progress of jobs are not shown,
    because the platform reports finished jobs.
    """
    if not line or _HEALTH_CHECK in line:
        return None
    if not line.startswith(_SDK_LOG):
        return line
    shown: list[str] = []
    start = 0
    while start < len(line):
        try:
            record, start = json.JSONDecoder().raw_decode(line, start)
            level, message = record["level"], str(record["message"])
        except (ValueError, KeyError, TypeError):
            return line
        if level != "DEBUG" and not message.startswith(_PROGRESS):
            shown.append(f"{level} {message}")
    return "; ".join(shown) or None


def _milliseconds(what: dict[str, Any]) -> str:
    """Return how long a job took, as text; "" if it did not run."""
    started, finished = what.get("started"), what.get("finished")
    if started is None or finished is None:
        return ""
    return f" in {(finished - started) * 1000:.0f} ms"


class JsonScreen:
    """Prints a JSON object per line for programs, on standard output; the key `event` has the kind of the object."""

    def __init__(self, echo: Echo = click.echo) -> None:
        self._echo = echo

    def show_phase(self, text: str) -> None:
        """Print what the preview does now."""
        self._print("phase", text=text)

    def show_note(self, text: str) -> None:
        """Print a remark."""
        self._print("note", text=text)

    def show_ready(self, record: Record) -> None:
        """Print what is known of the preview, with the addresses of its endpoints."""
        self._print("ready", **as_document(record))

    def show_entry(self, happening: Happening) -> None:
        """Print an entry of the journal."""
        document = msgspec.to_builtins(happening.what)
        document["endpoint_id"] = document.pop("endpoint", None)
        self._print(happening.kind, endpoint=happening.endpoint, at=happening.at, **document)

    def _print(self, event: str, **document: Any) -> None:
        """Print an event as a line of JSON."""
        self._echo(_line(event, **document))


def missing_text(number: int) -> str:
    """Return the line for people that replaces dropped lines."""
    return f"note: {number} lines are missing here, because the output was not read"


def missing_event(number: int) -> str:
    """Return the JSON line for programs that replaces dropped lines."""
    return _line("missing", count=number)


def _line(event: str, **document: Any) -> str:
    """Return an event as JSON text."""
    return json.dumps({"event": event, **document})


def phases_of(progress: RemovableProgress) -> Callable[[str], None]:
    """Return a function that shows phases as progress; an empty text removes what is shown."""

    def show(text: str) -> None:
        """Begin a phase, or remove the last one."""
        if text:
            progress.start(text)
        else:
            progress.close()

    return show

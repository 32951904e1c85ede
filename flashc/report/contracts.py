"""Render the changes that callers of endpoints may notice: as text, as JSON, and for GitHub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import msgspec

from flashc_backends.contracts.changes import Change, ChangeReport

from .github import workflow_command


def diff_text(changes: Sequence[Change], old: str) -> str:
    """Return the changes as text, by endpoint; `old` is what the project was compared with."""
    return "".join(f"{line}\n" for line in _lines(changes, old))


def _lines(changes: Sequence[Change], old: str) -> Iterator[str]:
    for endpoint, group in groupby(changes, key=lambda change: change.endpoint):
        yield endpoint
        for change in group:
            place = f"  ({change.file}:{change.line})" if change.file else ""
            yield f"  {_verdict(change)}: {change.text}{place}"
            if change.example is not None:
                yield f"      for example: {change.example}"
    broken = sum(change.breaks for change in changes)
    if not changes:
        yield f"no change since {old} that callers notice"
    elif not broken:
        yield f"no change since {old} breaks calls"
    else:
        yield f"{broken} of {len(changes)} changes since {old} break calls"


def _verdict(change: Change) -> str:
    return "breaks calls" if change.breaks else "keeps calls"


def diff_json(changes: Sequence[Change]) -> bytes:
    """Return the changes as one JSON document, with a newline at the end."""
    report = ChangeReport(breaks=any(change.breaks for change in changes), changes=tuple(changes))
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def diff_github(changes: Sequence[Change], prefix: str = "") -> str:
    """Return a workflow command of GitHub for each change: an error if it breaks calls, else a notice.

    `prefix` is the path from the repository's root to the project ("" or "folder/").
    """
    return "".join(f"{_command(change, prefix)}\n" for change in changes)


def _command(change: Change, prefix: str) -> str:
    place = {"file": f"{prefix}{change.file}", "line": str(change.line)} if change.file else {}
    title = f"{change.endpoint}: {_verdict(change)}"
    more = [] if change.example is None else [f"for example: {change.example}"]
    return workflow_command(
        "error" if change.breaks else "notice",
        {**place, "title": title},
        "\n".join([change.text, *more]),
    )

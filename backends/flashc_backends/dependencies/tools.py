"""Run uv and other package tools as processes, and report their failures as findings."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flashc_backends.base import Progress, Services
from flashc_core import rules
from flashc_core.diagnostics import Label, Rule, Sink
from flashc_core.source import WholeFile

from .asked import RequestedRequirement

_TIMEOUT = 1800  # seconds after which a tool is killed
_TICK = 0.1  # seconds between two updates of the progress


class DependencyError(Exception):
    """Dependencies can't be resolved or installed; the finding is already reported."""


def run(
    command: list[str],
    services: Services,
    request: Sequence[RequestedRequirement] | None = None,
    *,
    count: Callable[[], int] = lambda: 0,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a resolver, an installer or a build, with the environment of this process by default.

    `request` are the requirements that the resolver was asked for, so that a report can show which endpoints asked for a
    package.  `count` returns how many packages are done so far, for the progress.

    Raises:
        DependencyError: the tool failed; its message is already reported, without addresses and
            credentials.
    """
    sink = services.sink
    try:
        done = _completed(command, services.progress, count, environment)
    except (OSError, subprocess.TimeoutExpired) as error:
        sink.report(
            rules.RESOLVER_FAILED,
            WholeFile("requirements.txt"),
            f"`{Path(command[0]).name}` can't be run: {type(error).__name__}",
        )
        raise DependencyError from error
    if done.returncode != 0:
        _report_failure(scrubbed(done.stderr or done.stdout), sink, request)
        raise DependencyError


def _completed(
    command: list[str],
    progress: Progress,
    count: Callable[[], int],
    environment: Mapping[str, str] | None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return its result; update the progress meanwhile.

    Raises:
        OSError: the command can't be started.
        TimeoutExpired: the command took longer than `_TIMEOUT`, and was killed.
    """
    deadline = time.monotonic() + _TIMEOUT
    shown = 0
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment,
    ) as process:
        try:
            while True:
                try:
                    output, errors = process.communicate(timeout=_TICK)
                    return subprocess.CompletedProcess(command, process.returncode, output, errors)
                except subprocess.TimeoutExpired:
                    if time.monotonic() > deadline:
                        raise
                    done = count()
                    progress.advance(done - shown)
                    shown = done
        except BaseException:  # an interrupt too: no tool goes on without flashc
            process.kill()
            raise


def _report_failure(text: str, sink: Sink, request: Sequence[RequestedRequirement] | None) -> None:
    """Report the message of a tool that failed, at the requirements that the message names."""
    rule = _rule_for(text)
    concerned = [
        (r.dependency.span, r)
        for r in request or ()
        if re.search(rf"(?<![\w-]){re.escape(r.dependency.name)}(?![\w-])", text.lower())
    ]
    positions = sorted(dict(concerned).items())
    sink.report(
        rule,
        positions[0][0] if positions else WholeFile("requirements.txt"),
        _MESSAGES[rule.code],
        label=_asked(positions[0][1]) if positions else "",
        secondary=tuple(Label(span, _asked(r)) for span, r in positions[1:]),
        notes=tuple(line.strip() for line in text.splitlines() if line.strip())[:12],
        help=_HELP[rule.code],
    )


def _asked(r: RequestedRequirement) -> str:
    """Return, as text for a message, which endpoint asks for a requirement."""
    who = f"`{r.endpoint}`" if r.endpoint else "the app"
    return f"{who} asks for `{r.dependency}`"


_MESSAGES = {
    rules.NO_WHEEL.code: "a dependency has no wheel for Linux x86_64 and the app's Python",
    rules.UNSATISFIABLE.code: "the dependencies can't be resolved together",
    rules.RESOLVER_FAILED.code: "the resolver failed",
}
_HELP = {
    rules.NO_WHEEL.code: (
        "choose a version that has one, leave it out with `--exclude`, or allow pure Python packages to "
        "be built from source with `--allow-build`",
    ),
    rules.UNSATISFIABLE.code: ("change the requirement that the note names",),
    rules.RESOLVER_FAILED.code: ("check the network and the package index, then try again",),
}


def _rule_for(text: str) -> Rule:
    """Return the rule for the error message of a resolver or installer."""
    if "no usable wheels" in text or "Wheels are required" in text or "no wheels" in text:
        return rules.NO_WHEEL
    if "No solution found" in text or "ResolutionImpossible" in text or "unsatisfiable" in text:
        return rules.UNSATISFIABLE
    if "Could not find a version" in text or "conflicting URLs" in text:
        return rules.UNSATISFIABLE
    return rules.RESOLVER_FAILED


def scrubbed(text: str) -> str:
    """Return a tool's message without the hosts of URLs, credentials and temporary paths."""
    text = re.sub(r"\b(\w+)://[^\s`'\"]+", r"<\1 address>", text)
    return re.sub(r"/\S*flashc-\S*/", "", text)

"""Run uv and other package tools as processes, and report their failures as findings."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flashc_backends.base import Services
from flashc_core import rules
from flashc_core.diagnostics import Label, Rule, Sink
from flashc_core.source import WholeFile

from .asked import RequestedRequirement
from .tool_environment import empty_folder, tool_environment
from .tool_process import run_to_the_end

PLATFORM = "x86_64-manylinux_2_28"
"""The platform of the workers, as resolvers and installers name it."""


class DependencyError(Exception):
    """Dependencies can't be resolved or installed; the finding is already reported."""


def run(
    command: list[str],
    services: Services,
    request: Sequence[RequestedRequirement] | None = None,
    *,
    count: Callable[[], int] = lambda: 0,
    environment: Mapping[str, str] | None = None,
    may_run_code: bool = False,
) -> str:
    """Run a resolver, an installer or a build in an empty folder, and return what it prints on standard error.

    It has the environment of this process by default.  With `may_run_code`, it may run build scripts
    of packages: it gets only the variables that it needs, and an empty home folder.

    `request` are the requirements that the resolver was asked for, so that a report can show which endpoints asked for a
    package.  `count` returns how many packages are done so far, for the progress.

    Raises:
        DependencyError: the tool failed; its message is already reported, without addresses and
            credentials.
    """
    sink = services.sink
    try:
        with empty_folder() as folder:
            (folder / "home").mkdir()
            (folder / "start").mkdir()
            home = folder / "home" if may_run_code else None
            variables = tool_environment(environment or os.environ, home=home)
            done = run_to_the_end(
                command,
                services.progress,
                count,
                variables,
                folder / "start",
                may_run_code=may_run_code,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        tool = Path(command[0]).name
        notes: tuple[str, ...] = ()
        if isinstance(error, subprocess.TimeoutExpired):
            problem = f"took more than {error.timeout:g} s"
            help = _HELP[rules.RESOLVER_FAILED.code]
            if may_run_code:
                help = ("look at what the packages do while they are built",)
        else:
            problem, notes = "can't be run", (type(error).__name__,)
            help = (
                f"check that `{tool}` is installed and may be run, and that the disk is not full",
            )
        sink.report(
            rules.RESOLVER_FAILED,
            WholeFile("requirements.txt"),
            f"`{tool}` {problem}",
            notes=notes,
            help=help,
        )
        raise DependencyError from error
    if done.returncode != 0:
        _report_failure(scrubbed(done.stderr or done.stdout), sink, request)
        raise DependencyError
    return done.stderr


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
        label=positions[0][1].described if positions else "",
        secondary=tuple(Label(span, r.described) for span, r in positions[1:]),
        notes=tuple(line.strip() for line in text.splitlines() if line.strip())[:12],
        help=_HELP[rule.code],
    )


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

"""A `Request` -> the exact distributions with their hashes.

Two engines behind one protocol.  uv resolves for any target; pip-tools for the running interpreter on
Linux x86_64 only, and refuses everything else.
"""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Protocol

from uv import find_uv_bin

from flashc_backends.base import LockerName
from flashc_core import rules
from flashc_core.diagnostics import Label, Rule, Sink
from flashc_core.source import Span

from .lock import DIRECT, Locked, parse_compiled
from .requirements import Request, Wish

PLATFORM = "x86_64-manylinux_2_28"
_TIMEOUT = 1800  # seconds; a resolver that takes longer hangs


class LockFailed(Exception):
    """There is no lock; the finding is in the sink already."""


class Locker(Protocol):
    """Resolves requirements for the workers."""

    def lock(self, request: Request, previous: str, sink: Sink) -> tuple[Locked, ...]:
        """The distributions with hashes, the same for the same index.

        `previous` is a requirements file whose versions are kept where they still fit.

        Raises:
            LockFailed: after reporting.
        """
        ...


def locker(name: LockerName) -> Locker:
    """The engine of that name."""
    return UvLocker() if name == "uv" else PipToolsLocker()


class UvLocker:
    """Resolves with uv, for Linux x86_64 and the app's Python, whatever the host is."""

    def lock(self, request: Request, previous: str, sink: Sink) -> tuple[Locked, ...]:
        with tempfile.TemporaryDirectory(prefix="flashc-lock-") as name:
            folder = Path(name)
            target = folder / "requirements.txt"
            target.write_text(previous, encoding="utf-8")
            run(
                [
                    *(find_uv_bin(), "pip", "compile", str(_inputs(folder, request))),
                    *("--output-file", str(target)),
                    *("--excludes", str(_listed(folder / "excludes.txt", request.excluded))),
                    *("--constraints", str(_listed(folder / "limits.txt", request.constraints))),
                    *("--python-platform", PLATFORM, "--python-version", request.python_version),
                    *("--generate-hashes", "--no-header", "--quiet"),
                    # Without these uv looks for the workers' Python here, and downloads it.
                    *("--python", sys.executable, "--no-python-downloads"),
                    *("--no-config", "--color", "never"),
                    *(() if request.allow_build else ("--only-binary", ":all:")),
                ],
                sink,
                request,
            )
            return parse_compiled(target.read_text(encoding="utf-8"))


class PipToolsLocker:
    """Resolves with pip-tools, which knows the running interpreter and platform only."""

    def lock(self, request: Request, previous: str, sink: Sink) -> tuple[Locked, ...]:
        running = f"{sys.version_info.major}.{sys.version_info.minor}"
        native = sys.platform == "linux" and platform.machine() == "x86_64"
        if request.python_version != running or not native:
            sink.report(
                rules.RESOLVER_FAILED,
                Span.whole("pyproject.toml"),
                f"pip-tools can't resolve for Python {request.python_version} on Linux x86_64 here: "
                f"it runs on Python {running}, {sys.platform} {platform.machine()}",
                help=("use the default locker, `--locker uv`",),
            )
            raise LockFailed
        with tempfile.TemporaryDirectory(prefix="flashc-lock-") as name:
            folder = Path(name)
            target = folder / "requirements.txt"
            target.write_text(previous, encoding="utf-8")
            limits = _listed(folder / "limits.txt", request.constraints)
            run(
                [
                    *(sys.executable, "-m", "piptools", "compile", str(_inputs(folder, request))),
                    *("--output-file", str(target), "--constraint", str(limits)),
                    *("--generate-hashes", "--no-header", "--quiet"),
                    *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host"),
                    *("--strip-extras", "--allow-unsafe", "--no-config"),
                    *(() if request.allow_build else ("--pip-args", "--only-binary=:all:")),
                ],
                sink,
                request,
            )
            entries = parse_compiled(target.read_text(encoding="utf-8"))
            return without(entries, request.excluded)


def _inputs(folder: Path, request: Request) -> Path:
    return _listed(folder / "requirements.in", request.lines)


def _listed(file: Path, lines: tuple[str, ...]) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def without(entries: tuple[Locked, ...], excluded: tuple[str, ...]) -> tuple[Locked, ...]:
    """The entries without some, and without what only those need; pip-tools can't leave them out itself."""
    kept = {entry.name: entry for entry in entries if entry.name not in excluded}
    while True:
        orphans = [
            name
            for name, entry in kept.items()
            if not any(requirer == DIRECT or requirer in kept for requirer in entry.via)
        ]
        if not orphans:
            return tuple(kept.values())
        for name in orphans:
            del kept[name]


def run(command: list[str], sink: Sink, request: Request | None = None) -> None:
    """Run a resolver or installer; `request` is what it was asked, for a report that shows who asked.

    Raises:
        LockFailed: it failed; what it says is reported, without addresses and credentials.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT, check=False, encoding="utf-8"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        sink.report(
            rules.RESOLVER_FAILED,
            Span.whole("requirements.txt"),
            f"`{Path(command[0]).name}` can't be run: {type(error).__name__}",
        )
        raise LockFailed from error
    if done.returncode != 0:
        _report_failure(scrubbed(done.stderr or done.stdout), sink, request)
        raise LockFailed


def _report_failure(text: str, sink: Sink, request: Request | None) -> None:
    """What a tool said, at the first requirement that it speaks of; the others as further places."""
    rule = _rule_for(text)
    concerned = [
        (wish.dependency.span, wish)
        for wish in (request.wishes if request is not None else ())
        if re.search(rf"(?<![\w-]){re.escape(wish.dependency.name)}(?![\w-])", text.lower())
    ]
    places = sorted(dict(concerned).items())
    sink.report(
        rule,
        places[0][0] if places else Span.whole("requirements.txt"),
        _MESSAGES[rule.code],
        label=_asked(places[0][1]) if places else "",
        secondary=tuple(Label(span, _asked(wish)) for span, wish in places[1:]),
        notes=tuple(line.strip() for line in text.splitlines() if line.strip())[:12],
        help=_HELP[rule.code],
    )


def _asked(wish: Wish) -> str:
    who = f"`{wish.endpoint}`" if wish.endpoint else "the app"
    return f"{who} asks for `{wish.dependency.requirement}`"


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
    if "no usable wheels" in text or "Wheels are required" in text or "no wheels" in text:
        return rules.NO_WHEEL
    if "No solution found" in text or "ResolutionImpossible" in text or "unsatisfiable" in text:
        return rules.UNSATISFIABLE
    if "Could not find a version" in text:
        return rules.UNSATISFIABLE
    return rules.RESOLVER_FAILED


def scrubbed(text: str) -> str:
    """A tool's message without URLs' hosts, credentials and temporary paths."""
    text = re.sub(r"\b(\w+)://[^\s`'\"]+", r"<\1 address>", text)
    return re.sub(r"/\S*flashc-\S*/", "", text)

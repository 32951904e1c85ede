"""A `Request` -> a lock: the exact distributions with their hashes, as a requirements file.

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

from flashc_ir import rules
from flashc_ir.diagnostics import Rule, Sink
from flashc_ir.source import Span

from .base import LockerName
from .requirements import Request

PLATFORM = "x86_64-manylinux_2_28"
_TIMEOUT = 1800  # seconds; a resolver that takes longer hangs


class LockFailed(Exception):
    """There is no lock; the finding is in the sink already."""


class Locker(Protocol):
    """Resolves requirements for the workers."""

    def lock(self, request: Request, sink: Sink) -> str:
        """The text of a requirements file with hashes, the same for the same index.

        Raises:
            LockFailed: after reporting.
        """
        ...


def locker(name: LockerName) -> Locker:
    """The engine of that name."""
    return UvLocker() if name == "uv" else PipToolsLocker()


class UvLocker:
    """Resolves with uv, for Linux x86_64 and the app's Python, whatever the host is."""

    def lock(self, request: Request, sink: Sink) -> str:
        with tempfile.TemporaryDirectory(prefix="flashc-lock-") as folder:
            source, excludes = Path(folder, "requirements.in"), Path(folder, "excludes.txt")
            target = Path(folder, "requirements.txt")
            source.write_text("\n".join(request.lines) + "\n", encoding="utf-8")
            excludes.write_text("\n".join(request.excluded) + "\n", encoding="utf-8")
            run(
                [
                    *(find_uv_bin(), "pip", "compile", str(source), "--output-file", str(target)),
                    *("--excludes", str(excludes), "--python-platform", PLATFORM),
                    *("--python-version", request.python_version, "--only-binary", ":all:"),
                    *("--generate-hashes", "--no-header", "--no-annotate", "--quiet"),
                    *("--no-config", "--color", "never"),
                ],
                sink,
            )
            return target.read_text(encoding="utf-8")


class PipToolsLocker:
    """Resolves with pip-tools, which knows the running interpreter and platform only."""

    def lock(self, request: Request, sink: Sink) -> str:
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
        with tempfile.TemporaryDirectory(prefix="flashc-lock-") as folder:
            source, target = Path(folder, "requirements.in"), Path(folder, "requirements.txt")
            source.write_text("\n".join(request.lines) + "\n", encoding="utf-8")
            run(
                [
                    *(sys.executable, "-m", "piptools", "compile", str(source)),
                    *("--output-file", str(target), "--generate-hashes", "--no-header"),
                    *("--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--quiet"),
                    *("--no-emit-trusted-host", "--strip-extras", "--allow-unsafe", "--no-config"),
                    *("--pip-args", "--only-binary=:all:"),
                ],
                sink,
            )
            return without(target.read_text(encoding="utf-8"), request.excluded)


def without(lock: str, excluded: tuple[str, ...]) -> str:
    """A lock without some distributions; pip-tools can't leave them out itself."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.strip())
    names = set(excluded)
    kept = [entry for entry in entries if _name(entry) not in names]
    return "\n".join(kept) + "\n"


def _name(entry: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", entry)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


def run(command: list[str], sink: Sink) -> None:
    """Run a resolver or installer.

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
    if done.returncode == 0:
        return
    text = scrubbed(done.stderr or done.stdout)
    rule = _rule_for(text)
    sink.report(
        rule,
        Span.whole("requirements.txt"),
        _MESSAGES[rule.code],
        notes=tuple(line.strip() for line in text.splitlines() if line.strip())[:12],
        help=_HELP[rule.code],
    )
    raise LockFailed


_MESSAGES = {
    rules.NO_WHEEL.code: "a dependency has no wheel for Linux x86_64 and the app's Python",
    rules.UNSATISFIABLE.code: "the dependencies can't be resolved together",
    rules.RESOLVER_FAILED.code: "the resolver failed",
}
_HELP = {
    rules.NO_WHEEL.code: ("choose a version that has one, or leave it out with `--exclude`",),
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

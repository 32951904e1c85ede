"""Resolve requirements to exact package versions with hashes, by uv or pip-tools.

There are two resolvers behind one protocol.  uv resolves for every version of Python that workers
have, on any machine.  pip-tools resolves only for the version of Python that runs flashc, and only
on Linux x86_64; in other cases it reports an error.
"""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path
from typing import Protocol

from uv import find_uv_bin

from flashc_backends.base import ResolverName, Services
from flashc_core import rules
from flashc_core.source import WholeFile

from .lock import DIRECT, Locked, parse_compiled
from .requirements import ResolutionRequest
from .tools import DependencyError, run

PLATFORM = "x86_64-manylinux_2_28"


class Resolver(Protocol):
    """Something that resolves requirements for the workers."""

    def resolve(
        self, request: ResolutionRequest, previous: str, services: Services
    ) -> tuple[Locked, ...]:
        """Return the resolved distributions, each with its version and the hashes of its files.

        The result depends only on the arguments and the package index.  `previous` is the text of
        an earlier lock, whose versions are kept if they still fit.

        Raises:
            DependencyError: the requirements can't be resolved; the finding is already reported.
        """
        ...


def resolver_named(name: ResolverName) -> Resolver:
    """Return the resolver with this name."""
    return UvResolver() if name == "uv" else PipToolsResolver()


class UvResolver:
    """Resolves with uv, for Linux x86_64 and the app's Python, on any machine."""

    def resolve(
        self, request: ResolutionRequest, previous: str, services: Services
    ) -> tuple[Locked, ...]:
        """See `Resolver.resolve`."""
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
                    # Without these, uv looks for the workers' Python on this machine, and downloads it.
                    *("--python", sys.executable, "--no-python-downloads"),
                    *("--no-config", "--color", "never"),
                    *(() if request.allow_build else ("--only-binary", ":all:")),
                ],
                services,
                request,
            )
            return parse_compiled(target.read_text(encoding="utf-8"))


class PipToolsResolver:
    """Resolves with pip-tools, which knows only the interpreter and platform that it runs on."""

    def resolve(
        self, request: ResolutionRequest, previous: str, services: Services
    ) -> tuple[Locked, ...]:
        """See `Resolver.resolve`."""
        running = f"{sys.version_info.major}.{sys.version_info.minor}"
        native = sys.platform == "linux" and platform.machine() == "x86_64"
        if request.python_version != running or not native:
            services.sink.report(
                rules.RESOLVER_FAILED,
                WholeFile("pyproject.toml"),
                f"pip-tools can't resolve for Python {request.python_version} on Linux x86_64 here: "
                f"it runs on Python {running}, {sys.platform} {platform.machine()}",
                help=("use the default, `--locker uv`",),
            )
            raise DependencyError
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
                services,
                request,
            )
            entries = parse_compiled(target.read_text(encoding="utf-8"))
            return without_distributions(entries, request.excluded)


def _inputs(folder: Path, request: ResolutionRequest) -> Path:
    """Write the requested requirements to a file for the resolver and return the file's path."""
    return _listed(folder / "requirements.in", request.lines)


def _listed(file: Path, lines: tuple[str, ...]) -> Path:
    """Write lines to a file and return its path."""
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def without_distributions(
    entries: tuple[Locked, ...], excluded: tuple[str, ...]
) -> tuple[Locked, ...]:
    """Return the entries without the excluded ones, and without those that only excluded ones need.

    uv leaves these out itself; pip-tools can't.
    """
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

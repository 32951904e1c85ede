"""Resolve requirements to exact package versions with hashes, by uv or pip-tools.

There are two resolvers behind one protocol.  uv resolves for every version of Python that workers
have, on any machine.  pip-tools resolves only for the version of Python that runs flashc, and only
on Linux x86_64; in other cases it reports an error.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from packaging.requirements import Requirement
from uv import find_uv_bin

from flashc_backends.base import ResolverName, Services
from flashc_core import rules
from flashc_core.source import WholeFile
from flashc_core.temporary import temporary_folder
from flashc_ir.platform.worker_packages import worker_facts
from flashc_ir.requirements import Dependency, IndexSource, UrlSource

from .built_packages import report_built
from .indexes import as_toml
from .local_wheels import LocalWheel
from .lock import DIRECT, Locked, parse_compiled
from .requirements import ResolutionRequest
from .tools import PLATFORM, DependencyError, run

_PROJECT = "your-app"  # the name of the project that uv is given
# The options of uv that pip-tools has too, or that say what it does anyway.
_PRE = {("prerelease", "allow"), ("index-strategy", "unsafe-first-match")}
Wheels = Mapping[str, LocalWheel]


class Resolver(Protocol):
    """Something that resolves requirements for the workers."""

    def resolve(
        self, request: ResolutionRequest, wheels: Wheels, previous: str, services: Services
    ) -> tuple[Locked, ...]:
        """Return the resolved distributions, each with its version and the hashes of its files.

        The result depends only on the arguments and the package indexes.  `wheels` has the wheels
        of requirements that come from no index, by the text of their sources.  `previous` is the
        text of an earlier lock, whose versions are kept if they still fit.

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
        self, request: ResolutionRequest, wheels: Wheels, previous: str, services: Services
    ) -> tuple[Locked, ...]:
        """See `Resolver.resolve`."""
        with temporary_folder("lock") as folder:
            target = folder / "requirements.txt"
            target.write_text(previous, encoding="utf-8")
            config = folder / "uv.toml"
            config.write_text(request.access.config(), encoding="utf-8")
            overrides = request.settings.overrides
            output = run(
                [
                    *(find_uv_bin(), "pip", "compile", str(_project(folder, request, wheels))),
                    *("--output-file", str(target)),
                    *("--excludes", str(_listed(folder / "excludes.txt", request.excluded))),
                    *("--constraints", str(_listed(folder / "limits.txt", _limits(request)))),
                    *("--overrides", str(_listed(folder / "overrides.txt", overrides))),
                    *("--python-platform", PLATFORM, "--python-version", request.python_version),
                    *("--generate-hashes", "--no-header"),
                    # Without these, uv looks for the workers' Python on this machine, and downloads it.
                    *("--python", sys.executable, "--no-python-downloads"),
                    *("--config-file", str(config), "--color", "never"),
                    *(("--no-deps",) if request.only_direct else ()),
                    *(() if request.allow_build else ("--quiet", "--only-binary", ":all:")),
                ],
                services,
                request.requirements,
                environment=request.access.environment(),
                may_run_code=request.allow_build,
            )
            report_built(output, request.requirements, services.sink)
            return parse_compiled(target.read_text(encoding="utf-8"))


class PipToolsResolver:
    """Resolves with pip-tools, which knows only the interpreter and platform that it runs on."""

    def resolve(
        self, request: ResolutionRequest, wheels: Wheels, previous: str, services: Services
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
        if (
            request.access.pins
            or request.settings.overrides
            or set(request.settings.options) - _PRE
        ):
            services.sink.report(
                rules.RESOLVER_FAILED,
                WholeFile("pyproject.toml"),
                "pip-tools can't ask one index for some packages only, and does not know uv's options",
                help=("use the default, `--locker uv`",),
            )
            raise DependencyError
        with temporary_folder("lock") as folder:
            target = folder / "requirements.txt"
            target.write_text(previous, encoding="utf-8")
            limits = _listed(folder / "limits.txt", _limits(request))
            source = _listed(folder / "requirements.in", _with_indexes(request, wheels))
            run(
                [
                    # `-P`: no module next to the started file is imported.
                    *(sys.executable, "-P", *_pip_tools(request.allow_build), str(source)),
                    *("--output-file", str(target), "--constraint", str(limits)),
                    *("--generate-hashes", "--no-header", "--quiet"),
                    *("--no-emit-index-url", "--no-emit-find-links", "--no-emit-trusted-host"),
                    *("--strip-extras", "--allow-unsafe", "--no-config"),
                    *(() if request.allow_build else ("--pip-args", "--only-binary=:all:")),
                ],
                services,
                request.requirements,
                environment=request.access.environment(),
                may_run_code=request.allow_build,
            )
            entries = parse_compiled(target.read_text(encoding="utf-8"))
            kept = without_distributions(entries, request.excluded)
            return tuple(e for e in kept if DIRECT in e.via) if request.only_direct else kept


def _pip_tools(may_build: bool) -> tuple[str, ...]:
    """Return how Python starts `pip-compile`; unless `may_build`, it can't start other programs."""
    return ("-m", "piptools", "compile") if may_build else (pip_tools_entry_file(),)


def pip_tools_entry_file() -> str:
    """Return the path of the program that runs pip-tools without other programs."""
    return str(Path(__file__).with_name("pip_tools_entry.py"))


def _project(folder: Path, request: ResolutionRequest, wheels: Wheels) -> Path:
    """Write a project with the requirements for uv, and return the path of its `pyproject.toml`.

    Only the form of a project can say which index is asked for which distribution.
    """
    document = {
        "project": {
            "name": _PROJECT,
            "version": "0",
            "requires-python": f"=={request.python_version}.*",
            "dependencies": _lines(request, wheels),
        },
        "tool": {"uv": request.access.table()},
    }
    file = folder / "pyproject.toml"
    file.write_text(as_toml(document), encoding="utf-8")
    return file


def _lines(request: ResolutionRequest, wheels: Wheels) -> list[str]:
    """Return the requirements as texts of PEP 508, each once, sorted."""
    expanded = request.access.expanded
    return sorted({_line(each.dependency, wheels, expanded) for each in request.requirements})


def _line(dependency: Dependency, wheels: Wheels, expanded: Callable[[str], str]) -> str:
    """Return a requirement as a text of PEP 508; one with a source has the URL of its wheel."""
    source = dependency.source
    if source is None or isinstance(source, IndexSource):
        return dependency.requirement
    if isinstance(source, UrlSource):
        url = expanded(source.url)
    else:
        url = wheels[str(source)].file.as_uri()
    requirement = Requirement(dependency.requirement)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    marker = f" ; {requirement.marker}" if requirement.marker is not None else ""
    return f"{dependency.name}{extras} @ {url}{marker}"


def _limits(request: ResolutionRequest) -> tuple[str, ...]:
    """Return the constraints, each once, sorted; the worker's own requirements are among them."""
    worker = worker_facts().own.requirements
    return tuple(sorted({*worker, *(each.requirement for each in request.constraints)}))


def _with_indexes(request: ResolutionRequest, wheels: Wheels) -> tuple[str, ...]:
    """Return the lines of a requirements file for pip-tools: the indexes and the requirements."""
    settings = request.access.settings
    lines = ["--no-index"] if settings.no_index else []
    lines += ["--pre"] if ("prerelease", "allow") in settings.options else []
    lines += [f"--find-links {link}" for link in request.access.links()]
    lines += [f"--trusted-host {host}" for host in settings.insecure_hosts]
    for index in settings.indexes:
        lines.append(f"{'--index-url' if index.default else '--extra-index-url'} {index.url}")
    return (*lines, *_lines(request, wheels))


def _listed(file: Path, lines: Sequence[str]) -> Path:
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

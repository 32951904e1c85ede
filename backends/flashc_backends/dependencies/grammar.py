"""Find modules of packages that the workers' Python can't parse, and the imports that load them.

Ruff parses them: it knows the grammar of each Python, and takes a fifteenth of the time of `ast`.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from ruff import find_ruff_bin

from flashc_backends.base import Services
from flashc_core import rules
from flashc_core.graphs import reachable
from flashc_core.python_texts import parse_module
from flashc_core.source import WholeFile
from flashc_ir.imports.ast_imports import collect_certain_imports
from flashc_ir.modules import Origin

from .installed import InstalledDistribution, UnparsableModule
from .tools import DependencyError

_TIMEOUT = 600  # seconds
_ENDING = ".py"


class _Place(msgspec.Struct, frozen=True):
    """Where Ruff has found something."""

    row: int


class _Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What Ruff has found: a syntax error if `code` says so."""

    filename: str
    message: str
    code: str | None = None
    location: _Place | None = None


def with_unparsable_modules(
    distributions: Iterable[InstalledDistribution],
    target: Path,
    python_version: str,
    services: Services,
) -> list[InstalledDistribution]:
    """Return distributions that are installed below `target`, with their unparsable modules.

    Raises:
        DependencyError: Ruff can't be run; the finding is already reported.
    """
    problems = _problems(target, python_version, services)
    return [
        replace(each, unparsable=tuple(_unparsable(each, target, problems)))
        if any(file.path in problems for file in each.files)
        else each
        for each in distributions
    ]


def _problems(target: Path, python_version: str, services: Services) -> dict[str, str]:
    """Return the first syntax error of each module that can't be parsed, by its path.

    Raises:
        DependencyError: Ruff can't be run; the finding is already reported.
    """
    command = [
        *(find_ruff_bin(), "check", str(target), "--isolated", "--no-cache", "--exit-zero"),
        *("--target-version", f"py{python_version.replace('.', '')}", "--output-format", "json"),
        # One rule, about stubs only, so that nothing but syntax errors is found in modules.
        *("--select", "PYI066", "--no-respect-gitignore", "--no-force-exclude", "--quiet"),
        # Half of the code of large packages is in folders with tests, which no package imports.
        *("--config", 'exclude = ["tests"]', "--config", f'include = ["*{_ENDING}"]'),
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT, check=True)
        findings = msgspec.json.decode(done.stdout, type=list[_Finding])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError) as error:
        services.sink.report(
            rules.RESOLVER_FAILED,
            WholeFile("requirements.txt"),
            f"`ruff`, which parses the packages, can't be run: {type(error).__name__}",
        )
        raise DependencyError from error
    problems: dict[str, str] = {}
    for finding in findings:
        if finding.code in (None, "invalid-syntax") and finding.location is not None:
            path = Path(finding.filename).relative_to(target.resolve()).as_posix()
            problems.setdefault(path, f"{finding.message} (line {finding.location.row})")
    return problems


class _Modules(Struct, frozen=True):
    """The modules of a distribution by their dotted names; a `ModuleIndex`."""

    paths: Mapping[str, str]

    def has(self, name: str) -> bool:
        """Return whether the distribution has this module."""
        return name in self.paths

    def origin(self, name: str, members: Iterable[str] = ()) -> Origin:
        """Return whether the distribution has this module."""
        return Origin.PROJECT if name in self.paths else Origin.EXTERNAL


def _unparsable(
    distribution: InstalledDistribution, target: Path, problems: Mapping[str, str]
) -> Iterator[UnparsableModule]:
    """Yield the unparsable modules of a distribution, each with the modules that load it."""
    paths = {_name(f.path): f.path for f in distribution.files if f.path.endswith(_ENDING)}
    modules = _Modules(paths)
    importers: dict[str, set[str]] = {}
    for name, path in paths.items():
        for imported in {*_parents(name), *_imported(target / path, name, modules)}:
            importers.setdefault(imported, set()).add(name)
    for name, path in paths.items():
        if path in problems:
            loading = reachable([name], lambda each: importers.get(each, ()))
            yield UnparsableModule(path, problems[path], tuple(sorted(loading)))


def _name(path: str) -> str:
    """Return the dotted name of a module by its path."""
    return path.removesuffix(_ENDING).removesuffix("/__init__").replace("/", ".")


def _parents(name: str) -> Iterator[str]:
    """Yield the packages that Python imports before a module."""
    while name := name.rpartition(".")[0]:
        yield name


def _imported(path: Path, name: str, modules: _Modules) -> Iterator[str]:
    """Yield the modules of the same distribution that a module imports in any case."""
    try:
        text = path.read_text(encoding="utf-8")
        is_package, tree = path.name == "__init__.py", parse_module(text)
        imports = collect_certain_imports(tree, str(path), name, is_package, text, modules)
    except (OSError, UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for item in imports:
        yield from (each for each in item.modules() if each in modules.paths)

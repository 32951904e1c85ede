"""Compute a digest of what the workers of each endpoint hold; when the digest changes, the workers are replaced.

Workers hold the modules that their handler imports, directly or not, the other files that these modules may open, and
the packages that the endpoint needs.  The digest does not cover the endpoint's configuration, because the platform
compares configurations itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from flashc_backends.artifact.parts import Parts
from flashc_backends.base import MANIFEST_PATH, WORKER_REQUIREMENTS_PATH, Draft
from flashc_backends.files.runtime_files import PACKAGE
from flashc_core.encoding import decode
from flashc_core.graphs import reachable
from flashc_ir.artifact_paths import handler_path
from flashc_ir.endpoints import CodeEndpoint, modules_of
from flashc_ir.imports.ast_imports import collect_imports_ast
from flashc_ir.modules import Origin
from flashc_ir.program import Program
from flashc_ir.resources import Text

from .data_files import may_open, mentions_in, mentions_in_file, mentions_of

_EVERYTHING = "*"  # instead of a module's name: all modules of the artifact


class _Modules(Struct, frozen=True):
    """A `ModuleIndex` of the modules in an artifact, without those of its distributions."""

    names: frozenset[str]

    def has(self, name: str) -> bool:
        """Return whether the artifact has a module with this name."""
        return name in self.names

    def origin(self, name: str, members: Iterable[str] = ()) -> Origin:
        """Return `PROJECT` for the modules of the artifact, and `EXTERNAL` for all others."""
        top = name.partition(".")[0]
        return Origin.PROJECT if top in self.names else Origin.EXTERNAL


def contents_of(program: Program, parts: Parts) -> dict[str, str]:
    """Return the digest of what workers hold, by the resource of their endpoint.

    Raises:
        OSError: a file of the project can't be read.
    """
    drafts = {draft.path: draft for draft in parts.drafts}
    for path in (MANIFEST_PATH, WORKER_REQUIREMENTS_PATH):
        drafts.pop(path, None)
    modules = {_module_name(path): draft for path, draft in drafts.items() if path.endswith(".py")}
    index = _Modules(frozenset(modules))
    data = {path: draft for path, draft in drafts.items() if not path.endswith(".py")}

    def imported(name: str) -> list[str]:
        """Return the names of the modules that a module imports."""
        return [*modules] if name == _EVERYTHING else _imported(modules[name], name, index)

    found: dict[str, str] = {}
    for endpoint in program.code_endpoints:
        names = reachable(
            [name for name in _starts(endpoint) if name in modules],
            lambda name: [n for n in imported(name) if n == _EVERYTHING or n in modules],
        )
        held = [modules[name] for name in names if name != _EVERYTHING]
        opened = _opened(endpoint, held, data)
        found[endpoint.resource] = _digest([*held, *opened], _packages(parts, endpoint.resource))
    return found


def _opened(endpoint: CodeEndpoint, held: list[Draft], data: Mapping[str, Draft]) -> list[Draft]:
    """Return the files that the code of an endpoint may open, and the files that these files name."""
    own = [draft for draft in held if _is_of_user(draft, endpoint)]
    values = [part.text for part in _texts(endpoint)]
    starts = [mentions_in(values), *(mentions_of(draft.read()) for draft in own)]

    def named(path: str) -> list[str]:
        """Return the files that a file names."""
        content = data[path].content
        if isinstance(content, Path):
            return []  # the file is large, so it is not a list of files
        mentions = [mentions_in_file(content)]
        return [other for other in data if may_open(mentions, other)]

    names = reachable([path for path in data if may_open(starts, path)], named)
    return [data[name] for name in names]


def _texts(endpoint: CodeEndpoint) -> Iterator[Text]:
    """Yield the texts in an endpoint's environment variables."""
    for variable in endpoint.configuration.environment:
        yield from (part for part in variable.parts if isinstance(part, Text))


def _is_of_user(draft: Draft, endpoint: CodeEndpoint) -> bool:
    """Return whether a draft is neither the endpoint's handler nor a part of the runtime."""
    return draft.path != handler_path(endpoint) and not draft.path.startswith(f"{PACKAGE}/")


def _starts(endpoint: CodeEndpoint) -> Iterator[str]:
    """Yield the modules that a worker imports first: the handler, and the modules of the endpoint."""
    yield _module_name(handler_path(endpoint))
    for name in modules_of(endpoint):
        yield from _with_parents(name)


def _module_name(path: str) -> str:
    """Return the dotted name of a module; an import may be unable to name the module of a handler."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _with_parents(name: str) -> Iterator[str]:
    """Yield the names of a module's parent packages and its own."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def _imported(draft: Draft, name: str, index: _Modules) -> list[str]:
    """Return the names of the modules that the module in a draft imports."""
    content = draft.read()
    is_package = draft.path.endswith("/__init__.py")
    return list(_imports(draft.path, name, is_package, content, index))


@lru_cache(maxsize=4096)
def _imports(
    path: str, name: str, is_package: bool, content: bytes, index: _Modules
) -> tuple[str, ...]:
    """Return the names of the modules that a module imports; `_EVERYTHING` if they can't be known."""
    try:
        text, _ = decode(content)
        imports, problems = collect_imports_ast(path, name, is_package, text, index)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # The module's syntax may be newer than this Python.
        return (_EVERYTHING,)
    if any(problem.computed for problem in problems) and not path.startswith(f"{PACKAGE}/"):
        return (_EVERYTHING,)
    names = [
        each
        for item in imports
        if not item.typing_only
        for each in (*item.modules(), *(f"{item.module}.{n.name}" for n in item.names or ()))
    ]
    return tuple(dict.fromkeys(names))


def _packages(parts: Parts, resource: str) -> list[str]:
    """Return the requirements of the distributions that an endpoint needs."""
    roots: Mapping[str, tuple[str, ...]] = dict(parts.lock.endpoints)
    needed = parts.lock.needed_by(roots.get(resource, ()))
    return [entry.text for entry in parts.lock.entries if entry.name in needed]


def _digest(drafts: list[Draft], packages: list[str]) -> str:
    """Return the digest of drafts and packages, whatever their order."""
    total = hashlib.sha256()
    for draft in sorted(drafts, key=lambda draft: draft.path):
        total.update(f"{draft.path}\0{digest_of_draft(draft)}\0".encode())
    for text in sorted(packages):
        total.update(f"{text}\0".encode())
    return total.hexdigest()


def digest_of_draft(draft: Draft) -> str:
    """Return the SHA-256 of a draft's content in hex.

    Raises:
        OSError: the file to copy can't be read.
    """
    if isinstance(draft.content, Path) and draft.digest is not None:
        return draft.digest
    return hashlib.sha256(draft.read()).hexdigest()

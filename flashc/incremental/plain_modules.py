"""Get facts of modules that need no evaluation (imports, links to the SDK, the compiler's errors), from the cache or by parsing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from flashc.frontend.relevance import find_module_links, read_plain_module
from flashc.frontend.sdk_links import BoundLinks, ModuleLinks
from flashc.project.inputs import InputDigests, module_input
from flashc.project.parsing import PlainFacts, check_with_compiler
from flashc.project.workspace import Workspace
from flashc_core.cache import decoded, digest
from flashc_core.processes import on_all_processors
from flashc_ir.modules import Module

from .batches import batches
from .fingerprint import compiler_identity, project_index
from .memo import Memo

_T = TypeVar("_T")
# Bytes of source; for less, starting processes takes longer than it saves.
_MIN_PARALLEL_SIZE = 100_000


def read_plain_modules(workspace: Workspace, names: Sequence[str]) -> dict[str, Module]:
    """Return the modules of these names with their imports."""
    read = partial(read_plain_module, workspace.project)
    keys = dict.fromkeys(names, "")
    return _read(workspace, "imports", keys, read, list[Module], in_parallel=True)


def check_plain_modules(workspace: Workspace, names: Sequence[str]) -> dict[str, PlainFacts]:
    """Return what Python's compiler says of the modules of these names."""
    check = partial(check_with_compiler, workspace.project)
    keys = dict.fromkeys(names, "")
    return _read(workspace, "compiled", keys, check, list[PlainFacts], in_parallel=True)


def read_links(workspace: Workspace, bound: Mapping[str, BoundLinks]) -> dict[str, ModuleLinks]:
    """Return the links of modules, from what their imports bind."""
    keys = {name: each.key() for name, each in bound.items()}

    def read(name: str) -> ModuleLinks:
        """Find the links of one module."""
        return find_module_links(workspace.project, name, bound[name])

    # Links are read several times, and this process keeps the statements of each module.
    return _read(workspace, "links", keys, read, list[ModuleLinks], in_parallel=False)


def _read(
    workspace: Workspace,
    kind: str,
    keys: Mapping[str, str],
    read: Callable[[str], _T],
    stored: type[list[_T]],
    *,
    in_parallel: bool,
) -> dict[str, _T]:
    """Return what `read` returns for each of the modules.

    `keys` has for each module what its result depends on besides its text; `stored` is the type of a
    cache entry.  `in_parallel` says that other processes help if there is much source to read.
    """
    found: dict[str, _T] = {}
    if not keys:
        return found
    project = workspace.project
    digests = InputDigests(project, {})
    memo, index = Memo(workspace.cache, digests.digest), project_index(project)
    missing: list[tuple[str, list[str]]] = []
    for batch in batches((name,) for name in keys):
        members = [name for (name,) in batch]
        texts = (f"{name}\0{digests.digest(module_input(name))}\0{keys[name]}" for name in members)
        key = digest(kind, compiler_identity(), index, *texts)
        cached = decoded(memo.load(kind, key), stored)
        if cached is None or len(cached) != len(members):
            missing.append((key, members))
        else:
            found.update(zip(members, cached, strict=True))

    def size(name: str) -> int:
        """Return the bytes of a module."""
        return project.by_path[project.modules[name]].size

    names = [name for _, members in missing for name in members]
    names.sort(key=size, reverse=True)  # so that no processor begins the longest one at the end

    def read_one(number: int) -> bytes:
        """Return the encoded result of a module that is not in the cache."""
        return msgspec.msgpack.encode(read(names[number]))

    encoded: Iterator[bytes]
    if in_parallel and sum(map(size, names)) > _MIN_PARALLEL_SIZE:
        encoded = on_all_processors(read_one, len(names))
    else:
        encoded = map(read_one, range(len(names)))
    results = dict(zip(names, encoded, strict=True))
    for key, members in missing:
        data = msgspec.msgpack.encode([msgspec.Raw(results[name]) for name in members])
        memo.save(kind, key, (), data)
        found.update(zip(members, msgspec.msgpack.decode(data, type=stored), strict=True))
    return found

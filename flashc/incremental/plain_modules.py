"""Get the imports of modules that do not use the SDK, from the cache or by parsing the modules."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from flashc.frontend.relevance import read_plain_module
from flashc.project.inputs import InputDigests, module_input
from flashc.project.workspace import Workspace
from flashc_core.cache import digest
from flashc_ir.modules import Module

from .batches import batches
from .fingerprint import compiler_identity, project_index
from .memo import Memo

_KIND = "imports"


def read_plain_modules(workspace: Workspace, names: Sequence[str]) -> dict[str, Module]:
    """Return the modules of these names with their imports."""
    found: dict[str, Module] = {}
    if not names:
        return found
    project = workspace.project
    digests = InputDigests(project, {})
    memo, index = Memo(workspace.cache, digests.digest), project_index(project)
    for batch in batches((name,) for name in names):
        members = [name for (name,) in batch]
        texts = (f"{name}\0{digests.digest(module_input(name))}" for name in members)
        key = digest(_KIND, compiler_identity(), index, *texts)
        data = memo.load(_KIND, key)
        if data is not None:
            modules = msgspec.msgpack.decode(data, type=list[Module])
        else:
            modules = [read_plain_module(project, name) for name in members]
            memo.save(_KIND, key, (), msgspec.msgpack.encode(modules))
        found.update(zip(members, modules, strict=True))
    return found

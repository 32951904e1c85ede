"""Check that an artifact has the modules of flashc's runtime that its handlers need."""

from __future__ import annotations

from collections.abc import Iterator

from flashc_ir.modules import Import

from .contents import ArtifactContents

_RUNTIME = "_flashc"


def check_runtime(artifact: ArtifactContents) -> Iterator[tuple[str, str]]:
    """Yield (path, problem) for missing modules that handlers or other modules import at their top.

    A module that is only imported inside functions may be missing, because some apps can't need it.
    """
    for path in artifact.members:
        part = path.startswith(f"{_RUNTIME}/") and path.endswith(".py")
        if not part and path not in artifact.handlers:
            continue
        facts = artifact.facts(path)
        if facts.problem is not None:
            yield path, facts.problem
        for item in facts.imports:
            for needed in _needed_parts(item):
                if artifact.module_path(needed) is None:
                    yield path, f"it imports `{needed}`, which is not in the archive"


def _needed_parts(item: Import) -> list[str]:
    """Return the names of the runtime's modules that must be in the artifact for an import."""
    if item.scope or item.typing_only:
        return []
    if item.module == _RUNTIME:
        return [f"{_RUNTIME}.{name.name}" for name in item.names or ()]
    return [item.module] if item.module.startswith(f"{_RUNTIME}.") else []

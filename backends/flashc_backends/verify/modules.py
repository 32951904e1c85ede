"""Check an artifact's own modules: find what they define, and imports of missing modules."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

from packaging.version import InvalidVersion, Version

from flashc_ir.modules import Import, Origin
from flashc_ir.platform.distributions import distributions_of
from flashc_ir.platform.images import never_bundled
from flashc_ir.platform.worker_packages import worker_distributions

from .contents import ArtifactContents
from .facts import ModuleFacts


def read_modules(
    artifact: ArtifactContents,
) -> tuple[dict[str, ModuleFacts], list[tuple[str, str]]]:
    """Return the modules that the handlers import, directly or not, and (path, problem) pairs.

    Modules that can't be parsed are left out.  Such a module is a problem if a handler names it,
    unless its syntax may be newer than that of the Python that runs flashc.
    """
    problems: list[tuple[str, str]] = []
    third_party = _third_party(artifact)
    knows_syntax = _parser_knows_syntax_of(artifact.manifest.python_version)
    resources = artifact.manifest.resources.values()
    pending = [function.module for resource in resources for function in resource.functions]
    named = {name for path in artifact.handlers for name in artifact.facts(path).handler_modules}
    pending += named
    seen: set[str] = set()
    modules: dict[str, ModuleFacts] = {}
    while pending:
        name = pending.pop()
        path = artifact.module_path(name)
        if name in seen or path is None or path.split("/", 1)[0].removesuffix(".py") in third_party:
            continue
        seen.add(name)
        facts = artifact.facts(path)
        if facts.problem is not None:
            if name in named and facts.is_syntax_problem and (facts.never_parses or knows_syntax):
                problems.append((path, facts.problem))
            continue
        modules[path] = facts
        for item in facts.imports:
            pending += [item.module, *(f"{item.module}.{n.name}" for n in item.names or ())]
    return modules, problems


def _parser_knows_syntax_of(python_version: str) -> bool:
    """Return whether the Python that runs flashc knows all syntax of the workers' Python."""
    here = Version(f"{sys.version_info.major}.{sys.version_info.minor}")
    try:
        return Version(python_version) <= here
    except InvalidVersion:
        return False


def missing_imports(
    artifact: ArtifactContents, modules: Mapping[str, ModuleFacts]
) -> Iterator[tuple[str, Import]]:
    """Yield (path, import) for modules that are not in the artifact, image or standard library."""
    for path, module in modules.items():
        yield from ((path, item) for item in module.imports if is_missing(artifact, item))


def _third_party(artifact: ArtifactContents) -> frozenset[str]:
    """Return the top-level names of the distributions."""
    tops = (d.top_level for d in artifact.distributions.values())
    return frozenset(name for names in tops for name in names)


def is_missing(artifact: ArtifactContents, item: Import) -> bool:
    """Return whether the import is certain to fail on a worker."""
    if item.typing_only or item.guarded or item.origin is not Origin.EXTERNAL:
        return False
    names = set(distributions_of(item.module))
    if item.scope and names & artifact.left_to_others:
        return False  # used only by another endpoint's code in a shared module
    return not names & (worker_distributions() | never_bundled() | {"numpy"})

"""Find imports of an artifact's own modules with which a worker surely fails when it starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from flashc_backends.dependencies.installed import InstalledDistribution, UnparsableModule
from flashc_backends.manifest.manifest_model import ManifestResource
from flashc_ir.modules import Import
from flashc_ir.platform.images import Image, image_named
from flashc_ir.spelling import Spelling

from .contents import ArtifactContents
from .facts import ModuleFacts
from .modules import is_missing

ANOTHER_VERSION = "require another version of the package, or choose a newer Python for the workers"
# With these, a module may come from somewhere else than the artifact and the image.
_OTHER_SOURCES = re.compile(
    r"\bsys\s*\.\s*(?:path|modules|meta_path|path_hooks)\b|\bfrom\s+sys\s+import\b"
    r"|\baddsitedir\b|\bPYTHONPATH\b|\bpip\b|\bensurepip\b|\bimportlib\.abc\b"
)
# Modules that the standard library of some Python of workers has.
_REMOVED = frozenset(
    "aifc asynchat asyncore audioop binhex cgi cgitb chunk crypt distutils imghdr imp lib2to3 "
    "mailcap msilib nis nntplib ossaudiodev pipes smtpd sndhdr spwd sunau telnetlib uu "
    "xdrlib".split()
)


class FatalImport(Struct, frozen=True, kw_only=True):
    """An import that fails when a worker of a resource starts.

    `problem` says why, and `help` what to do.
    """

    path: str
    item: Import
    resource: str
    problem: str
    help: str


def fatal_imports(
    artifact: ArtifactContents, modules: Mapping[str, ModuleFacts], spelling: Spelling
) -> Iterator[FatalImport]:
    """Yield the imports with which workers fail, once for each module and import.

    A missing module stops a load balancer only: a queue worker tries to install it.
    """
    reported: set[tuple[str, str]] = set()
    unparsable = any(_unparsable(artifact))
    for handler in artifact.handlers:
        facts = artifact.facts(handler)
        name = facts.handler_of or ""
        resource = artifact.manifest.resources.get(name)
        if resource is None or not (resource.is_load_balanced or unparsable):
            continue
        started = _started(artifact, modules, facts.handler_modules)
        image = _known_image(artifact, resource, started)
        for path in started:
            for item in modules[path].certain_imports:
                problem, help = unparsable_problem(artifact, item), ANOTHER_VERSION
                if problem is None and image is not None and _lacks(artifact, image, item):
                    problem = f"neither the artifact nor `{image.name}` contains it"
                    where = spelling.packages()
                    help = f"add the package that installs `{item.module}` to {where}"
                if problem is not None and (path, item.module) not in reported:
                    reported.add((path, item.module))
                    yield FatalImport(
                        path=path, item=item, resource=name, problem=problem, help=help
                    )


def unparsable_problem(artifact: ArtifactContents, item: Import) -> str | None:
    """Return why the workers' Python can't parse a module that an import loads; None if it can."""
    python = artifact.manifest.python_version
    for distribution, module in _unparsable(artifact):
        if set(item.modules()) & set(module.loaded_by) or any(
            f"{item.module}.{each.name}" in module.loaded_by for each in item.names or ()
        ):
            return (
                f"Python {python} can't parse `{module.path}` of `{distribution.name}` "
                f"{distribution.version}: {module.problem}"
            )
    return None


def _unparsable(
    artifact: ArtifactContents,
) -> Iterator[tuple[InstalledDistribution, UnparsableModule]]:
    """Yield the modules of packages that the workers' Python can't parse."""
    for distribution in artifact.distributions.values():
        for module in distribution.unparsable:
            yield distribution, module


def _started(
    artifact: ArtifactContents, modules: Mapping[str, ModuleFacts], names: Iterable[str]
) -> dict[str, None]:
    """Return the paths of the own modules that a handler imports in any case, directly or not."""
    pending, found = list(names), dict[str, None]()
    while pending:
        path = artifact.module_path(pending.pop())
        if path is None or path in found or path not in modules:
            continue
        found[path] = None
        for item in modules[path].certain_imports:
            pending += [*item.modules(), *(f"{item.module}.{n.name}" for n in item.names or ())]
    return found


def _known_image(
    artifact: ArtifactContents, resource: ManifestResource, started: Mapping[str, None]
) -> Image | None:
    """Return the image of a load balancer if its workers have no modules from elsewhere.

    The result is None if they may have some: by a script or packages of the system, by variables, or
    by code that changes where Python looks for modules.
    """
    if not resource.is_load_balanced or resource.system_dependencies or resource.template:
        return None
    if "PYTHONPATH" in {**(resource.env or {}), **(resource.env_references or {})}:
        return None
    if any(_OTHER_SOURCES.search(artifact.text(path) or "") for path in started):
        return None
    return image_named(resource.image_name, artifact.manifest.python_version)


def _lacks(artifact: ArtifactContents, image: Image, item: Import) -> bool:
    """Return whether a module is surely neither in the artifact nor in an image."""
    top = item.module.partition(".")[0]
    return is_missing(artifact, item) and top not in image.modules | _REMOVED

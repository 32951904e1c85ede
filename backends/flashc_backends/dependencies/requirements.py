"""Collect the package requirements of all endpoints, without the packages of their images."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, structs
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flashc_backends.base import DependencyContext
from flashc_core.cache import digest
from flashc_core.files import tree_digest
from flashc_core.source import Location, WholeFile
from flashc_ir.platform.images import image_of, never_bundled, sdk_distributions
from flashc_ir.program import Program
from flashc_ir.requirements import Dependency, IndexSource, PathSource, ResolverSettings
from flashc_ir.spelling import Spelling

from .asked import RequestedRequirement
from .indexes import IndexAccess, index_access


class ResolutionRequest(Struct, frozen=True, kw_only=True):
    """The request to a resolver: requirements, constraints, and the distributions to leave out.

    A distribution that only a left-out distribution requires is left out too.  `allow_build` allows
    building a package without wheels from source, which runs the package's code on this machine.
    `only_direct` asks for no distributions but those of the requirements.  `settings` are those of
    the project, `access` the same for the resolver.  `trees` has the digests of the files and
    folders that requirements name, by path.  `of_images` are those of `excluded` that are left out
    because all images have them.  `spelling` is how the program writes what help asks for.
    """

    requirements: tuple[RequestedRequirement, ...]
    constraints: tuple[Dependency, ...]
    excluded: tuple[str, ...]
    python_version: str
    allow_build: bool = False
    only_direct: bool = False
    settings: ResolverSettings
    access: IndexAccess
    trees: tuple[tuple[str, str], ...] = ()
    of_images: tuple[str, ...] = ()
    spelling: Spelling = Spelling()

    @property
    def overridden(self) -> frozenset[str]:
        """The distributions whose versions the project decides, whatever others require."""
        names = (Requirement(text).name for text in self.settings.overrides)
        return frozenset(map(canonicalize_name, names))

    @property
    def sourced(self) -> frozenset[str]:
        """The distributions for which the project itself says where they come from."""
        found = (each.dependency for each in self.requirements)
        return frozenset(each.name for each in found if each.source is not None)

    def location_of(self, name: str) -> Location:
        """Return the location of the requirement for a distribution."""
        for each in self.requirements:
            if each.dependency.name == name:
                return each.dependency.span
        return WholeFile("requirements.txt")

    @property
    def lines(self) -> tuple[str, ...]:
        """The requirements as text for people, each once, sorted."""
        return tuple(sorted({str(r.dependency) for r in self.requirements}))

    @property
    def inputs(self) -> str:
        """A digest of everything that the resolution depends on, except what indexes contain.

        Parts that most projects do not have change the digest only where they are.
        """
        parts = [
            "\n".join(self.lines),
            "\n".join(sorted({d.requirement for d in self.constraints})),
            "\n".join(self.excluded),
        ]
        hashes = sorted(
            f"{d.requirement} {' '.join(d.hashes)}"
            for d in (*(r.dependency for r in self.requirements), *self.constraints)
            if d.hashes
        )
        settings = _without_spans(self.settings)
        parts += [f"hashes\n{hashes}"] if hashes else []
        parts += [f"settings\n{settings}"] if settings != _without_spans(ResolverSettings()) else []
        parts += [f"trees\n{self.trees}"] if self.trees else []
        parts += ["only direct"] if self.only_direct else []
        return digest(self.python_version, str(self.allow_build), *parts)

    def direct_requirements(self, endpoint: str) -> tuple[str, ...]:
        """Return the sorted names of the packages that an endpoint or the whole app asks for."""
        return tuple(
            sorted({r.dependency.name for r in self.requirements if r.endpoint in ("", endpoint)})
        )


def _without_spans(settings: ResolverSettings) -> str:
    """Return the settings as text without the locations of the indexes."""
    indexes = [(i.name, i.url, i.explicit, i.default) for i in settings.indexes]
    return repr((indexes, structs.replace(settings, indexes=())))


def collect_request(program: Program, context: DependencyContext) -> ResolutionRequest:
    """Return the request for the artifact that all endpoints share.

    Environment variables may choose images.

    Raises:
        DependencyError: a variable of an index is not set; the finding is already reported.
    """
    options, project = context.options, context.project
    excluded = {
        *never_bundled(),
        *sdk_distributions(),
        *(canonicalize_name(name) for name in options.exclude),
    }
    brings = "numpy" not in excluded and _images_bring_numpy(program, project.environment)
    of_images = ("numpy",) if brings else ()
    excluded.update(of_images)
    requirements = [RequestedRequirement(d, "") for d in program.requirements if not d.constraint]
    for endpoint in program.code_endpoints:
        requirements += [
            RequestedRequirement(d, endpoint.resource) for d in endpoint.configuration.dependencies
        ]
    chosen = tuple(r for r in requirements if r.dependency.name not in excluded)
    pins = {
        r.dependency.name: r.dependency.source.name
        for r in chosen
        if isinstance(r.dependency.source, IndexSource)
    }
    paths = {
        r.dependency.source.path for r in chosen if isinstance(r.dependency.source, PathSource)
    }
    paths |= {link for link in program.resolver.find_links if "://" not in link}
    return ResolutionRequest(
        requirements=chosen,
        constraints=tuple(
            d for d in program.requirements if d.constraint and d.name not in excluded
        ),
        excluded=tuple(sorted(excluded)),
        python_version=program.python_version,
        allow_build=options.allow_build,
        only_direct=options.no_deps,
        of_images=of_images,
        spelling=program.spelling,
        settings=program.resolver,
        access=index_access(
            program.resolver, pins, project.root, project.environment, context.services.sink
        ),
        trees=tuple((path, tree_digest(project.root / path)) for path in sorted(paths)),
    )


def _images_bring_numpy(program: Program, environ: Mapping[str, str]) -> bool:
    """Return whether all images contain numpy in a version that all requirements accept."""
    endpoints = list(program.code_endpoints)
    provided = [image_of(e, program.python_version, environ).find("numpy") for e in endpoints]
    asked = [
        *(d for d in program.requirements if not d.constraint),
        *(d for e in endpoints for d in e.configuration.dependencies),
    ]
    return bool(endpoints) and all(
        package is not None
        and all(
            package.satisfies(Requirement(d.requirement).specifier)
            for d in asked
            if d.name == package.name
        )
        for package in provided
    )

"""Collect the package requirements of all endpoints, without the packages of their images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flashc_backends.base import DependencyOptions
from flashc_core.cache import digest
from flashc_ir.endpoints import Dependency
from flashc_ir.platform.images import image_of, never_bundled, sdk_distributions
from flashc_ir.program import Program


@dataclass(frozen=True, slots=True)
class RequestedRequirement:
    """One requirement and the resource of the endpoint that asks for it; "" for the whole app."""

    dependency: Dependency
    endpoint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolutionRequest:
    """The request to a resolver: requirements, constraints, and the distributions to leave out.

    A distribution that only a left-out distribution requires is left out too.  `allow_build` allows
    building a package without wheels from source, which runs the package's code on this machine.
    """

    requirements: tuple[RequestedRequirement, ...]
    constraints: tuple[str, ...]
    excluded: tuple[str, ...]
    python_version: str
    allow_build: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """The requirements, each once, sorted."""
        return tuple(sorted({r.dependency.requirement for r in self.requirements}))

    @property
    def inputs(self) -> str:
        """A digest of everything that the resolution depends on, except the index."""
        parts = ("\n".join(part) for part in (self.lines, self.constraints, self.excluded))
        return digest(self.python_version, str(self.allow_build), *parts)

    def direct_requirements(self, endpoint: str) -> tuple[str, ...]:
        """Return the sorted names of the packages that an endpoint or the whole app asks for."""
        return tuple(
            sorted({r.dependency.name for r in self.requirements if r.endpoint in ("", endpoint)})
        )


def collect_request(
    program: Program, options: DependencyOptions, environ: Mapping[str, str]
) -> ResolutionRequest:
    """Return the request for the artifact that all endpoints share.

    `environ` are environment variables, which may choose images.
    """
    excluded = {
        *never_bundled(),
        *sdk_distributions(),
        *(canonicalize_name(name) for name in options.exclude),
    }
    if _images_bring_numpy(program, environ):
        excluded.add("numpy")
    requirements = [RequestedRequirement(d, "") for d in program.requirements if not d.constraint]
    for endpoint in program.code_endpoints():
        requirements += [
            RequestedRequirement(d, endpoint.resource) for d in endpoint.configuration.dependencies
        ]
    return ResolutionRequest(
        requirements=tuple(r for r in requirements if r.dependency.name not in excluded),
        constraints=tuple(sorted({d.requirement for d in program.requirements if d.constraint})),
        excluded=tuple(sorted(excluded)),
        python_version=program.python_version,
        allow_build=options.allow_build,
    )


def _images_bring_numpy(program: Program, environ: Mapping[str, str]) -> bool:
    """Return whether all images contain numpy in a version that all requirements accept."""
    endpoints = list(program.code_endpoints())
    provided = [image_of(e, program.python_version, environ).find("numpy") for e in endpoints]
    asked = [
        *program.requirements,
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

"""What endpoints and project ask for -> what is to be resolved, and what the images bring themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flashc_ir.images import NEVER_BUNDLED, SDK_DISTRIBUTIONS, image_of
from flashc_ir.program import Program


@dataclass(frozen=True, slots=True)
class Request:
    """What a resolver is asked: requirement lines, sorted, and the distributions to leave out.

    What only a left-out distribution needs is left out with it.
    """

    lines: tuple[str, ...]
    excluded: tuple[str, ...]
    python_version: str


def collect_request(
    program: Program, exclude: tuple[str, ...], environ: Mapping[str, str]
) -> Request:
    """The one request for the one artifact that all endpoints share."""
    excluded = {
        *NEVER_BUNDLED,
        *SDK_DISTRIBUTIONS,
        *(canonicalize_name(name) for name in exclude),
    }
    if _images_bring_numpy(program, environ):
        excluded.add("numpy")
    wanted = {d.requirement for d in program.requirements if d.name not in excluded}
    for endpoint in program.code_endpoints():
        for dependency in endpoint.configuration.dependencies:
            if dependency.name not in excluded:
                wanted.add(dependency.requirement)
    return Request(tuple(sorted(wanted)), tuple(sorted(excluded)), program.python_version)


def _images_bring_numpy(program: Program, environ: Mapping[str, str]) -> bool:
    """Every worker has numpy already, in a version that everybody who asks for it accepts."""
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

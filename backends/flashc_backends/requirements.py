"""What endpoints and project ask for -> what is to be resolved, and what the images bring themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flashc_ir import rules
from flashc_ir.diagnostics import Sink
from flashc_ir.program import CodeEndpoint, Dependency, Program

from .images import NEVER_BUNDLED, SDK_DISTRIBUTIONS, image_of


@dataclass(frozen=True, slots=True)
class Request:
    """What a resolver is asked: requirement lines, sorted, and the distributions to leave out.

    What only a left-out distribution needs is left out with it.
    """

    lines: tuple[str, ...]
    excluded: tuple[str, ...]
    python_version: str


def collect_request(
    program: Program, exclude: tuple[str, ...], environ: Mapping[str, str], sink: Sink
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
            if dependency.name in NEVER_BUNDLED:
                check_image(endpoint, dependency, program.python_version, environ, sink)
            elif dependency.name not in excluded:
                wanted.add(dependency.requirement)
    return Request(tuple(sorted(wanted)), tuple(sorted(excluded)), program.python_version)


def check_image(
    endpoint: CodeEndpoint,
    dependency: Dependency,
    python_version: str,
    environ: Mapping[str, str],
    sink: Sink,
) -> None:
    """A package that is never bundled has to be in the image, in a version that fits."""
    image = image_of(endpoint, python_version, environ)
    if image.packages is None:
        return
    provided = image.find(dependency.name)
    if provided is None:
        sink.report(
            rules.IMAGE_LACKS_PACKAGE,
            dependency.span,
            f"`{dependency.name}` is never bundled, and `{image.name}` is not known to have it",
            help=("use an endpoint whose image has it, or an image of your own (`image=...`)",),
        )
        return
    specifier = Requirement(dependency.requirement).specifier
    if not provided.satisfies(specifier):
        sink.report(
            rules.IMAGE_PIN_MISMATCH,
            dependency.span,
            f"`{image.name}` has {provided.name} {provided.version or 'in another version'}, "
            f"which is not `{specifier}`",
            notes=(f"known from: {provided.source}",),
            help=(f"ask for `{provided.name}` without a version, or use an image of your own",),
        )


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

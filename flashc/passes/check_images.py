"""Check the requirements that container images decide, such as torch, which is never bundled."""

from __future__ import annotations

from collections.abc import Mapping

from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.graphs import reachable
from flashc_ir.endpoints import CodeEndpoint, LoadBalanced, modules_of
from flashc_ir.platform.images import Image, ImagePackage, image_of, never_bundled
from flashc_ir.platform.worker_packages import started_packages
from flashc_ir.program import Program
from flashc_ir.requirements import Dependency

from .context import PassContext


def check_images(program: Program, context: PassContext) -> Program:
    """Report packages that are never bundled and that an image lacks or has in another version.

    If an environment variable chooses another image, its packages are unknown, so nothing is
    reported.
    """
    for endpoint in program.code_endpoints():
        for dependency in endpoint.configuration.dependencies:
            if dependency.name in never_bundled():
                check_image(
                    endpoint, dependency, program.python_version, context.environment, context.sink
                )
    _check_whole_app(program, context)
    _check_load_balancers(program, context)
    return program


def _check_whole_app(program: Program, context: PassContext) -> None:
    """Report the requirements of the whole app that an image lacks, once for all endpoints.

    A file of requirements is often for the whole repository.  So an image that lacks a package is
    reported only if the endpoint imports the package, and does not ask for it itself.
    """
    for dependency in program.requirements:
        if dependency.constraint or dependency.name not in never_bundled():
            continue
        for endpoint in program.code_endpoints():
            if any(d.name == dependency.name for d in endpoint.configuration.dependencies):
                continue  # the requirement of the endpoint was checked
            image = image_of(endpoint, program.python_version, context.environment)
            if image.packages is not None and image.find(dependency.name) is None:
                if not _imports(endpoint, dependency.name, program, context):
                    continue
            if check_image(
                endpoint, dependency, program.python_version, context.environment, context.sink
            ):
                break


def _imports(endpoint: CodeEndpoint, package: str, program: Program, context: PassContext) -> bool:
    """Return whether the modules of an endpoint import a package that is named like its module."""
    modules = reachable(modules_of(endpoint), context.imports(program).imported)
    return any(
        item.module.partition(".")[0] == package and not item.typing_only
        for name in modules
        if (module := program.module(name))
        for item in module.imports
    )


def _check_load_balancers(program: Program, context: PassContext) -> None:
    """Report versions that load balancers do not get, in one finding for each image.

    Their worker imports the packages that it needs itself before it unpacks the artifact.
    """
    whole_app = [each for each in program.requirements if not each.constraint]
    hidden: dict[Image, dict[Dependency, ImagePackage]] = {}
    for endpoint in program.code_endpoints():
        if not isinstance(endpoint, LoadBalanced):
            continue
        image = image_of(endpoint, program.python_version, context.environment)
        for dependency in (*whole_app, *endpoint.configuration.dependencies):
            provided = _hiding(dependency, image, program.python_version)
            if provided is not None:
                hidden.setdefault(image, {})[dependency] = provided
    for image, found in hidden.items():
        first, *others = found
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(each.name for each in found))
        context.sink.report(
            rules.IMAGE_PIN_MISMATCH,
            first.span,
            f"a load balancer imports {names} of `{image.name}` before the artifact is unpacked, "
            "and does not get the version that is asked for",
            label=_in_image(found[first]),
            secondary=tuple(Label(each.span, _in_image(found[each])) for each in others),
            help=("allow the image's version, or use a queue-based endpoint",),
        )


def _in_image(package: ImagePackage) -> str:
    """Return what an image has, as the remark at a requirement."""
    return f"the image has {package.shown()}"


def _hiding(dependency: Dependency, image: Image, python_version: str) -> ImagePackage | None:
    """Return the package of an image that hides that of the artifact, if its version is a wrong one."""
    provided = image.find(dependency.name)
    limits = any(character in dependency.requirement for character in "=<>~")
    if provided is None or not limits or dependency.name not in started_packages(python_version):
        return None
    from packaging.requirements import Requirement  # takes long to import

    return provided if provided.excludes(Requirement(dependency.requirement).specifier) else None


def check_image(
    endpoint: CodeEndpoint,
    dependency: Dependency,
    python_version: str,
    environ: Mapping[str, str],
    sink: Sink,
) -> bool:
    """Report a package that is never bundled if the image lacks it or has another version.

    The result is whether there was something to report.
    """
    image = image_of(endpoint, python_version, environ)
    if image.packages is None:
        return False
    provided = image.find(dependency.name)
    if provided is None:
        sink.report(
            rules.IMAGE_LACKS_PACKAGE,
            dependency.span,
            f"`{dependency.name}` is never bundled, and `{image.name}` is not known to have it",
            help=(
                f"use an endpoint whose image contains `{dependency.name}`, "
                "or an image of your own (`image=...`)",
            ),
        )
        return True
    from packaging.requirements import Requirement  # takes long to import

    specifier = Requirement(dependency.requirement).specifier
    if provided.satisfies(specifier):
        return False
    sink.report(
        rules.IMAGE_PIN_MISMATCH,
        dependency.span,
        f"`{image.name}` has {provided.name} {provided.version or 'in another version'}, "
        f"which is not `{specifier}`",
        notes=(f"source of this fact: {provided.source}",),
        help=(f"ask for `{provided.name}` without a version, or use your own image",),
    )
    return True

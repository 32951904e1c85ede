"""Check the requirements that container images decide, such as torch, which is never bundled."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct

from flashc_core import rules
from flashc_core.diagnostics import Label, Sink
from flashc_core.graphs import reachable
from flashc_core.source import Span
from flashc_ir.endpoints import CodeEndpoint, LoadBalanced, QueueClass, functions_of, modules_of
from flashc_ir.modules import Import
from flashc_ir.platform.images import Image, ImagePackage, image_of, never_bundled
from flashc_ir.platform.worker_packages import started_packages
from flashc_ir.program import Program
from flashc_ir.requirements import Dependency
from flashc_ir.spelling import Spelling, alternatives

from .context import PassContext


def check_images(program: Program, context: PassContext) -> Program:
    """Report packages that are never bundled and that an image lacks or has in another version.

    If an environment variable chooses another image, its packages are unknown, so nothing is
    reported.
    """
    for endpoint in program.code_endpoints:
        for dependency in endpoint.configuration.dependencies:
            if dependency.name in never_bundled():
                check_image(endpoint, dependency, program, context)
    _check_whole_app(program, context)
    _check_load_balancers(program, context)
    _check_functions(program, context)
    return program


def _check_whole_app(program: Program, context: PassContext) -> None:
    """Report the requirements of the whole app that an image lacks, once for all endpoints.

    A file of requirements is often for the whole repository.  So an image that lacks a package is
    reported only if the endpoint imports the package, and does not ask for it itself.
    """
    for dependency in program.requirements:
        if dependency.constraint or dependency.name not in never_bundled():
            continue
        for endpoint in program.code_endpoints:
            if any(d.name == dependency.name for d in endpoint.configuration.dependencies):
                continue  # the requirement of the endpoint was checked
            image = image_of(endpoint, program.python_version, context.environment)
            if image.packages is not None and image.find(dependency.name) is None:
                if not _imports(endpoint, dependency.name, program, context):
                    continue
            if check_image(endpoint, dependency, program, context):
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
    for endpoint in program.code_endpoints:
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


def _check_functions(program: Program, context: PassContext) -> None:
    """Report what functions import although nothing brings it to a worker that runs them.

    An import in the function of an endpoint is reported if the worker of that endpoint lacks the
    package; one in another function, if all workers do that import its module.  An import at the top of
    a module is not reported, because a queue-based worker may install what it lacks when it starts.
    """
    runners = _Runners(program, context)
    reported: set[tuple[str, str, str]] = set()
    for module, item in _imports_in_functions(program):
        package = item.module.partition(".")[0]
        running = runners.of_function(module, item.scope)
        among = running or runners.by_module.get(module, [])
        images = [
            None
            if runners.installs_at_start(package, each)
            else _image_without(package, each, program, context)
            for each in among
        ]
        lacking = [(i, e) for i, e in zip(images, among, strict=True) if i is not None]
        is_certain = bool(running) or len(lacking) == len(images)
        if lacking and is_certain and (module, item.scope, package) not in reported:
            reported.add((module, item.scope, package))
            (image, _), *_ = lacking
            spelling = program.spelling_of(*(endpoint for _, endpoint in lacking))
            _report_lacking(package, item.span, image, spelling, context.sink)


class _Runners(Struct, frozen=True, eq=False, dict=True):
    """Tells which endpoints run a function."""

    program: Program
    context: PassContext

    @cached_property
    def by_module(self) -> dict[str, list[CodeEndpoint]]:
        """The endpoints whose workers import a module."""
        found: dict[str, list[CodeEndpoint]] = {}
        imported = self.context.imports(self.program).imported
        for endpoint in self.program.code_endpoints:
            for module in reachable(modules_of(endpoint), imported):
                found.setdefault(module, []).append(endpoint)
        return found

    @cached_property
    def _places(self) -> dict[str, list[tuple[str, CodeEndpoint]]]:
        """The functions and classes of endpoints by module, with the endpoint."""
        found: dict[str, list[tuple[str, CodeEndpoint]]] = {}
        for endpoint in self.program.code_endpoints:
            places = {(each.module, each.qualname) for each in functions_of(endpoint)}
            if isinstance(endpoint, QueueClass):
                places.add((endpoint.module, endpoint.qualname))
            for module, qualname in sorted(places):
                found.setdefault(module, []).append((qualname, endpoint))
        return found

    def of_function(self, module: str, scope: str) -> list[CodeEndpoint]:
        """Return the endpoints whose function or class contains a scope; none for a function that others call."""
        places = self._places.get(module, ())
        return [each for qualname, each in places if f"{scope}.".startswith(f"{qualname}.")]

    def installs_at_start(self, package: str, endpoint: CodeEndpoint) -> bool:
        """Return whether the worker of an endpoint installs a package before it runs a function.

        A queue-based worker does so if importing its modules fails because the package is missing.
        """
        imported = self.context.imports(self.program).imported_at_start
        return not isinstance(endpoint, LoadBalanced) and any(
            item.module.partition(".")[0] == package
            and not (item.scope or item.typing_only or item.guarded)
            for name in reachable(modules_of(endpoint), imported)
            if (module := self.program.module(name))
            for item in module.imports
        )


def _imports_in_functions(program: Program) -> Iterator[tuple[str, Import]]:
    """Yield the imports of what is never bundled in the functions of worker modules, with the module.

    Modules that install packages themselves are left out.
    """
    for module in map(program.module, program.worker_modules):
        if module is not None and not module.installs:
            for item in module.imports:
                is_needed = item.scope and not (item.typing_only or item.guarded)
                if is_needed and item.module.partition(".")[0] in never_bundled():
                    yield module.name, item


def _image_without(
    package: str, endpoint: CodeEndpoint, program: Program, context: PassContext
) -> Image | None:
    """Return the image of an endpoint if it lacks a package that the app does not ask for; None otherwise.

    What is asked for is reported where it is asked for.
    """
    asked = (*program.requirements, *endpoint.configuration.dependencies)
    image = image_of(endpoint, program.python_version, context.environment)
    is_asked_for = any(each.name == package and not each.constraint for each in asked)
    if is_asked_for or image.packages is None or image.find(package) is not None:
        return None
    return image


def _report_lacking(package: str, span: Span, image: Image, spelling: Spelling, sink: Sink) -> None:
    """Report that an image is not known to have a package, where the package is asked for."""
    sink.report(
        rules.IMAGE_LACKS_PACKAGE,
        span,
        f"`{package}` is never bundled, and `{image.name}` is not known to have it",
        help=alternatives(
            f"use an endpoint whose image contains `{package}`",
            spelling.image and f"an image of your own (`{spelling.image}=...`)",
        ),
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
    program: Program,
    context: PassContext,
) -> bool:
    """Report a package that is never bundled if the image lacks it or has another version.

    The result is whether there was something to report.
    """
    image, sink = image_of(endpoint, program.python_version, context.environment), context.sink
    if image.packages is None:
        return False
    provided = image.find(dependency.name)
    if provided is None:
        spelling = program.spelling_of(endpoint)
        _report_lacking(dependency.name, dependency.span, image, spelling, sink)
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

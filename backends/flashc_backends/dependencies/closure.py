"""Check that workers have everything that the bundled packages require."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct
from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.packaging_texts import parse_requirement
from flashc_ir.endpoints import CodeEndpoint, LoadBalanced
from flashc_ir.platform.images import Image, image_of, never_bundled, sdk_distributions
from flashc_ir.platform.markers import evaluate_marker, worker_environment
from flashc_ir.platform.worker_packages import started_packages
from flashc_ir.program import Program

from .installed import InstalledDistribution
from .lock import Lock
from .requirements import ResolutionRequest
from .worker_conflicts import check_worker_conflicts


class _Need(Struct, frozen=True):
    """A requirement of a bundled distribution: who requires it, its name, and its text."""

    requirer: str
    name: str
    requirement: Requirement

    def __str__(self) -> str:
        """Return the requirement without its marker."""
        return f"{self.name}{self.requirement.specifier}"


class _Unmet(Struct, frozen=True, kw_only=True):
    """A requirement that workers do not meet.

    `why` says why the artifact does not meet it, `problem` why the image does not.
    """

    need: _Need
    why: str
    problem: str
    help: str


def check_closure(
    program: Program,
    request: ResolutionRequest,
    lock: Lock,
    distributions: Sequence[InstalledDistribution],
    environ: Mapping[str, str],
    sink: Sink,
) -> None:
    """Report requirements that neither the artifact nor the image meets, each once.

    Also report bundled packages in versions that the worker can't start with.  Of images that the
    user chose, only what the worker itself needs is known.
    """
    by_name = {each.name: each for each in distributions}
    images = {e.resource: _image(e, program, environ) for e in program.code_endpoints}
    check_worker_conflicts(images.values(), request, lock, by_name, sink)
    if not distributions:
        return
    _check_excluded(program, request, images, sink)
    groups: dict[tuple[str, str, str], list[_Unmet]] = {}
    seen: set[tuple[str, str]] = set()
    for endpoint in program.code_endpoints:
        for need in _needs(endpoint, request, by_name):
            unmet = _unmet(need, images[endpoint.resource], endpoint, request, by_name)
            if unmet is not None and (need.requirer, str(need)) not in seen:
                seen.add((need.requirer, str(need)))
                groups.setdefault((need.requirer, unmet.why, unmet.problem), []).append(unmet)
    for group in groups.values():
        _report(group, request, lock, sink)


def _check_excluded(
    program: Program, request: ResolutionRequest, images: Mapping[str, Image], sink: Sink
) -> None:
    """Report requirements of the app that `--exclude` leaves out and that an image does not meet."""
    left_out = {*request.excluded} - never_bundled() - sdk_distributions() - {*request.of_images}
    whole_app = [each for each in program.requirements if not each.constraint]
    for endpoint in program.code_endpoints:
        image = images[endpoint.resource]
        for each in (*whole_app, *endpoint.configuration.dependencies):
            provided = image.find(each.name)
            if each.name not in left_out or image.packages is None:
                continue
            if provided is None:
                problem = "is not known to have it"
            elif provided.excludes(Requirement(each.requirement).specifier):
                problem = f"has {provided.shown()}"
            else:
                continue
            sink.report(
                rules.UNMET_REQUIREMENT,
                each.span,
                f"`--exclude` leaves `{each.name}` out, and `{image.name}` {problem}",
                help=(f"do not exclude `{each.name}`, or use an image that has it",),
            )


def _image(endpoint: CodeEndpoint, program: Program, environ: Mapping[str, str]) -> Image:
    """Return the image of an endpoint."""
    return image_of(endpoint, program.python_version, environ)


def _needs(
    endpoint: CodeEndpoint,
    request: ResolutionRequest,
    by_name: Mapping[str, InstalledDistribution],
) -> Iterator[_Need]:
    """Yield what the distributions that an endpoint needs require, with the extras asked for."""
    environment = worker_environment(request.python_version)
    extras: dict[str, set[str]] = {}
    pending: list[str] = []
    for each in request.requirements:
        if each.endpoint in ("", endpoint.resource):
            asked = Requirement(each.dependency.requirement).extras
            extras.setdefault(each.dependency.name, set()).update(asked)
            pending.append(each.dependency.name)
    done: set[tuple[str, str]] = set()
    while pending:
        name = pending.pop()
        if name not in by_name:
            continue
        for extra in ("", *sorted(extras.get(name, ()))):
            if (name, extra) in done:
                continue
            done.add((name, extra))
            for text in by_name[name].requires:
                requirement = _required(text, {**environment, "extra": extra})
                if requirement is None:
                    continue
                target = canonicalize_name(requirement.name)
                extras.setdefault(target, set()).update(requirement.extras)
                pending.append(target)
                if target != name:  # an extra that only chooses other extras
                    yield _Need(name, target, requirement)


def _required(text: str, environment: Mapping[str, str]) -> Requirement | None:
    """Return the requirement in a line of metadata; None if its marker does not hold.

    A line in an old form holds nowhere: pip ignores it too.
    """
    try:
        requirement = parse_requirement(text)
        marker = requirement.marker
        holds = marker is None or evaluate_marker(marker, environment)
    except (InvalidRequirement, InvalidMarker):
        return None
    return requirement if holds else None


def _unmet(
    need: _Need,
    image: Image,
    endpoint: CodeEndpoint,
    request: ResolutionRequest,
    by_name: Mapping[str, InstalledDistribution],
) -> _Unmet | None:
    """Return why a worker does not meet a requirement; None if it does, or if that is not known."""
    bundled, specifier = by_name.get(need.name), need.requirement.specifier
    if need.name in request.overridden:
        return None
    provided = image.find(need.name)
    if bundled is not None:
        if not _accepts(need.requirement, bundled.version):
            help = f"require versions of `{need.requirer}` and `{need.name}` that fit each other"
            return _Unmet(
                need=need, why="", problem=f"the artifact has {bundled.version}", help=help
            )
        hidden = isinstance(endpoint, LoadBalanced) and need.name in started_packages(
            request.python_version
        )
        if hidden and provided is not None and provided.excludes(specifier):
            why = "which a load balancer takes from its image"
            help = f"use a version of `{need.requirer}` that accepts the image's `{need.name}`"
            return _Unmet(
                need=need, why=why, problem=f"`{image.name}` has {provided.shown()}", help=help
            )
        return None
    if image.packages is None or (provided is not None and provided.satisfies(specifier)):
        return None
    why, help = _why_not_bundled(need, request)
    if provided is None:
        return _Unmet(
            need=need, why=why, problem=f"`{image.name}` is not known to have it", help=help
        )
    return _Unmet(need=need, why=why, problem=f"`{image.name}` has {provided.shown()}", help=help)


def _accepts(requirement: Requirement, version: str) -> bool:
    """Return whether a requirement accepts the version of a bundled distribution."""
    if requirement.url is not None:
        return True
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:  # the name of the folder with the metadata is not of the usual form
        return True


def _why_not_bundled(need: _Need, request: ResolutionRequest) -> tuple[str, str]:
    """Return why the artifact does not have a distribution, and what to do about it."""
    if need.name in never_bundled() | sdk_distributions():
        return "which is never bundled", (
            f"use an endpoint whose image contains `{need.name}`, or another version of "
            f"`{need.requirer}`"
        )
    where = request.spelling.packages()
    if need.name in request.of_images:
        return "which is not bundled because the images have it", (
            f'add `"{need}"` to {where}; then the artifact brings it'
        )
    if need.name in request.excluded:
        return "which `--exclude` leaves out", f"do not exclude `{need.name}`"
    if request.only_direct:
        return "which `--no-deps` leaves out", (
            f'add `"{need}"` to {where}, or build without `--no-deps`'
        )
    return "which is not in the artifact", f'add `"{need}"` to {where}'


def _report(group: Sequence[_Unmet], request: ResolutionRequest, lock: Lock, sink: Sink) -> None:
    """Report unmet requirements of one distribution, at the requirement that leads to it."""
    first = group[0]
    requirer = first.need.requirer
    chain = lock.chain(requirer) or (requirer,)
    needed = ", ".join(f"`{each.need}`" for each in group)
    parts = [f"`{requirer}` requires {needed}", first.why, f"and {first.problem}"]
    if len(group) > 1:
        parts[2] = parts[2].replace("is not known to have it", "is not known to have them")
    whole = (*chain, ", ".join(each.need.name for each in group))
    sink.report(
        rules.UNMET_REQUIREMENT,
        request.location_of(chain[0]),
        ", ".join(part for part in parts if part),
        notes=(f"required by {' -> '.join(whole)}",) if len(whole) > 2 else (),
        help=tuple(dict.fromkeys(each.help for each in group)),
    )

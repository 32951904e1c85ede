"""Check that workers have everything that the bundled packages require."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import Location, WholeFile
from flashc_ir.endpoints import CodeEndpoint
from flashc_ir.platform.images import Image, image_of, never_bundled
from flashc_ir.platform.markers import worker_environment
from flashc_ir.platform.worker_packages import WORKER, needs_of_worker
from flashc_ir.program import Program

from .installed import InstalledDistribution
from .lock import Lock
from .requirements import ResolutionRequest


@dataclass(frozen=True, slots=True)
class _Need:
    """A requirement of a bundled distribution: who requires it, its name, and its text."""

    requirer: str
    name: str
    requirement: Requirement


def check_closure(
    program: Program,
    request: ResolutionRequest,
    lock: Lock,
    distributions: Sequence[InstalledDistribution],
    environ: Mapping[str, str],
    sink: Sink,
) -> None:
    """Report requirements that neither the artifact nor the image meets, each once.

    Also report bundled packages in versions that the worker can't start with.  Nothing is reported
    about images that the user chose, because their packages are not known.
    """
    by_name = {each.name: each for each in distributions}
    _check_worker(request, lock, by_name, sink)
    reported: set[tuple[str, str]] = set()
    for endpoint in program.code_endpoints():
        image = image_of(endpoint, program.python_version, environ)
        if image.packages is None:
            continue
        for need in _needs(endpoint, request, lock, by_name):
            if need.name not in never_bundled() or (need.requirer, need.name) in reported:
                continue
            problem = _problem(need, image)
            if problem is not None:
                reported.add((need.requirer, need.name))
                _report(need, problem, request, lock, sink)


def _needs(
    endpoint: CodeEndpoint,
    request: ResolutionRequest,
    lock: Lock,
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
                try:
                    requirement = Requirement(text)
                except InvalidRequirement:  # an old form in the metadata, which pip ignores too
                    continue
                marker = requirement.marker
                if marker is not None and not marker.evaluate({**environment, "extra": extra}):
                    continue
                target = canonicalize_name(requirement.name)
                extras.setdefault(target, set()).update(requirement.extras)
                pending.append(target)
                yield _Need(name, target, requirement)


def _problem(need: _Need, image: Image) -> str | None:
    """Return why an image does not meet a requirement; None if it does."""
    provided = image.find(need.name)
    if provided is None:
        return f"`{image.name}` is not known to have it"
    if provided.satisfies(need.requirement.specifier):
        return None
    return f"`{image.name}` has {provided.version or 'another version'}"


def _report(need: _Need, problem: str, request: ResolutionRequest, lock: Lock, sink: Sink) -> None:
    """Report a requirement that the image does not meet, at the requirement that leads to it."""
    chain = (*lock.chain(need.requirer), need.name)
    specifier = str(need.requirement.specifier)
    sink.report(
        rules.UNMET_REQUIREMENT,
        _location(chain[0], request),
        f"`{need.requirer}` requires `{need.name}{specifier}`, which is never bundled, and {problem}",
        notes=(f"required by {' -> '.join(chain)}",) if len(chain) > 2 else (),
        help=(
            f"use an endpoint whose image contains `{need.name}`, or another version of "
            f"`{need.requirer}`",
        ),
    )


def _check_worker(
    request: ResolutionRequest,
    lock: Lock,
    by_name: Mapping[str, InstalledDistribution],
    sink: Sink,
) -> None:
    """Report bundled packages in versions that the worker can't start with, each once."""
    reported: set[str] = set()
    for who, name, needed in needs_of_worker(by_name.keys()):
        found = by_name.get(name)
        if found is None or name in reported or needed.contains(found.version, prereleases=True):
            continue
        reported.add(name)
        chain = lock.chain(name) or (name,)
        itself = "the worker itself" if who == WORKER else f"`{who}` of the worker"
        sink.report(
            rules.WORKER_PACKAGE_CONFLICT,
            _location(chain[0], request),
            f"`{name}` {found.version} would replace the worker's, and {itself} needs "
            f"`{name}{needed}`",
            notes=(f"required by {' -> '.join(chain)}",) if len(chain) > 1 else (),
            help=(f"require `{name}{needed}`, and other packages in versions that accept it",),
        )


def _location(name: str, request: ResolutionRequest) -> Location:
    """Return the location of the requirement for a distribution."""
    for each in request.requirements:
        if each.dependency.name == name:
            return each.dependency.span
    return WholeFile("requirements.txt")

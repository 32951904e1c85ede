"""Check that the artifact bundles no package in a version that the worker's packages refuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_ir.platform.images import Image, sdk_distributions
from flashc_ir.platform.worker_packages import WORKER, WorkerNeed

from .installed import InstalledDistribution
from .lock import Lock
from .requirements import ResolutionRequest


class _Conflict(Struct, frozen=True):
    """A bundled package that a package of the image refuses.

    `is_certain` means that every known release of the image refuses the version.
    """

    need: WorkerNeed
    found: InstalledDistribution
    is_certain: bool

    @property
    def is_fatal(self) -> bool:
        """Whether a worker can't start: it imports the package when it starts."""
        return self.is_certain and self.need.at_start


def check_worker_conflicts(
    images: Iterable[Image],
    request: ResolutionRequest,
    lock: Lock,
    by_name: Mapping[str, InstalledDistribution],
    sink: Sink,
) -> None:
    """Report bundled packages in versions that the worker or its packages refuse, once each."""
    if not by_name:
        return
    distinct = {(image.name, image.packages is None): image for image in images}.values()
    needs = {(n.who, n.name): n for image in distinct for n in image.needs(request.python_version)}
    reported: set[str] = set()
    found = _conflicts(needs.values(), by_name)
    for conflict in sorted(found, key=lambda each: (not each.is_fatal, not each.need.at_start)):
        if conflict.found.name not in reported:
            reported.add(conflict.found.name)
            _report(conflict, request, lock, sink)


def _conflicts(
    needs: Iterable[WorkerNeed], by_name: Mapping[str, InstalledDistribution]
) -> Iterator[_Conflict]:
    """Yield the bundled packages in versions that packages of the worker image refuse.

    If the artifact bundles a package of the image, the needs of the image's version are not checked.
    Only needs of packages that the worker imports at its start, and of the SDK, are checked.  A need
    of the first kind is also reported if only the oldest known version of the package refuses the
    bundled one, because an image with that version exists.  If only newer versions refuse it, nothing
    is reported.
    """
    for need in needs:
        found = by_name.get(need.name)
        matters = need.at_start or need.who in sdk_distributions()
        if found is None or need.who in by_name or not matters:
            continue
        accepting = [spec.contains(found.version, prereleases=True) for _, spec in need.ranges]
        is_certain = need.always and not any(accepting)
        if is_certain or (need.at_start and not accepting[0]):
            yield _Conflict(need, found, is_certain)


def _report(conflict: _Conflict, request: ResolutionRequest, lock: Lock, sink: Sink) -> None:
    """Report one conflict, at the requirement that leads to the package."""
    need, found = conflict.need, conflict.found
    version, needed = need.ranges[0]
    chain = lock.chain(found.name) or (found.name,)
    if need.who == WORKER:
        itself = "the worker itself"
    else:
        image = "the worker image" if conflict.is_certain else "the oldest known worker image"
        itself = f"`{need.who}` {version} of {image}"
    help = f"require `{found.name}{needed}`, and other packages in versions that accept it"
    pair = f"or require `{need.who}` too, so that the artifact has versions of both that fit"
    may_replace_both = need.at_start and need.who != WORKER
    sink.report(
        rules.WORKER_PACKAGE_CONFLICT if conflict.is_fatal else rules.UNMET_REQUIREMENT,
        request.location_of(chain[0]),
        f"`{found.name}` {found.version} would replace the version in the worker's image, but {itself} needs "
        f"`{found.name}{needed}`",
        notes=(f"required by {' -> '.join(chain)}",) if len(chain) > 1 else (),
        help=(help, pair) if may_replace_both else (help,),
    )

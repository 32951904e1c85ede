"""Get an app's lock and compressed packages: from `flash.lock`, the cache or the package index."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from flashc_backends.archive import LIMIT, archive_mtime
from flashc_backends.base import RESOLUTION_MAX_AGE, DependencyContext
from flashc_core import rules
from flashc_core.cache import digest
from flashc_core.files import LOCK_FILE
from flashc_core.source import WholeFile
from flashc_ir.program import Program

from .layers import Layer, make_layers
from .lock import InvalidLock, Lock, Locked, read, render
from .requirements import ResolutionRequest
from .resolvers import resolver_named
from .tools import DependencyError
from .wheels import wheel_sizes

# The environment variables that say where distributions come from.
_INDEX_VARIABLES = tuple(
    "UV_INDEX UV_DEFAULT_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_CONFIG_FILE "
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_CONFIG_FILE".split()
)
# Wheels are compressed more: a layer is at least as large as its wheel divided by this factor.
_WHEEL_MARGIN = 1.1


def lock_of(program: Program, request: ResolutionRequest, context: DependencyContext) -> Lock:
    """Return the lock: that of `flash.lock` if it is current, else a new one, cached for a day.

    Raises:
        DependencyError: the requirements can't be resolved; the finding is already reported.
    """
    if context.options.no_deps or not request.lines:
        return Lock(inputs=request.inputs, python_version=request.python_version, entries=())
    written = read_lock(context)
    if written is not None and written.inputs == request.inputs:
        return written
    if context.options.locked or written is not None:
        report_stale(written, context)
    return resolve(program, request, context)


def resolve(
    program: Program,
    request: ResolutionRequest,
    context: DependencyContext,
    *,
    upgrade: bool = False,
) -> Lock:
    """Resolve `request`.

    Versions of `flash.lock` are kept if they still fit, unless `upgrade` is true.

    Raises:
        DependencyError: the requirements can't be resolved; the finding is already reported.
    """
    services, resolver = context.services, context.options.resolver
    written = None if upgrade else read_lock(context)
    previous = "" if written is None else written.requirements
    key = digest(resolver, request.inputs, previous, *_index(context.project.environment))
    cached = None if upgrade else services.cache.read("locks", key, oldest=RESOLUTION_MAX_AGE)
    known = _cached_entries(cached)
    if known is None:
        services.progress.start(f"resolving {len(request.lines)} requirements")
        entries = resolver_named(resolver).resolve(request, previous, services)
    else:
        entries = known
    lock = Lock(
        inputs=request.inputs,
        python_version=request.python_version,
        entries=entries,
        endpoints=tuple(
            (e.resource, request.direct_requirements(e.resource)) for e in program.code_endpoints()
        ),
    )
    if known is None:  # a cached one keeps its age
        services.cache.write("locks", key, render(lock).encode())
    return lock


def _cached_entries(data: bytes | None) -> tuple[Locked, ...] | None:
    """Return the entries of a cached lock; None if there is none or it can't be read."""
    try:
        return read(data.decode()).entries if data is not None else None
    except (UnicodeDecodeError, InvalidLock):
        return None


def read_lock(context: DependencyContext) -> Lock | None:
    """Return the project's `flash.lock`; None if it is missing or unreadable."""
    file = context.project.root / LOCK_FILE
    try:
        return read(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (OSError, UnicodeDecodeError, InvalidLock) as error:
        context.services.sink.report(
            rules.STALE_LOCK,
            WholeFile(LOCK_FILE),
            f"`{LOCK_FILE}` can't be used: {error}",
            help=("write it again with `flashc lock`",),
        )
        return None


def report_stale(written: Lock | None, context: DependencyContext) -> None:
    """Report that the lock is missing or stale: an error if it must not change, else a warning.

    Raises:
        DependencyError: the lock must not change.
    """
    if written is None:
        message = f"there is no `{LOCK_FILE}`"
    else:
        message = f"the app's requirements have changed since `{LOCK_FILE}` was written"
    context.services.sink.report(
        rules.LOCK_REFUSED if context.options.locked else rules.STALE_LOCK,
        WholeFile(LOCK_FILE),
        message,
        help=("run `flashc lock`",),
    )
    if context.options.locked:
        raise DependencyError


def _index(environ: Mapping[str, str]) -> list[str]:
    """Return the environment variables that choose the package index, with their values."""
    return [f"{name}={environ.get(name, '')}" for name in _INDEX_VARIABLES]


def layers_of(
    lock: Lock, context: DependencyContext, scratch: Path, *, forecast: bool = False
) -> list[Layer]:
    """Return the lock's distributions as layers, installing those that are not cached.

    They are installed below `scratch`.

    `forecast`: refuse packages that can't fit into an artifact before they are downloaded.

    Raises:
        DependencyError: a package can't be installed; the finding is already reported.
    """
    if not lock.entries:
        return []
    return make_layers(
        lock,
        archive_mtime(context.project.environment),
        context.services,
        scratch,
        allow_build=context.options.allow_build,
        before_install=partial(check_wheel_sizes, lock, context) if forecast else lambda: None,
    )


def check_wheel_sizes(lock: Lock, context: DependencyContext) -> None:
    """Check that the wheels can fit into an artifact, by the sizes that the index tells.

    Nothing is downloaded for this check.

    Raises:
        DependencyError: the wheels are too large; the finding is already reported.
    """
    sizes = wheel_sizes(lock, context.options, context.services)
    total = sum(sizes.values())
    if total <= LIMIT * _WHEEL_MARGIN:
        return
    largest = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:5]
    context.services.sink.report(
        rules.ARTIFACT_TOO_LARGE,
        WholeFile(LOCK_FILE),
        f"the wheels of the dependencies alone have {total / 1024**2:,.0f} MiB; the limit is "
        f"{LIMIT / 1024**2:,.0f}",
        notes=(
            *(f"{name}: {sizes[name] / 1024**2:,.0f} MiB" for name in largest),
            "nothing was downloaded; the package index reports the sizes",
        ),
        help=(
            "leave out packages that the image contains with `--exclude`, or load data from a volume",
        ),
    )
    raise DependencyError

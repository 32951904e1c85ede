"""Get an app's lock and compressed packages: from `flash.lock`, the cache or the package index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from flashc_backends.archive import LIMIT, archive_mtime
from flashc_backends.base import RESOLUTION_MAX_AGE, DependencyContext
from flashc_core import rules
from flashc_core.cache import digest
from flashc_core.diagnostics import Sink
from flashc_core.files import LOCK_FILE, real_path
from flashc_core.source import WholeFile
from flashc_core.temporary import temporary_folder
from flashc_ir.platform.worker_packages import worker_facts
from flashc_ir.program import Program
from flashc_ir.requirements import GitSource, PathSource, UrlSource

from .layers import Layer, make_layers
from .lock import InvalidLock, Lock, Locked, read, render
from .lock_trust import check_entries
from .requirements import ResolutionRequest
from .tools import DependencyError

if TYPE_CHECKING:
    from .local_wheels import LocalWheel

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
    if context.options.no_install or not request.lines:
        return Lock(inputs=request.inputs, python_version=request.python_version, entries=())
    written, sink = read_lock(context), context.services.sink
    if isinstance(written, Lock) and written.inputs == request.inputs:
        check_entries(written, request, sink)
        return written
    if context.options.locked or written is not None:
        report_stale(written, sink, locked=context.options.locked)
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
    if isinstance(written, InvalidLock):
        report_stale(written, services.sink)
    kept = [e for e in written.entries if e.source is None] if isinstance(written, Lock) else []
    previous = "".join(f"{entry.text}\n" for entry in kept)
    urls = (index.url for index in request.access.settings.indexes)
    environment = _index(context.project.environment)
    worker = worker_facts().own.requirements
    key = digest(resolver, request.inputs, previous, *environment, *urls, *worker)
    cached = None if upgrade else services.cache.read("locks", key, max_age=RESOLUTION_MAX_AGE)
    known = _cached_entries(cached)
    if known is None:
        services.progress.start(f"resolving {len(request.lines)} requirements")
        entries = _resolved(request, previous, context)
    else:
        entries = known
    lock = Lock(
        inputs=request.inputs,
        python_version=request.python_version,
        entries=entries,
        endpoints=tuple(
            (e.resource, request.direct_requirements(e.resource)) for e in program.code_endpoints
        ),
    )
    if known is None:  # a cached one keeps its age
        services.cache.write("locks", key, render(lock).encode())
    return lock


def _resolved(
    request: ResolutionRequest, previous: str, context: DependencyContext
) -> tuple[Locked, ...]:
    """Ask the resolver, and return its entries with the sources and hashes of the project.

    Raises:
        DependencyError: the requirements can't be resolved; the finding is already reported.
    """
    # With a current lock and cached layers, nothing is resolved or installed, and these take a while
    from .local_wheels import WheelMaker
    from .resolvers import resolver_named

    with temporary_folder("wheels") as folder:
        maker = WheelMaker(
            context=context,
            access=request.access,
            scratch=folder,
            sourced=request.sourced,
            python_version=request.python_version,
        )
        wheels: dict[str, LocalWheel] = {}
        by_name: dict[str, LocalWheel] = {}
        for each in request.requirements:
            source = each.dependency.source
            if isinstance(source, PathSource | GitSource):
                if str(source) not in wheels:
                    name, span = each.dependency.name, each.dependency.span
                    extras = Requirement(each.dependency.requirement).extras
                    wheels[str(source)] = maker.make(name, source, span, extras)
                by_name[each.dependency.name] = wheels[str(source)]
        resolver = resolver_named(context.options.resolver)
        entries = resolver.resolve(request, wheels, previous, context.services)
    urls = {
        each.dependency.name: each.dependency.source.url
        for each in request.requirements
        if isinstance(each.dependency.source, UrlSource)
    }
    _check_direct(entries, by_name.keys(), request, context.services.sink)
    portable = [
        _portable(entry, by_name.get(entry.name), urls.get(entry.name)) for entry in entries
    ]
    return tuple(_with_given_hashes(entry, request, context.services.sink) for entry in portable)


def _check_direct(
    entries: Iterable[Locked], made: Set[str], request: ResolutionRequest, sink: Sink
) -> None:
    """Check that every path and repository was made into a wheel by flashc, and that the app names every URL.

    A wheel's own METADATA may name others.  The lock would have no hash of a path or repository.

    Raises:
        DependencyError: one was not; the finding is already reported.
    """
    named = {each.dependency.name for each in request.requirements}
    for entry in entries:
        is_made = isinstance(entry.source, UrlSource) and entry.name in named
        if entry.source is not None and entry.name not in made and not is_made:
            requirer = next(iter(entry.via), entry.name)
            sink.report(
                rules.UNUSABLE_SOURCE,
                request.location_of(requirer),
                f"`{requirer}` requires `{entry.name}` from `{entry.source}`, and flashc makes wheels "
                "only of what the project itself names",
                help=(f"use a wheel of `{requirer}` that requires only `{entry.name}`",),
            )
            raise DependencyError


def _portable(entry: Locked, wheel: LocalWheel | None, url: str | None) -> Locked:
    """Return an entry with its source as the project writes it, without paths of this machine."""
    if wheel is not None:
        return entry.with_source(str(wheel.source)).with_hashes((f"sha256:{wheel.digest}",))
    return entry if url is None else entry.with_source(url)


def _with_given_hashes(entry: Locked, request: ResolutionRequest, sink: Sink) -> Locked:
    """Return an entry with only the hashes that the project gives for it, if it gives any.

    Raises:
        DependencyError: no file has such a hash; the finding is already reported.
    """
    asked = (*(each.dependency for each in request.requirements), *request.constraints)
    for dependency in asked:
        if dependency.name != entry.name or not dependency.hashes:
            continue
        allowed = Requirement(dependency.requirement).specifier
        if entry.version and not allowed.contains(entry.version, prereleases=True):
            continue
        kinds = {each.partition(":")[0] for each in entry.hashes}
        if not any(each.partition(":")[0] in kinds for each in dependency.hashes):
            entry = entry.with_hashes(dependency.hashes)  # the installer compares them
            continue
        hashes = tuple(each for each in entry.hashes if each in dependency.hashes)
        if not hashes:
            sink.report(
                rules.HASH_MISMATCH,
                dependency.span,
                f"no file of `{entry.name}` {entry.version} has a hash that is given here",
                notes=tuple(f"offered: {each}" for each in entry.hashes[:3]),
                help=("find out why the files differ; only then write the new hashes",),
            )
            raise DependencyError
        entry = entry.with_hashes(hashes)
    return entry


def _cached_entries(data: bytes | None) -> tuple[Locked, ...] | None:
    """Return the entries of a cached lock; None if there is none or it can't be read."""
    try:
        return read(data.decode()).entries if data is not None else None
    except (UnicodeDecodeError, InvalidLock):
        return None


def read_lock(context: DependencyContext) -> Lock | InvalidLock | None:
    """Return the project's `flash.lock`; why it can't be used, or None if there is none."""
    file = context.project.root / LOCK_FILE
    try:
        if file.is_symlink() and not real_path(file).is_relative_to(context.project.root):
            return InvalidLock("it is a symbolic link that leaves the project")
        if not file.is_file():
            return InvalidLock("it is not a file") if file.exists() else None
        return read(file.read_text(encoding="utf-8"))
    except OSError as error:
        return InvalidLock(error.strerror or type(error).__name__)
    except UnicodeDecodeError:
        return InvalidLock("it is not UTF-8")
    except InvalidLock as error:
        return error


def report_stale(written: Lock | InvalidLock | None, sink: Sink, *, locked: bool = False) -> None:
    """Report that the lock is not the one that the app needs: an error if it must not change, else a warning.

    Raises:
        DependencyError: the lock must not change.
    """
    if written is None:
        message = f"there is no `{LOCK_FILE}`"
    elif isinstance(written, InvalidLock):
        message = f"`{LOCK_FILE}` can't be used: {written}"
    else:
        message = f"the app's requirements have changed since `{LOCK_FILE}` was written"
    rule = rules.LOCK_REFUSED if locked else rules.STALE_LOCK
    sink.report(rule, WholeFile(LOCK_FILE), message, help=("run `flashc lock`",))
    if locked:
        raise DependencyError


def _index(environ: Mapping[str, str]) -> list[str]:
    """Return the environment variables that choose the package index, with their values."""
    return [f"{name}={environ.get(name, '')}" for name in _INDEX_VARIABLES]


def layers_of(
    lock: Lock,
    request: ResolutionRequest,
    context: DependencyContext,
    scratch: Path,
    *,
    forecast: bool = False,
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
        installing=partial(_install, request=request, context=context, scratch=scratch),
        may_be_built=request.allow_build,
        before_install=partial(check_wheel_sizes, lock, request, context)
        if forecast
        else lambda: None,
    )


def _install(
    entries: list[Locked],
    target: Path,
    *,
    request: ResolutionRequest,
    context: DependencyContext,
    scratch: Path,
) -> None:
    """Install entries of a lock below `target`.

    Raises:
        DependencyError: a package can't be installed, or a source is not what was locked; the
            finding is already reported.
    """
    from .install import install
    from .local_wheels import WheelMaker

    spans = {each.dependency.name: each.dependency.span for each in request.requirements}
    maker = WheelMaker(
        context=context,
        access=request.access,
        scratch=scratch / "wheels",
        sourced=request.sourced,
        python_version=request.python_version,
    )
    wheels: dict[str, LocalWheel] = {}
    for entry in entries:
        source = entry.source
        if not isinstance(source, PathSource | GitSource):
            continue
        where = spans.get(entry.name, WholeFile(LOCK_FILE))
        wheel = maker.make(entry.name, source, where)
        if f"sha256:{wheel.digest}" not in entry.hashes:
            context.services.sink.report(
                rules.HASH_MISMATCH,
                where,
                f"the wheel of `{source}` is not the one in `{LOCK_FILE}`",
                help=("run `flashc lock`",),
            )
            raise DependencyError
        wheels[entry.name] = wheel
    install(entries, request, wheels, target, context.services)


def check_wheel_sizes(lock: Lock, request: ResolutionRequest, context: DependencyContext) -> None:
    """Check that the wheels can fit into an artifact, by the sizes that the index tells.

    Nothing is downloaded for this check.

    Raises:
        DependencyError: the wheels are too large; the finding is already reported.
    """
    from .wheels import wheel_sizes

    sizes = wheel_sizes(lock, request, context.services)
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

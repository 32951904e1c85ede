"""What endpoints ask for -> the lock, and the lock's distributions as layers: from `flash.lock`, from memory,
or from the package index."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from flashc_backends.archive import LIMIT, moment_of
from flashc_backends.base import LOCK_FILE, REMEMBERED, Context
from flashc_core import rules
from flashc_core.cache import digest
from flashc_core.source import Span
from flashc_ir.program import Program

from .layers import Layer, make_layers
from .lock import InvalidLock, Lock, read, render
from .requirements import Request
from .resolvers import LockFailed, locker
from .wheels import wheel_sizes

# What says where distributions come from.
_INDEX_VARIABLES = tuple(
    "UV_INDEX UV_DEFAULT_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS UV_CONFIG_FILE "
    "PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_CONFIG_FILE".split()
)
# Layers are packed for speed, wheels for size: what the wheels hold is never packed this much smaller.
_CERTAINLY = 1.1


def lock_of(program: Program, request: Request, context: Context) -> Lock:
    """The lock: that of `flash.lock` if it is current, else resolved, or remembered for a day.

    Raises:
        LockFailed: after reporting.
    """
    if context.no_deps or not request.lines:
        return Lock(inputs=request.inputs, python_version=request.python_version, entries=())
    written = read_lock(context)
    if written is not None and written.inputs == request.inputs:
        return written
    if context.locked or written is not None:
        report_stale(written, context)
    return resolve(program, request, context)


def resolve(program: Program, request: Request, context: Context, *, upgrade: bool = False) -> Lock:
    """Ask the resolver; versions of `flash.lock` are kept where they fit, unless they are to be upgraded.

    Raises:
        LockFailed: after reporting.
    """
    written = None if upgrade else read_lock(context)
    previous = "" if written is None else written.requirements
    key = digest(context.locker, request.inputs, previous, *_index(context.environ))
    kept = None if upgrade else context.store.read("locks", key, oldest=REMEMBERED)
    roots = tuple((e.resource, request.roots(e.resource)) for e in program.code_endpoints())
    if kept is not None:
        entries = read(kept.decode()).entries
        return Lock(
            inputs=request.inputs,
            python_version=request.python_version,
            entries=entries,
            endpoints=roots,
        )
    context.progress(f"resolving {len(request.lines)} requirements")
    entries = locker(context.locker).lock(request, previous, context.sink)
    lock = Lock(
        inputs=request.inputs,
        python_version=request.python_version,
        entries=entries,
        endpoints=roots,
    )
    context.store.write("locks", key, render(lock).encode())
    return lock


def read_lock(context: Context) -> Lock | None:
    """The project's `flash.lock`; None where there is none, or none that can be read (a warning)."""
    file = context.root / LOCK_FILE
    try:
        return read(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (OSError, UnicodeDecodeError, InvalidLock) as error:
        context.sink.report(
            rules.STALE_LOCK,
            Span.whole(LOCK_FILE),
            f"`{LOCK_FILE}` can't be used: {error}",
            help=("write it anew with `flashc lock`",),
        )
        return None


def report_stale(written: Lock | None, context: Context) -> None:
    """Say that the lock is missing or old; an error where it must not change.

    Raises:
        LockFailed: it must not change.
    """
    what = "there is no" if written is None else "the app asks for other packages than when"
    suffix = "" if written is None else " was written"
    context.sink.report(
        rules.LOCK_REFUSED if context.locked else rules.STALE_LOCK,
        Span.whole(LOCK_FILE),
        f"{what} `{LOCK_FILE}`{suffix}",
        help=("run `flashc lock`",),
    )
    if context.locked:
        raise LockFailed


def _index(environ: Mapping[str, str]) -> list[str]:
    return [f"{name}={environ.get(name, '')}" for name in _INDEX_VARIABLES]


def layers_of(
    lock: Lock, context: Context, workspace: Path, *, forecast: bool = False
) -> list[Layer]:
    """The lock's distributions; `forecast`: refuse what can't fit into an artifact before installing it.

    Raises:
        LockFailed: after reporting.
    """
    if not lock.entries:
        return []
    context.progress("installing the dependencies")
    return make_layers(
        lock,
        moment_of(context.environ),
        context.store,
        workspace,
        context.sink,
        allow_build=context.allow_build,
        before=partial(predict, lock, context) if forecast else _nothing,
    )


def _nothing() -> None:
    pass


def predict(lock: Lock, context: Context) -> None:
    """Refuse what the index already tells to be too large, before it is downloaded.

    Raises:
        LockFailed: after reporting.
    """
    sizes = wheel_sizes(lock, context)
    total = sum(sizes.values())
    if total <= LIMIT * _CERTAINLY:
        return
    largest = sorted(sizes, key=lambda name: sizes[name], reverse=True)[:5]
    context.sink.report(
        rules.ARTIFACT_TOO_LARGE,
        Span.whole(LOCK_FILE),
        f"the wheels of the dependencies alone have {total / 1024**2:,.0f} MiB; the platform takes "
        f"{LIMIT / 1024**2:,.0f}",
        notes=(
            *(f"{name}: {sizes[name] / 1024**2:,.0f} MiB" for name in largest),
            "nothing was downloaded: the package index says how large they are",
        ),
        help=("leave out what the image has with `--exclude`, or load it from a volume",),
    )
    raise LockFailed

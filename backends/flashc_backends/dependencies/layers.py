"""Install the packages of a lock and compress each into a layer, a cached part of the archive.

A gzip file may have several members, and a tar archive may continue from one member to the next.
So each distribution is installed, archived and compressed only once; an artifact is made by copying
layers.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from flashc_backends.archive import FORMAT, write_member
from flashc_backends.base import Draft, Progress, Services
from flashc_core.cache import CachedFile, Store, decoded, digest
from flashc_core.processes import on_all_processors

from .installed import InstalledDistribution, installed
from .lock import Lock, Locked
from .tools import PLATFORM

_CONTENTS = "6"  # the version of what is stored about a layer
_AT_ONCE = 2  # two cores are common


class Layer(Struct, frozen=True):
    """A distribution as gzip members; `piece` refers to the bytes of these members."""

    contents: InstalledDistribution
    piece: CachedFile

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The paths of the files as drafts without content, for checks that need only paths."""
        return tuple(Draft(path=file.path, content=b"") for file in self.contents.files)


def executables_of(layers: Iterable[Layer]) -> list[str]:
    """Return the paths of the executable files of layers."""
    return [file.path for each in layers for file in each.contents.files if file.executable]


class _Entry(msgspec.Struct, frozen=True):
    """What is cached about a layer: its contents, and the SHA-256 of its bytes in hex."""

    contents: InstalledDistribution
    digest: str


def make_layers(
    lock: Lock,
    mtime: int,
    services: Services,
    scratch: Path,
    *,
    installing: Callable[[list[Locked], Path], None],
    may_be_built: bool = False,
    before_install: Callable[[], None] = lambda: None,
) -> list[Layer]:
    """Return the layers of a lock, sorted by name.

    Distributions that are not in the cache are installed and compressed in `scratch`: `installing`
    gets their entries and the folder, after a call of `before_install`.  `may_be_built` says that
    this may build packages.

    Raises:
        DependencyError: `installing` or `before_install` raised it; the finding is already
            reported.
    """
    from concurrent.futures import ThreadPoolExecutor  # an app without packages does not need it

    wanted = {_key(entry, lock.python_version, mtime): entry for entry in lock.entries}
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # checking is hashing, which needs no interpreter
        cached = pool.map(partial(_cached, store=services.cache), wanted)
        found = dict(zip(wanted, cached, strict=True))
    missing = {key: wanted[key] for key, layer in found.items() if layer is None}
    if missing:
        from .grammar import with_unparsable_modules  # with cached layers, nothing is parsed

        before_install()
        target = scratch / "packages"
        services.progress.start("installing the dependencies", len(missing), "packages")
        installing(list(missing.values()), target)
        distributions = with_unparsable_modules(
            installed(target, lock.python_version, services.sink, may_be_built=may_be_built),
            target,
            lock.python_version,
            services,
        )
        keys = {entry.name: key for key, entry in missing.items()}
        for layer in _compress(distributions, target, scratch, mtime, services.progress):
            key = keys[layer.contents.name]
            entry = _Entry(layer.contents, layer.piece.digest)
            services.cache.write("layer-files", key, msgspec.msgpack.encode(entry))
            services.cache.write("layers", key, scratch / _file_name(layer.contents))
            found[key] = (
                _cached(key, services.cache) or layer
            )  # the cache stays, the scratch does not
        shutil.rmtree(target)
    return sorted((x for x in found.values() if x is not None), key=lambda x: x.contents.name)


def _compress(
    distributions: Iterable[InstalledDistribution],
    target: Path,
    scratch: Path,
    mtime: int,
    progress: Progress,
) -> Iterator[Layer]:
    """Compress the distributions that are installed below `target`, on all processors.

    Each distribution becomes one file in `scratch`.
    """
    largest_first = sorted(distributions, key=lambda d: -d.size)
    paths = [scratch / _file_name(distribution) for distribution in largest_first]
    progress.start("compressing the dependencies", sum(d.size for d in largest_first), "bytes")

    def compress(number: int) -> bytes:
        with paths[number].open("wb") as stream:
            write_member(stream, _drafts(largest_first[number], target), mtime)
        return b""

    done = on_all_processors(compress, len(paths))
    for distribution, path, _ in zip(largest_first, paths, done, strict=True):
        progress.advance(distribution.size)
        yield Layer(contents=distribution, piece=CachedFile.of(path))


def _file_name(contents: InstalledDistribution) -> str:
    """Return the name of the file with the compressed distribution."""
    return f"{contents.name}.layer"


def _key(entry: Locked, python_version: str, mtime: int) -> str:
    """Return the cache key of a distribution's layer."""
    return digest(FORMAT, _CONTENTS, entry.text, python_version, PLATFORM, str(mtime))


def _cached(key: str, store: Store) -> Layer | None:
    """Return a layer from the cache; None if it is not there."""
    data, piece = store.read("layer-files", key), store.find("layers", key)
    entry = decoded(data, _Entry)
    if entry is None or piece is None or entry.digest != piece.digest:
        return None
    return Layer(entry.contents, piece)


def _drafts(contents: InstalledDistribution, target: Path) -> Iterator[Draft]:
    """Yield the installed files of a distribution as drafts."""
    for file in contents.files:
        yield Draft(path=file.path, content=target / file.path, executable=file.executable)

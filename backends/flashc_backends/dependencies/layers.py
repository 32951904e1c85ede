"""A lock -> one compressed layer per distribution, kept in the cache.

A gzip file may have several members, and a tar stream does not care where they end.  So each distribution is
installed, archived and compressed once, and an artifact's dependencies are copied, not compressed again.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from packaging.utils import canonicalize_name

from flashc_backends.archive import FORMAT, write_member
from flashc_backends.base import Draft, Progress, Services
from flashc_core import rules
from flashc_core.cache import Piece, Store, digest
from flashc_core.diagnostics import Sink
from flashc_core.processes import on_all_processors
from flashc_core.source import WholeFile

from .install import install
from .lock import Lock, Locked
from .resolvers import PLATFORM
from .tools import DependencyError

_AT_ONCE = 2  # two cores are common


@dataclass(frozen=True, slots=True)
class InstalledFile:
    """A file of a layer; `digest` is the SHA-256 of its bytes, in hex."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class InstalledDistribution:
    """What a layer holds: one installed distribution."""

    name: str
    version: str
    files: tuple[InstalledFile, ...]

    @property
    def size(self) -> int:
        """Installed size, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def top_level(self) -> frozenset[str]:
        """The names of modules that it puts into the artifact's root."""
        tops = {file.path.split("/", 1)[0] for file in self.files}
        return frozenset(
            top.split(".", 1)[0]
            for top in tops
            if not top.endswith((".dist-info", ".data", ".libs"))
        )


@dataclass(frozen=True, slots=True)
class Layer:
    """A distribution as one gzip member; `piece` are the member's bytes."""

    contents: InstalledDistribution
    piece: Piece

    @property
    def drafts(self) -> tuple[Draft, ...]:
        """The files, for checks that look at paths only."""
        return tuple(Draft(path=file.path, content=b"") for file in self.contents.files)


def make_layers(
    lock: Lock,
    mtime: int,
    services: Services,
    workspace: Path,
    *,
    allow_build: bool = False,
    before_install: Callable[[], None] = lambda: None,
) -> list[Layer]:
    """Return the layers of a lock, by name.

    Those that are not in the cache are installed and compressed in `workspace`, after `before_install`.

    Raises:
        DependencyError: the installer failed, which is reported; or `before_install` raised it.
    """
    wanted = {_key(entry, lock.python_version, mtime): entry for entry in lock.entries}
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # checking is hashing, which needs no interpreter
        cached = pool.map(partial(_cached, store=services.cache), wanted)
        found = dict(zip(wanted, cached, strict=True))
    missing = {key: wanted[key] for key, layer in found.items() if layer is None}
    if missing:
        before_install()
        target = workspace / "packages"
        text = "".join(f"{entry.text}\n" for entry in missing.values())
        services.progress.start("installing the dependencies", len(missing), "packages")
        install(text, lock.python_version, target, services, allow_build=allow_build)
        distributions = installed(target, lock.python_version, services.sink)
        keys = {entry.name: key for key, entry in missing.items()}
        for layer in _compress(distributions, target, workspace, mtime, services.progress):
            key = keys[layer.contents.name]
            services.cache.write("layer-files", key, msgspec.json.encode(layer.contents))
            services.cache.write("layers", key, layer.piece.path)
            found[key] = _cached(key, services.cache) or layer  # the cache outlives the workspace
        shutil.rmtree(target)
    return sorted((x for x in found.values() if x is not None), key=lambda x: x.contents.name)


def _compress(
    distributions: Iterable[InstalledDistribution],
    target: Path,
    workspace: Path,
    mtime: int,
    progress: Progress,
) -> Iterator[Layer]:
    """Compress what is installed below `target`, one file in `workspace` each, on all processors."""
    largest_first = sorted(distributions, key=lambda d: -d.size)
    paths = [workspace / f"{distribution.name}.layer" for distribution in largest_first]
    progress.start("compressing the dependencies", sum(d.size for d in largest_first), "bytes")

    def compress(number: int) -> bytes:
        with paths[number].open("wb") as stream:
            write_member(stream, _drafts(largest_first[number], target), mtime)
        return b""

    done = on_all_processors(compress, len(paths))
    for distribution, path, _ in zip(largest_first, paths, done, strict=True):
        progress.advance(distribution.size)
        yield Layer(contents=distribution, piece=Piece(path, path.stat().st_size))


def _key(entry: Locked, python_version: str, mtime: int) -> str:
    return digest(FORMAT, entry.text, python_version, PLATFORM, str(mtime))


def _cached(key: str, store: Store) -> Layer | None:
    data, piece = store.read("layer-files", key), store.find("layers", key)
    if data is None or piece is None:
        return None
    return Layer(msgspec.json.decode(data, type=InstalledDistribution), piece)


def _drafts(contents: InstalledDistribution, target: Path) -> Iterator[Draft]:
    for file in contents.files:
        path = target / file.path
        yield Draft(path=file.path, content=path, executable=bool(path.stat().st_mode & 0o100))


def installed(target: Path, python_version: str, sink: Sink) -> list[InstalledDistribution]:
    """The distributions that are installed below `target`, by name, each with the files of its RECORD.

    Raises:
        DependencyError: a file is not the one that the RECORD lists, or not made for the workers; reported.
    """
    found: list[InstalledDistribution] = []
    for info in sorted(target.glob("*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
        _check_tags(info, name, version, sink)
        record = (info / "RECORD").read_text(encoding="utf-8")
        rows = {row[0]: row[1] for row in csv.reader(io.StringIO(record)) if len(row) > 1}
        files: list[InstalledFile] = []
        for path, expected in sorted(rows.items()):
            if not _is_inside(target, path):
                continue
            file = _file(target, path)
            files.append(file)
            problem = binary_problem(path, _head(target / path), python_version)
            if expected and expected != record_hash(file.digest):
                problem = "it is not the file that the distribution lists"
            if problem is not None:
                sink.report(
                    rules.BROKEN_ARTIFACT,
                    WholeFile(path),
                    f"`{path}` of `{name}` {version}: {problem}",
                    help=("choose another version, or leave it out with `--exclude`",),
                )
                raise DependencyError
        found.append(InstalledDistribution(canonicalize_name(name), version, tuple(files)))
    return sorted(found, key=lambda contents: contents.name)


_TAG = re.compile(r"^Tag: \S+-linux_\w+$", re.MULTILINE)


def _check_tags(info: Path, name: str, version: str, sink: Sink) -> None:
    """Native code that was built here needs this machine's libraries and Python, not a worker's.

    Raises:
        DependencyError: after reporting.
    """
    wheel = info / "WHEEL"
    match = _TAG.search(wheel.read_text(encoding="utf-8")) if wheel.is_file() else None
    if match is not None:
        sink.report(
            rules.NO_WHEEL,
            WholeFile("requirements.txt"),
            f"`{name}` {version} has no wheel for workers, and it is not pure Python",
            notes=(f"built here it is `{match[0].removeprefix('Tag: ')}`; workers need manylinux",),
            help=("choose a version that has a wheel, or leave it out with `--exclude`",),
        )
        raise DependencyError


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(64)


_ABI = re.compile(r"\.cpython-(\d)(\d+)(?:-[^.]*)?\.so$")
_ELF, _X86_64 = b"\x7fELF", b"\x3e\x00"


def binary_problem(path: str, head: bytes, python_version: str) -> str | None:
    """What is wrong with a file if it is native code for another machine or Python; None if nothing.

    `head` are its first bytes: the header of ELF names the machine at offset 18.
    """
    if not head.startswith(_ELF):
        return None  # wheels carry libraries of other systems along, which nothing loads on Linux
    if head[18:20] != _X86_64:
        return "it is not made for x86_64"
    match = _ABI.search(path)
    made_for = f"{match[1]}.{match[2]}" if match is not None else python_version
    return None if made_for == python_version else f"it is made for Python {made_for}"


def record_hash(digest: str) -> str:
    """A SHA-256 in hex as RECORD writes it (PEP 376)."""
    return "sha256=" + urlsafe_b64encode(bytes.fromhex(digest)).rstrip(b"=").decode()


def _is_inside(target: Path, path: str) -> bool:
    """A RECORD may name files that are not there (scripts), and must not lead out of the folder."""
    real = os.path.realpath(target / path)
    return real.startswith(os.path.realpath(target) + os.sep) and os.path.isfile(real)


def _file(target: Path, path: str) -> InstalledFile:
    with (target / path).open("rb") as stream:
        total = hashlib.file_digest(stream, "sha256").hexdigest()
    return InstalledFile(path, (target / path).stat().st_size, total)

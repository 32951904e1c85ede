"""List the packages in an installation folder, and check that workers can load their files."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from packaging.utils import canonicalize_name

from flashc_core import rules
from flashc_core.diagnostics import Sink
from flashc_core.source import WholeFile

from .record import InvalidRecord, has_hash, read_record
from .tools import DependencyError

if TYPE_CHECKING:  # see `record`
    from installer.records import RecordEntry


class InstalledFile(Struct, frozen=True, kw_only=True):
    """A file of a distribution: its path in the artifact, size in bytes, and SHA-256 in hex."""

    path: str
    size: int
    digest: str
    executable: bool = False


class UnparsableModule(Struct, frozen=True):
    """A module that the workers' Python can't parse, and why.

    `loaded_by` are the modules of its distribution whose import fails with it, itself included.
    """

    path: str
    problem: str
    loaded_by: tuple[str, ...]


class InstalledDistribution(Struct, frozen=True, kw_only=True):
    """An installed distribution; `name` is canonical.

    `requires` are the requirements that its metadata lists.
    """

    name: str
    version: str
    files: tuple[InstalledFile, ...]
    requires: tuple[str, ...] = ()
    unparsable: tuple[UnparsableModule, ...] = ()

    @property
    def size(self) -> int:
        """The installed size in bytes."""
        return sum(file.size for file in self.files)

    @property
    def top_level(self) -> frozenset[str]:
        """The names of the modules that the distribution puts into the artifact's root."""
        tops = {file.path.split("/", 1)[0] for file in self.files}
        return frozenset(
            top.split(".", 1)[0]
            for top in tops
            if not top.endswith((".dist-info", ".data", ".libs"))
        )


def installed(
    target: Path, python_version: str, sink: Sink, *, may_be_built: bool
) -> list[InstalledDistribution]:
    """Return the distributions below `target` by name, with the files that their RECORDs list.

    `may_be_built` says that packages without wheels were built on this machine.

    Raises:
        DependencyError: a RECORD can't be read, a file is not the one that its RECORD lists, or a
            file is not made for the workers; the finding is already reported.
    """
    # This import takes a while, and most builds install nothing new
    from importlib.metadata import Distribution

    found: list[InstalledDistribution] = []
    for info in sorted(target.glob("*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
        try:
            if may_be_built:
                _check_tags(info, name, version, sink)
            entries = read_record((info / "RECORD").read_text(encoding="utf-8"))
            requires = tuple(Distribution.at(info).requires or ())
        except (OSError, UnicodeDecodeError, InvalidRecord) as error:
            _report(
                sink, info.name, name, version, f"its RECORD or METADATA can't be read: {error}"
            )
            raise DependencyError from error
        files: list[InstalledFile] = []
        listed = {entry.path: entry for entry in entries}  # the last one counts, as in a dictionary
        for path, entry in sorted(listed.items()):
            if not _is_inside(target, path):
                continue
            file = _installed_file(target, path)
            files.append(file)
            problem = _problem(entry, file, target / path, python_version)
            if problem is not None:
                _report(sink, path, name, version, problem)
                raise DependencyError
        found.append(
            InstalledDistribution(
                name=canonicalize_name(name), version=version, files=tuple(files), requires=requires
            )
        )
    return sorted(found, key=lambda distribution: distribution.name)


def _problem(
    entry: RecordEntry, file: InstalledFile, path: Path, python_version: str
) -> str | None:
    """Return what is wrong with an installed file; None if it is right."""
    if not has_hash(entry, file.digest, path):
        return "it is not the file that the distribution lists"
    with path.open("rb") as stream:
        return binary_problem(file.path, stream.read(64), python_version)


def _report(sink: Sink, path: str, name: str, version: str, problem: str) -> None:
    """Report what is wrong with a file of a distribution."""
    sink.report(
        rules.BROKEN_ARTIFACT,
        WholeFile(path),
        f"`{path}` of `{name}` {version}: {problem}",
        help=("choose another version, or leave it out with `--exclude`",),
    )


_TAG = re.compile(r"^Tag: \S+-linux_\w+$", re.MULTILINE)


def _check_tags(info: Path, name: str, version: str, sink: Sink) -> None:
    """Check that a package with native code was not built on this machine.

    The code would need the libraries and the Python of this machine.  Published wheels may have
    the tag of the machine that built them too, and a name with another one, so they are not checked.

    Raises:
        DependencyError: the package was built here; the finding is already reported.
    """
    wheel = info / "WHEEL"
    match = _TAG.search(wheel.read_text(encoding="utf-8")) if wheel.is_file() else None
    if match is not None:
        sink.report(
            rules.NO_WHEEL,
            WholeFile("requirements.txt"),
            f"`{name}` {version} has no wheel for workers, and it is not pure Python",
            notes=(
                f"the wheel built here has the tag `{match[0].removeprefix('Tag: ')}`; workers need manylinux",
            ),
            help=("choose a version that has a wheel, or leave it out with `--exclude`",),
        )
        raise DependencyError


_ABI = re.compile(r"\.cpython-(\d)(\d+)(?:-[^.]*)?\.so$")
_ELF, _X86_64 = b"\x7fELF", b"\x3e\x00"


def binary_problem(path: str, head: bytes, python_version: str) -> str | None:
    """Return why a file of native code can't run on a worker; None for all other files.

    `head` is the beginning of the file: in an ELF file, the byte at offset 18 names the processor.
    """
    if not head.startswith(_ELF):
        return None  # wheels contain libraries for other systems too, which nothing loads on Linux
    if head[18:20] != _X86_64:
        return "it is not made for x86_64"
    match = _ABI.search(path)
    made_for = f"{match[1]}.{match[2]}" if match is not None else python_version
    return None if made_for == python_version else f"it is made for Python {made_for}"


def _is_inside(target: Path, path: str) -> bool:
    """Return whether a path of a RECORD is a file below `target`.

    Scripts are not below `target`, and paths with `..` may lead out of it.
    """
    real = os.path.realpath(target / path)
    return real.startswith(os.path.realpath(target) + os.sep) and os.path.isfile(real)


def _installed_file(target: Path, path: str) -> InstalledFile:
    """Return what is listed of a file below `target`."""
    with (target / path).open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    status = (target / path).stat()
    return InstalledFile(
        path=path, size=status.st_size, digest=digest, executable=bool(status.st_mode & 0o100)
    )

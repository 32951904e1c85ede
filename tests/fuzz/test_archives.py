"""Wrong archives: wheels, source archives, layers and artifacts are unpacked as a whole, or refused; nothing leaves its folder."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from flashc_backends.dependencies.installed import installed
from flashc_backends.dependencies.tools import DependencyError
from flashc_backends.dependencies.trees import InvalidTree, code_of_build, unpack_tree
from flashc_backends.dependencies.wheel_files import check_wheel, pack_again
from flashc_backends.platform.artifacts import ArtifactError, unpack_artifact
from flashc_backends.verify.checks import verify_artifact
from flashc_core.diagnostics import Sink
from tests.support import valid_documents as valid
from tests.support.fuzzing import Reader, fuzz
from tests.support.mutations import as_toml, wrong_bytes, wrong_document
from tests.support.projects import write

Member = tuple[str, str, bytes]
NAMES = st.sampled_from(
    "a/x.py x.py ../x /etc/x a/../../x ./x . .. a//b C:\\x \\x a\\b aux CON nul.txt é e\u0301 A/x.py "
    "a/x.py/y gauge/__init__.py gauge-1.0.dist-info/METADATA gauge-1.0.dist-info/RECORD pyproject.toml setup.cfg".split()
) | st.text(st.sampled_from("a/.\0\n\x1b\u202eé\\: "), max_size=12)
KINDS = st.sampled_from(
    ["file"] * 6 + ["folder", "link", "hard", "pipe", "device", "sparse", "odd"]
)
CONTENTS = st.sampled_from(
    [b"", b"x", b"x = 1\n", b"../x", b"/etc/passwd", b"a", b"\0" * 3000, valid.METADATA.encode()]
    + [valid.RECORD.encode(), as_toml(valid.PYPROJECT), valid.SETUP_CFG.encode(), b"{", b"\xff"]
)
MEMBERS = st.lists(st.tuples(NAMES, KINDS, CONTENTS), max_size=6)
_TAR_KINDS = {
    "folder": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
    "sparse": tarfile.GNUTYPE_SPARSE,
    "odd": b"Z",
}


def as_tar(members: Sequence[Member]) -> bytes:
    """Write members into an archive of tar, compressed by gzip."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = _TAR_KINDS.get(kind, tarfile.REGTYPE)
            info.linkname = content.decode("latin-1")[:80]
            info.size = len(content) if kind == "file" else 0
            info.mode = 0o7777 if len(content) % 2 else 0o644
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def as_zip(members: Sequence[Member]) -> bytes:
    """Write members into a zip file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a name that stands twice
        for name, kind, content in members:
            info = zipfile.ZipInfo(name.replace("\0", "") or "x")
            info.external_attr = (0o120777 if kind == "link" else 0o100644) << 16
            info.flag_bits |= 0x800
            archive.writestr(info, content)
    return packed.getvalue()


WHEEL: list[Member] = [
    ("gauge/__init__.py", "file", b"x = 1\n"),
    ("gauge-1.0.dist-info/METADATA", "file", valid.METADATA.encode()),
    ("gauge-1.0.dist-info/WHEEL", "file", valid.WHEEL.encode()),
    ("gauge-1.0.dist-info/RECORD", "file", valid.RECORD.encode()),
]
TREE: list[Member] = [
    ("gauge-1.0/pyproject.toml", "file", as_toml(valid.PYPROJECT)),
    ("gauge-1.0/gauge.py", "file", b"x = 1\n"),
    ("gauge-1.0/link", "link", b"gauge.py"),
]
ZIP_WORDS = (
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"\x63\x00",
    b"\x0e\x00",
    b"\x01\x00",
    b"\xff" * 4,
    b"\xff\xff",
)


def archives(
    pack: Callable[[Sequence[Member]], bytes], *seeds: list[Member]
) -> st.SearchStrategy[bytes]:
    """Draw an archive with odd members, or a good one with wrong bytes, also below the compression."""
    good = [pack(seed) for seed in seeds]
    odd = st.builds(lambda seed, more: pack([*seed, *more]), st.sampled_from([[], *seeds]), MEMBERS)
    if pack is as_zip:
        return odd | wrong_bytes(*good, words=ZIP_WORDS)
    inside = wrong_bytes(*map(gzip.decompress, good), words=[b"0000777\0", b"ustar", b"\x80" * 8])
    return odd | wrong_bytes(*good) | inside.map(lambda data: gzip.compress(data, 1))


def in_folder(name: str, read: Callable[[Path, Path], object]) -> Callable[[bytes], None]:
    """Make a reader of an archive; it may write only below the folder `out` next to the archive."""

    def run(data: bytes) -> None:
        with tempfile.TemporaryDirectory() as base:
            outside = Path(base, "outside")
            outside.mkdir()
            archive = outside / name
            archive.write_bytes(data)
            target = outside / "out"
            read(archive, target)
            assert sorted(os.listdir(base)) == ["outside"]
            assert set(os.listdir(outside)) <= {name, "out", f"{name}.packed"}
            for folder, _, files in os.walk(target):
                for file in files:
                    path = os.path.join(folder, file)
                    assert os.path.realpath(path).startswith(os.path.realpath(target)), path
                    assert os.path.islink(path) or os.path.isfile(path)
                    assert os.path.islink(path) or not os.stat(path).st_mode & 0o7022

    return run


def read_tree(archive: Path, target: Path) -> None:
    """Unpack a source archive, and look at how it is built."""
    try:
        code_of_build(unpack_tree(archive, target))
    except (InvalidTree, OSError):
        return


def read_wheel(wheel: Path, target: Path) -> None:
    """Check a wheel and pack it again."""
    try:
        check_wheel(wheel)
        pack_again(wheel, target)
    except InvalidTree:
        return


def unpack_for_worker(archive: Path, target: Path) -> None:
    """Unpack an artifact for a worker of this machine."""
    try:
        unpack_artifact(archive, target)
    except ArtifactError:
        return


def verify(archive: Path, _target: Path) -> None:
    """Verify an artifact; an archive that flashc has not made is always refused."""
    sink = Sink()
    verify_artifact(archive, sink)
    assert sink.has_errors()


def read_metadata(files: dict[str, bytes]) -> None:
    """Read what an installer has left in a folder."""
    with tempfile.TemporaryDirectory() as folder:
        info = "gauge-1.0.dist-info"
        whole: dict[str, str | bytes] = {
            "gauge/__init__.py": "x = 1\n",
            f"{info}/METADATA": valid.METADATA,
            f"{info}/WHEEL": valid.WHEEL,
            f"{info}/RECORD": "gauge/__init__.py,,\n",
        }
        whole |= {f"{info}/{name}": content for name, content in files.items()}
        sink = Sink()
        try:
            installed(write(Path(folder), whole), "3.12", sink, may_be_built=True)
        except DependencyError:
            assert sink.has_errors()


def read_description(given: tuple[bytes, bytes]) -> None:
    """Look at how a source tree is built."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), {"pyproject.toml": given[0], "setup.cfg": given[1]})
        try:
            code_of_build(Path(folder))
        except InvalidTree:
            return


INSTALLED: st.SearchStrategy[Any] = st.one_of(
    wrong_bytes(valid.METADATA).map(lambda data: {"METADATA": data}),
    wrong_bytes(valid.RECORD, "gauge/__init__.py,,\n").map(lambda data: {"RECORD": data}),
    wrong_bytes(valid.WHEEL).map(lambda data: {"WHEEL": data}),
)
READERS = [
    Reader("sdist (tar)", archives(as_tar, TREE), in_folder("a.tar.gz", read_tree), 100),
    Reader("sdist (zip)", archives(as_zip, TREE), in_folder("a.zip", read_tree), 100),
    Reader("wheel", archives(as_zip, WHEEL), in_folder("gauge-1.0-py3-none-any.whl", read_wheel), 100),
    Reader("artifact for a worker", archives(as_tar, TREE), in_folder("a.tar.gz", unpack_for_worker), 100),
    Reader("artifact to verify", archives(as_tar, TREE), in_folder("a.tar.gz", verify), 100),
    Reader("metadata of an installed package", INSTALLED, read_metadata, 100),
    Reader("pyproject.toml and setup.cfg of an sdist",
           st.tuples(wrong_document([valid.PYPROJECT], as_toml), wrong_bytes(valid.SETUP_CFG)), read_description, 60),
]  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_wrong_archive_is_refused(reader: Reader) -> None:
    fuzz(reader)

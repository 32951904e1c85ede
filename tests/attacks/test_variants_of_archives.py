"""Archives with paths that leave their folder, and archives that are far larger than they look."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flashc_backends.dependencies.trees import InvalidTree, unpack_tree
from flashc_backends.dependencies.wheel_files import pack_again
from flashc_backends.verify.checks import verify_artifact
from flashc_core.archives import InvalidArchive, unpack
from flashc_core.diagnostics import Sink
from tests.support.fuzzing import limits

PATHS = [
    "../outside", "a/../../outside", "/outside", "//outside", "./../outside", "a/./../../outside", "..", "../", ".",
    "", "/", "..\\outside", "a\\..\\..\\outside", "C:\\outside", "C:outside", "\\\\host\\share\\x", "a/..\\../outside",
    "....//outside", "a//../../outside", "%2e%2e/outside", "..%2foutside", "\u2025/outside", "．．/outside", "a\0/../outside",
    "a\n../outside", "~/outside", "$HOME/outside", "-rf", "x" * 300, "/".join("a" * 2000), "CON", "nul.txt", "a.", "a ", "e\u0301", "é",
]  # fmt: skip
LINKS = [
    ("link", "../outside"), ("link", "/etc/passwd"), ("link", ".."), ("link", "a/../../outside"), ("hard", "../outside"),
    ("hard", "/etc/passwd"), ("link", "\\..\\outside"), ("link", ""), ("hard", "missing"), ("link", "link"),
]  # fmt: skip
KINDS = {"symbolic": tarfile.SYMTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE}
SPECIAL = [
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
    b"S",
    b"L",
    b"x",
    b"g",
    b"V",
    b"\xff",
]


def tar(*members: tuple[str, bytes, bytes, str]) -> bytes:
    """Return an archive of members: name, type, content, target of a link."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, kind, content, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.mode = kind, target, len(content), 0o6777
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def as_tar(path: str) -> bytes:
    return tar((path, tarfile.REGTYPE, b"x", ""))


def as_zip(path: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("x"), b"x")
        info = zipfile.ZipInfo(path.replace("\0", "\1") or "x/")
        archive.writestr(info, b"x")
    return packed.getvalue()


def unpack_to(archive: Path, target: Path) -> None:
    """Unpack an archive; it may be refused."""
    try:
        unpack_tree(archive, target)
    except (InvalidTree, OSError):
        return


def for_worker(archive: Path, target: Path) -> None:
    """Unpack an artifact; it may be refused."""
    try:
        unpack(archive, target)
    except (InvalidArchive, OSError):
        return


def verify(archive: Path, _target: Path) -> None:
    """Verify an artifact, which is refused."""
    sink = Sink()
    verify_artifact(archive, sink)
    assert sink.has_errors()


READERS: dict[str, tuple[str, Callable[[str], bytes], Callable[[Path, Path], None]]] = {
    "source archive (tar)": ("a.tar.gz", as_tar, unpack_to),
    "source archive (zip)": ("a.zip", as_zip, unpack_to),
    "artifact": ("a.tar.gz", as_tar, for_worker),
    "artifact to verify": ("a.tar.gz", as_tar, verify),
}
MEMBERS = [
    *(tar((name, KINDS[name], b"", target), (f"{name}/inside", tarfile.REGTYPE, b"x", "")) for name, target in LINKS),
    *(tar(("special", kind, b"", "x"), ("inside", tarfile.REGTYPE, b"x", "")) for kind in SPECIAL),
    tar(("a", tarfile.SYMTYPE, b"", "."), ("a/b", tarfile.SYMTYPE, b"", ".."), ("a/b/outside", tarfile.REGTYPE, b"x", "")),
    tar(("d", tarfile.SYMTYPE, b"", "."), ("x", tarfile.SYMTYPE, b"", "d/..")),
    tar(("x", tarfile.LNKTYPE, b"", "y"), ("y", tarfile.REGTYPE, b"x", "")),
    tar(("x", tarfile.LNKTYPE, b"", "y"), ("y", tarfile.SYMTYPE, b"", "../outside"), ("x", tarfile.REGTYPE, b"x", "")),
    tar(("L", tarfile.SYMTYPE, b"", "a"), ("l/outside", tarfile.REGTYPE, b"x", "")),
    tar(("a", tarfile.DIRTYPE, b"", ""), ("a", tarfile.SYMTYPE, b"", "/tmp"), ("a/outside", tarfile.REGTYPE, b"x", "")),
]  # fmt: skip


def bombs() -> dict[str, tuple[str, bytes]]:
    """Return archives that are small, and huge when they are unpacked."""
    zeros = bytes(1 << 20)
    huge = io.BytesIO()
    with gzip.GzipFile(fileobj=huge, mode="wb", compresslevel=1) as stream:
        info = tarfile.TarInfo("zeros")
        info.size = 2048 << 20
        stream.write(info.tobuf())
        for _ in range(100):
            stream.write(zeros)
    many = io.BytesIO()
    with tarfile.open(fileobj=many, mode="w:gz", compresslevel=1) as archive:
        for number in range(2000):
            info = tarfile.TarInfo(f"file{number}")
            info.size = 1 << 40 if number == 1999 else 0
            archive.addfile(info) if info.size == 0 else archive.fileobj.write(info.tobuf())
    return {
        "huge file in a tar": ("a.tar.gz", huge.getvalue()),
        "size of a file that is not there": ("a.tar.gz", many.getvalue()),
        "huge file in a zip": ("a.zip", zip_of(("zeros", bytes(100 << 20)))),
        "many files in a zip": ("a.zip", zip_of(*((f"f{n}", bytes(2 << 20)) for n in range(50)))),
        "zip in a zip": ("a.zip", zip_of(("inner.zip", zip_of(("zeros", bytes(20 << 20)))))),
        "gzip in a gzip": ("a.tar.gz", gzip.compress(gzip.compress(bytes(20 << 20)))),
        "endless headers": ("a.tar.gz", gzip.compress(tarfile.TarInfo("x" * 90).tobuf(tarfile.PAX_FORMAT) * 3000)),
        "sparse file": ("a.tar.gz", tar(("s", tarfile.GNUTYPE_SPARSE, b"", ""))),
    }  # fmt: skip


def zip_of(*members: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


BOMBS = [
    "huge file in a tar", "size of a file that is not there", "huge file in a zip", "many files in a zip", "zip in a zip",
    "gzip in a gzip", "endless headers", "sparse file",
]  # fmt: skip
VARIANTS = {
    "paths in archives": len(PATHS) * len(READERS),
    "links and devices in archives": len(MEMBERS) * 3,
    "decompression bombs": len(BOMBS) * 3,
}


def run(name: str, data: bytes, read: Callable[[Path, Path], None], base: Path) -> None:
    """Read an archive in a folder of its own; nothing may be written elsewhere."""
    inner = base / "inner"
    inner.mkdir(parents=True)
    (inner / name).write_bytes(data)
    (base / "outside").write_text("old")
    with limits():
        read(inner / name, inner / "out")
    assert sorted(os.listdir(base)) == ["inner", "outside"]
    assert (base / "outside").read_text() == "old"
    assert set(os.listdir(inner)) <= {name, "out"}
    total = 0
    for folder, folders, files in os.walk(inner / "out"):
        for each in (*folders, *files):
            path = os.path.join(folder, each)
            assert os.path.realpath(path).startswith(os.path.realpath(inner / "out")), path
            assert os.path.isfile(path) or os.path.isdir(path) or os.path.islink(path)
            status = os.lstat(path)
            assert os.path.islink(path) or not status.st_mode & 0o7022, oct(status.st_mode)
            total += status.st_blocks * 512
    assert total < 400 << 20


@pytest.mark.parametrize("reader", READERS)
def test_no_path_of_an_archive_leaves_its_folder(reader: str, tmp_path: Path) -> None:
    name, pack, read = READERS[reader]
    for number, path in enumerate(PATHS):
        run(name, pack(path), read, tmp_path / str(number))


@pytest.mark.parametrize("read", [unpack_to, for_worker, verify], ids=lambda each: each.__name__)
def test_no_link_and_no_device_of_an_archive_leaves_its_folder(
    read: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    for number, data in enumerate(MEMBERS):
        run("a.tar.gz", data, read, tmp_path / str(number))


def test_no_archive_fills_the_disk_or_the_memory(tmp_path: Path) -> None:
    assert list(bombs()) == BOMBS

    def pack(wheel: Path, target: Path) -> None:
        try:
            pack_again(wheel, target)
        except InvalidTree:
            return

    for name, (file, data) in bombs().items():
        for reader in (unpack_to, verify, pack):
            run(file, data, reader, tmp_path / name / reader.__name__)

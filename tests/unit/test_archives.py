"""Archives of others are unpacked without special files, special permissions and detours."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from flashc_backends.archive import SEAL_SIZE, has_seal, seal_of
from flashc_core.archives import InvalidArchive, unpack

Member = tuple[str, bytes, str, int]
"""A name, a type of `tarfile`, the target of a link, and permissions."""


def _archive(path: Path, *members: Member) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, kind, target, mode in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode = kind, target, mode
            info.size = 1 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"x"))
    return path


@pytest.mark.parametrize(
    ("link", "target"),
    [
        # The library would take the member of this name, as it is, in place of a link that can't be made.
        (("x.py", tarfile.SYMTYPE, "", 0o644), ("", tarfile.REGTYPE, "", 0o7777)),
        (("x.py", tarfile.SYMTYPE, "", 0o644), ("", tarfile.FIFOTYPE, "", 0o644)),
        (("a", tarfile.SYMTYPE, "b", 0o644), ("b", tarfile.CHRTYPE, "", 0o644)),
        (("x.py", tarfile.SYMTYPE, "n" * 5000, 0o644), ("n" * 5000, tarfile.REGTYPE, "", 0o7777)),
        (("x.py", tarfile.LNKTYPE, "y.py", 0o644), ("y.py", tarfile.REGTYPE, "", 0o7777)),
    ],
    ids=["no target", "no target but a pipe", "in the place of a folder", "too long", "too early"],
)
@pytest.mark.parametrize("is_foreign", [True, False])
def test_a_link_that_cannot_be_made_is_refused(
    link: Member, target: Member, is_foreign: bool, tmp_path: Path
) -> None:
    folder: Member = ("a/c", tarfile.REGTYPE, "", 0o644)
    archive = _archive(tmp_path / "a.tar.gz", folder, link, target)
    with pytest.raises(InvalidArchive):
        unpack(archive, tmp_path / "out", is_foreign=is_foreign)
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or path.is_file()
        assert not os.lstat(path).st_mode & 0o7022


def test_links_to_files_are_unpacked(tmp_path: Path) -> None:
    archive = _archive(
        tmp_path / "a.tar.gz",
        ("d/a.py", tarfile.REGTYPE, "", 0o7777),
        ("d/b.py", tarfile.SYMTYPE, "a.py", 0o777),
        ("c.py", tarfile.LNKTYPE, "d/a.py", 0o644),
    )
    unpack(archive, tmp_path / "out", is_foreign=True)
    assert os.readlink(tmp_path / "out/d/b.py") == "a.py"
    assert (tmp_path / "out/c.py").read_bytes() == b"x"
    assert not os.lstat(tmp_path / "out/d/a.py").st_mode & 0o7022


class _Shrinking(io.BytesIO):
    """A file that another program cuts after its size was asked for."""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return super().seek(offset, whence) + (1000 if whence == os.SEEK_END else 0)


@pytest.mark.parametrize("length", [0, 1, SEAL_SIZE - 1, SEAL_SIZE, 5000])
def test_the_search_for_a_seal_ends_at_the_start_of_a_file(length: int) -> None:
    content = bytes(length)
    sealed = content + seal_of(hashlib.sha256(content).digest())
    for stream, expected in (
        (io.BytesIO(content), False),
        (io.BytesIO(sealed), True),
        (_Shrinking(sealed), False),
    ):
        assert has_seal(stream) is expected
        assert stream.tell() == 0

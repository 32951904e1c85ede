"""Writing outputs: what `--keep-build` unpacks, and outputs that replace the old ones together."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from flashc_backends.write import CannotWrite, replacing_together
from flashc_core.archives import InvalidArchive, unpack
from flashc_core.diagnostics import Sink


def be_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `tarfile` what it was before Python 3.11.4."""
    real = tarfile.TarFile.extractall

    def old(
        self: tarfile.TarFile, path: Path, members: Iterable[tarfile.TarInfo] | None = None
    ) -> None:
        options = {"filter": "fully_trusted"} if hasattr(tarfile, "FilterError") else {}
        real(self, path, members, **options)  # type: ignore[arg-type]

    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    monkeypatch.setattr(tarfile.TarFile, "extractall", old)


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o4755
    return info


@pytest.mark.parametrize("is_old", [False, True])
@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside"),
        member("a/../../outside"),
        member("link", tarfile.SYMTYPE, "../outside"),
        member("a/link", tarfile.SYMTYPE, "../../outside"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "../outside"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda info: f"{info.name} {info.linkname}".strip(),
)
def test_nothing_is_written_outside_of_the_folder(
    hostile: tarfile.TarInfo, is_old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_old:
        be_old(monkeypatch)
    artifact, folder = tmp_path / "artifact.tar.gz", tmp_path / "inner" / "folder"
    with tarfile.open(artifact, "w:gz") as archive:
        archive.addfile(hostile)
    with pytest.raises(InvalidArchive):
        unpack(artifact, folder)
    assert not [path for path in tmp_path.rglob("*") if path.name in ("outside", "link", "pipe")]


@pytest.mark.parametrize("is_old", [False, True])
def test_harmless_links_are_kept_and_special_permissions_are_not(
    is_old: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_old:
        be_old(monkeypatch)
    artifact, folder = tmp_path / "artifact.tar.gz", tmp_path / "folder"
    with tarfile.open(artifact, "w:gz") as archive:
        archive.addfile(member("file"))
        archive.addfile(member("a/link", tarfile.SYMTYPE, "../file"))
    unpack(artifact, folder)
    assert (folder / "a" / "link").resolve() == (folder / "file").resolve()
    assert (folder / "file").stat().st_mode & 0o7777 == 0o755


def test_archives_are_unpacked_on_every_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`extractall` has a `filter` since Python 3.11.4 only; Debian 12 has 3.11.2."""
    (tmp_path / "worker.py").write_text("x = 1\n")
    artifact = tmp_path / "artifact.tar.gz"
    with tarfile.open(artifact, "w:gz") as archive:
        archive.add(tmp_path / "worker.py", "worker.py")
    folder = tmp_path / "build"
    unpack(artifact, folder)
    assert [path.name for path in folder.iterdir()] == ["worker.py"]

    be_old(monkeypatch)
    unpack(artifact, folder)
    assert (folder / "worker.py").read_text() == "x = 1\n"


def test_outputs_replace_the_old_ones_only_if_all_are_complete(tmp_path: Path) -> None:
    file, folder, sink = tmp_path / "file", tmp_path / "folder", Sink()
    file.write_text("old")
    folder.mkdir()
    (folder / "old").write_text("")
    with pytest.raises(KeyError), replacing_together(sink) as outputs:
        with outputs.file(file) as temporary:
            temporary.write_text("new")
        with outputs.folder(folder) as new:
            (new / "new").write_text("")
        raise KeyError
    assert file.read_text() == "old"
    assert sorted(tmp_path.rglob("*")) == [file, folder, folder / "old"]
    with replacing_together(sink) as outputs:
        with outputs.file(file) as temporary:
            temporary.write_text("new")
        with outputs.folder(folder) as new:
            (new / "new").write_text("")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert sorted(tmp_path.rglob("*")) == [file, folder, folder / "new"]
    assert not list(sink)


def test_what_was_asked_for_first_is_replaced_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the first step, a build leaves the old artifact, which is asked for first."""
    artifact, record = tmp_path / "artifact", tmp_path / "record"
    for file in (artifact, record):
        file.write_text("old")
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if target == artifact:
            raise PermissionError(13, "Permission denied")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    sink = Sink()
    with pytest.raises(CannotWrite), replacing_together(sink) as outputs:
        for file in (artifact, record):
            with outputs.file(file) as temporary:
                temporary.write_text("new")
    assert (artifact.read_text(), record.read_text()) == ("old", "new")
    assert [d.message for d in sink] == ["`artifact` can't be written: Permission denied"]
    assert sorted(tmp_path.iterdir()) == [artifact, record]

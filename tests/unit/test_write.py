"""Writing outputs: what `--keep-build` unpacks."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from flashc_backends.write import unpack


def test_unpacking_replaces_the_folder_on_every_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`extractall` has a `filter` since Python 3.11.4 only; Debian 12 has 3.11.2."""
    (tmp_path / "worker.py").write_text("x = 1\n")
    artifact = tmp_path / "artifact.tar.gz"
    with tarfile.open(artifact, "w:gz") as archive:
        archive.add(tmp_path / "worker.py", "worker.py")
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "old.py").write_text("")
    unpack(artifact, folder)
    assert [path.name for path in folder.iterdir()] == ["worker.py"]

    real = tarfile.TarFile.extractall

    def old(self: tarfile.TarFile, path: Path) -> None:
        options = {"filter": "fully_trusted"} if hasattr(tarfile, "FilterError") else {}
        real(self, path, **options)  # type: ignore[arg-type]

    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    monkeypatch.setattr(tarfile.TarFile, "extractall", old)
    unpack(artifact, folder)
    assert (folder / "worker.py").read_text() == "x = 1\n"

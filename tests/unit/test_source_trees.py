"""Sources of packages that are damaged or written wrongly are findings, whatever is wrong."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flashc_backends.dependencies.trees import InvalidTree, code_of_build, unpack_tree

TEXT = "".join(f"line {number}\n" for number in range(5000)).encode()


def _zip(compression: int = zipfile.ZIP_DEFLATED) -> bytearray:
    """An archive with one file, whose name and head take the first 34 bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("p/py", TEXT)
    return bytearray(buffer.getvalue())


def _tar() -> bytearray:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        info = tarfile.TarInfo("p/py")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))
    return bytearray(buffer.getvalue())


def _with_bytes(data: bytearray, start: int, content: bytes) -> bytes:
    data[start : start + len(content)] = content
    return bytes(data)


def _in_directory(offset: int, content: bytes) -> bytes:
    """The archive with other bytes in its list of files and in the head of its file."""
    data = _zip()
    _with_bytes(data, offset - 2, content)
    return _with_bytes(data, data.index(b"PK\1\2") + offset, content)


ARCHIVES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "no archive": (".tar.gz", lambda: b"hello"),
    "cut": (".tar.gz", lambda: bytes(_tar()[:200])),
    "damaged xz": (".tar.xz", lambda: _with_bytes(_tar(), 150, bytes(40))),
    "damaged deflate": (".zip", lambda: _with_bytes(_zip(), 34, b"\xff" * 40)),
    "damaged lzma": (".zip", lambda: _with_bytes(_zip(zipfile.ZIP_LZMA), 34, b"\xff" * 40)),
    "encrypted": (".zip", lambda: _in_directory(8, b"\1")),
    "an unknown compression": (".zip", lambda: _in_directory(10, b"\x63")),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_that_can_not_be_unpacked_is_invalid(kind: str, tmp_path: Path) -> None:
    ending, make = ARCHIVES[kind]
    file = tmp_path / f"a{ending}"
    file.write_bytes(make())
    with pytest.raises(InvalidTree, match="it can't be unpacked"):
        unpack_tree(file, tmp_path / "tree")


@pytest.mark.parametrize("requires", ["5", '"setuptools"', "{}", '["!"]'])
def test_requirements_of_a_build_that_are_none_are_invalid(requires: str, tmp_path: Path) -> None:
    text = f"[build-system]\nrequires = {requires}\n"
    (tmp_path / "pyproject.toml").write_text(text)
    with pytest.raises(InvalidTree):
        code_of_build(tmp_path)


@pytest.mark.parametrize(
    "table",
    [
        "[tool.hatch.build.targets]\nwheel = 5\n",
        "[tool.hatch]\nbuild = 5\n",
        "[tool.setuptools.dynamic]\nversion = 5\n",
        "[tool.pdm]\nversion = []\n",
        "[tool]\nhatch = 5\nsetuptools = 5\n",
    ],
)
def test_tables_of_a_build_with_other_types_name_no_program(table: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[build-system]\nrequires = []\n{table}")
    assert code_of_build(tmp_path) is None


@pytest.mark.parametrize(
    "table",
    [
        "[tool.hatch.build.targets.wheel.hooks.custom]\n",
        "[tool.hatch.build.hooks.custom]\n",
        '[tool.setuptools.dynamic]\nversion = { attr = "a.b" }\n',
        '[tool.pdm.build]\ncustom-hook = "x.py"\n',
    ],
)
def test_tables_of_a_build_that_name_programs_are_found(table: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[build-system]\nrequires = []\n{table}")
    assert code_of_build(tmp_path) is not None

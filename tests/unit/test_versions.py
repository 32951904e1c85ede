"""Versions are those that `importlib.metadata` reads."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from flashc_core.versions import version_of


@pytest.mark.parametrize("name", ["deflate", "flashc", "libcst", "uv", "pip-tools"])
def test_the_version_of_a_distribution_is_that_of_its_metadata(name: str) -> None:
    assert version_of(name) == version(name)


def test_a_distribution_with_two_folders_has_the_version_that_python_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("1.0", "2.0"):
        folder = tmp_path / f"twice_here-{each}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: twice_here\nVersion: {each}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert version_of("twice_here") == version("twice_here")


def test_a_distribution_that_is_not_installed_has_no_version() -> None:
    with pytest.raises(PackageNotFoundError):
        version_of("no-such-distribution")

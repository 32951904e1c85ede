"""Packages of the operating system: what a worker asks apt for before it loads an endpoint's code."""

from __future__ import annotations

from pathlib import Path

import pytest

from flashc_backends.runtime.system import install


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which programs in the place of apt and dpkg write their arguments.

    They know that `curl` is installed, and find no package `nowhere`.
    """
    asked = tmp_path / "asked"
    scripts = {
        "dpkg-query": 'for last; do :; done; [ "$last" = curl ] && printf installed || exit 1',
        "apt-get": (
            f'echo "$@" >> {asked}; case "$*" in *nowhere*) '
            'echo "E: Unable to locate package nowhere" >&2; exit 100;; esac'
        ),
    }
    for name, text in scripts.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("RUNPOD_ENDPOINT_ID", "e1")
    return asked


def test_what_is_missing_is_installed_by_one_call(asked: Path) -> None:
    install(("ffmpeg", "curl", "libgl1=1.6"))
    assert asked.read_text().splitlines() == [
        "update",
        "install -y --no-install-recommends -- ffmpeg libgl1=1.6",
    ]


def test_apt_is_not_asked_if_nothing_is_missing(asked: Path) -> None:
    install(("curl",))
    assert not asked.exists()


def test_a_package_that_does_not_exist_stops_the_worker_with_the_reason(asked: Path) -> None:
    with pytest.raises(RuntimeError, match="Unable to locate package nowhere"):
        install(("nowhere",))


def test_a_machine_without_apt_says_so(
    asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(RuntimeError, match="apt-get"):
        install(("ffmpeg",))


@pytest.mark.parametrize(
    ("name", "text"), [("RUNPOD_ENDPOINT_ID", ""), ("FLASHC_SYSTEM_PACKAGES", "as they are")]
)
def test_nothing_is_installed_on_other_machines(
    name: str, text: str, asked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, text)
    install(("ffmpeg",))
    assert not asked.exists()

"""The names of the processes that own a preview, and whether these processes still run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flashc_backends.platform.engines import owners
from flashc_backends.platform.engines.owners import is_alive, process_of, this_process


def ended_process() -> int:
    """Return the id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_process_is_alive_under_its_own_name() -> None:
    owner = this_process()
    assert is_alive(owner)
    assert process_of(owner) == os.getpid()
    boot, process, start = owner.split("/")
    assert not is_alive(f"{boot}/{process}/{start}0")
    assert not is_alive(f"another-start/{process}/{start}")


@pytest.mark.parametrize(
    "owner", ["", "unknown", "a/b/c", "unknown//", "unknown/-1/", "unknown/²/"]
)
def test_a_text_that_names_no_process_is_not_alive(owner: str) -> None:
    assert process_of(owner) is None
    assert not is_alive(owner)


def test_a_process_that_ended_is_found_dead_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "_boot_id", lambda: "unknown")
    monkeypatch.setattr(owners, "_start_of", lambda _process: "")
    assert this_process() == f"unknown/{os.getpid()}/"
    assert is_alive(this_process())
    assert not is_alive(f"unknown/{ended_process()}/")
    assert not is_alive(f"unknown/{10**30}/")

"""What a report advises if a package tool can't be run or takes too long."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from flashc_backends.base import Services
from flashc_backends.dependencies import tools
from flashc_core.diagnostics import Sink


def advice(sink: Sink) -> str:
    """Return the help of the only finding."""
    (finding,) = sink
    return " ".join(finding.help)


@pytest.mark.parametrize("may_run_code", [False, True])
def test_a_tool_that_can_not_be_started(
    tmp_path: Path, may_run_code: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(tools, "run_to_the_end", fails)
    sink = Sink()
    with pytest.raises(tools.DependencyError):
        tools.run([str(tmp_path / "uv")], Services(sink=sink), may_run_code=may_run_code)
    assert advice(sink).startswith("check that `uv` is installed and may be run")


@pytest.mark.parametrize(
    ("may_run_code", "help"), [(False, "check the network"), (True, "look at what the packages do")]
)
def test_a_tool_that_takes_too_long(
    may_run_code: bool, help: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise subprocess.TimeoutExpired("uv", 1800)

    monkeypatch.setattr(tools, "run_to_the_end", fails)
    sink = Sink()
    with pytest.raises(tools.DependencyError):
        tools.run(["uv"], Services(sink=sink), may_run_code=may_run_code)
    assert advice(sink).startswith(help)

"""Test the digests of what results are computed from."""

from __future__ import annotations

from pathlib import Path

from flashc.project.inputs import InputDigests, file_input, value_input
from tests.support.projects import opened, write


def test_a_value_of_a_module_is_never_read_as_a_file(tmp_path: Path) -> None:
    root = write(tmp_path, {"m.py": "x = 1\n", "m:x": "a file with the name of the input"})
    project = opened(root).project
    item = value_input("m", "x")
    assert InputDigests(project, {}, lambda module, name: f"{module}-{name}").digest(item) == "m-x"
    without = InputDigests(project, {})
    assert without.digest(item) != without.digest(item)  # as in a forged entry, which never fits


def test_the_digest_of_a_file_that_is_absent_is_empty(tmp_path: Path) -> None:
    project = opened(write(tmp_path, {"m.py": ""})).project
    assert InputDigests(project, {}).digest(file_input("n.txt")) == ""
    assert InputDigests(project, {}).digest(file_input("m.py"))

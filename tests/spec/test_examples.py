"""The printed IR of each example is the reviewed one; `--update-snapshots` rewrites `tests/golden`."""

from __future__ import annotations

import pytest

from tests.support.console import run_flashc
from tests.support.projects import EXAMPLES, ROOT

GOLDEN = ROOT / "tests" / "golden"


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.ir")))
def test_the_printed_program_is_the_reviewed_one(name: str, updating: bool) -> None:
    done = run_flashc(EXAMPLES / name, "emit", "--target", "ir", "--python-version", "3.12")
    assert done.code == 0, done.output
    golden = GOLDEN / f"{name}.ir"
    if updating:
        golden.write_text(done.stdout, encoding="utf-8", newline="")
    assert done.stdout == golden.read_text(encoding="utf-8")


def test_every_example_has_a_golden() -> None:
    examples = {path.parent.name for path in EXAMPLES.glob("*/README.md")}
    assert examples == {path.stem for path in GOLDEN.glob("*.ir")}

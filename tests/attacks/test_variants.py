"""The README of this folder counts the variants of attacks that the tests try."""

from __future__ import annotations

import re
from pathlib import Path

from tests.attacks import (
    test_variants_of_archives,
    test_variants_of_files,
    test_variants_of_programs,
    test_variants_of_settings,
    test_variants_of_texts,
)

MODULES = (
    test_variants_of_archives,
    test_variants_of_files,
    test_variants_of_programs,
    test_variants_of_settings,
    test_variants_of_texts,
)
_ROW = re.compile(r"^\| ([^|]+?) \| (\d+) \| ", re.MULTILINE)


def test_the_table_lists_every_kind_with_its_number() -> None:
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    listed = {kind: int(number) for kind, number in _ROW.findall(text)}
    counted = {kind: number for module in MODULES for kind, number in module.VARIANTS.items()}
    assert listed == counted
    assert sum(counted.values()) >= 1000

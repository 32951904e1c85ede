"""Helpers that every endpoint imports."""

import json
from pathlib import Path

TABLES = Path(__file__).parent / "tables.json"


def load_table(name: str) -> dict:
    return json.loads(TABLES.read_text())[name]


def rounded(value: float) -> float:
    return round(value, 2)

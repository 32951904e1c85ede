"""`pytest tests/spec --update-snapshots` rewrites the snapshots of the chapters in place."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-snapshots",
        action="store_true",
        default=False,
        help="write what flashc prints into the chapters; review the difference with `git diff`",
    )


@pytest.fixture
def updating(request: pytest.FixtureRequest) -> bool:
    """Whether snapshots are to be rewritten."""
    return bool(request.config.getoption("--update-snapshots", default=False))

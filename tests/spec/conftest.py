"""`pytest tests/spec --update-snapshots` rewrites the snapshots of the chapters in place."""

from __future__ import annotations

import pytest


@pytest.fixture
def updating(request: pytest.FixtureRequest) -> bool:
    """Return whether snapshots are to be rewritten."""
    return bool(request.config.getoption("--update-snapshots", default=False))

"""Fixtures that end-to-end tests share: an app that is deployed to a platform of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client_machine import Machine, platform
from tests.support.shop import Shop, deploy_shop


@pytest.fixture(scope="session")
def shop(
    tmp_path_factory: pytest.TempPathFactory, cache_folder: Path, incumbent: Path
) -> Iterator[Shop]:
    """The deployed app; scripts of tests call it."""
    machine = Machine(tmp_path_factory.mktemp("scripts"), cache_folder)
    with platform(machine):
        yield deploy_shop(machine, incumbent.with_name("python"))

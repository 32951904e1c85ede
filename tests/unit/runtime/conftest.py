"""Each test of the runtime starts as a worker does: nothing is registered, and no variable is set.

These tests import the runtime and nothing else of flashc, so that they also run on Python 3.10.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from flashc_backends.runtime import identity, platform, proof, registry, threads, trace


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take back what the runtime keeps for a whole process."""
    for name in list(os.environ):
        if name.startswith(("FLASH", "RUNPOD_")):
            monkeypatch.delenv(name)
    trace.begin("", None)
    monkeypatch.setattr(identity, "_own", None)
    monkeypatch.setattr(proof, "_proofs", ["proof-of-the-app"])
    monkeypatch.setattr(registry, "_targets", {})
    monkeypatch.setattr(registry, "_routes", {})
    monkeypatch.setattr(platform, "_urls", {})
    monkeypatch.setattr(platform, "_fresh_until", 0.0)
    monkeypatch.setattr(platform, "_refreshing", False)
    monkeypatch.setattr(platform, "_surroundings", platform.Surroundings())
    pools: dict[int, ThreadPoolExecutor] = {}
    monkeypatch.setattr(threads, "_pools", pools)
    yield
    for pool in pools.values():
        pool.shutdown()

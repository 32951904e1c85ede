"""Provide the faults that the local platform makes happen during a test; `spec/faults.toml` has an example of each."""

from __future__ import annotations

from flashc_backends.platform.faults import (
    ColdStart,
    Death,
    DoubleResult,
    IdleWorker,
    LateResult,
    LostResult,
    Network,
    NoStock,
    OldRelease,
    Unauthorized,
)

__all__ = [
    "ColdStart",
    "Death",
    "DoubleResult",
    "IdleWorker",
    "LateResult",
    "LostResult",
    "Network",
    "NoStock",
    "OldRelease",
    "Unauthorized",
]

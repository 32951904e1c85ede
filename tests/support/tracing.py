"""Trace projects in the sandbox of this machine; without one on machines that have none.

With `FLASHC_SANDBOX=required`, a machine without one fails the tests that need it.
"""

from __future__ import annotations

import os

import pytest

from flashc.frontend.trace_sandbox import find_sandbox

HAS_SANDBOX = not isinstance(find_sandbox(), str)
TRACED = {"trace": True, "no_sandbox": not HAS_SANDBOX}
"""The options that trace a project here."""

needs_sandbox = pytest.mark.skipif(
    not HAS_SANDBOX and os.environ.get("FLASHC_SANDBOX") != "required",
    reason="bubblewrap makes no sandbox here",
)

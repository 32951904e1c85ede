"""Test Flash apps with pytest: on the local platform, or inside the test process.

The fixtures are in `plugin.py`, which pytest loads by itself.
"""

from __future__ import annotations

TYPE_CHECKING = False  # pytest imports this package in every run, so names are imported when they are used first
if TYPE_CHECKING:
    from flashc_backends.runtime.errors import EndpointNotFound as EndpointNotFound
    from flashc_backends.runtime.errors import RemoteError as RemoteError
    from flashc_backends.runtime.errors import RemoteTimeout as RemoteTimeout

    from . import faults as faults
    from .app import App as App
    from .endpoints import DidNotStart as DidNotStart
    from .local import LocalApp as LocalApp
    from .running import RunningApp as RunningApp
    from .running import WrongFault as WrongFault
    from .targets import UnknownTarget as UnknownTarget

_HOMES = {
    "App": "flashc.testing.app",
    "DidNotStart": "flashc.testing.endpoints",
    "EndpointNotFound": "flashc_backends.runtime.errors",
    "LocalApp": "flashc.testing.local",
    "RemoteError": "flashc_backends.runtime.errors",
    "RemoteTimeout": "flashc_backends.runtime.errors",
    "RunningApp": "flashc.testing.running",
    "UnknownTarget": "flashc.testing.targets",
    "WrongFault": "flashc.testing.running",
}
__all__ = [
    "App",
    "DidNotStart",
    "EndpointNotFound",
    "LocalApp",
    "RemoteError",
    "RemoteTimeout",
    "RunningApp",
    "UnknownTarget",
    "WrongFault",
    "faults",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is used."""
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name == "faults":
        return import_module("flashc.testing.faults")
    raise AttributeError(f"module 'flashc.testing' has no attribute {name!r}")

"""The SDK for worker modules: declarations that mean something to the compiler and nothing to Python.

Importing a worker module, or running it as a script, gives the plain program: an endpoint's function is
just that function.  Standard library only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flashc_ir.platform.catalogue import (
    CpuInstanceType,
    CudaVersion,
    DataCenter,
    GpuGroup,
    GpuType,
    ServerlessScalerType,
)

__all__ = [
    "CpuInstanceType",
    "CudaVersion",
    "DataCenter",
    "Endpoint",
    "GpuGroup",
    "GpuType",
    "NetworkVolume",
    "PodTemplate",
    "ServerlessScalerType",
]

_T = TypeVar("_T")


class Endpoint:
    """An endpoint: a decorator for one function or class, or an object with routes.

    The compiler checks the parameters; `flashc explain FC101` lists them.
    """

    def __init__(self, name: str | None = None, **config: Any) -> None:
        self.name = name
        self.config = config

    def __call__(self, target: _T) -> _T:
        return target

    def get(self, path: str) -> Callable[[_T], _T]:
        """Serve `GET path` with the decorated function."""
        return _same

    def post(self, path: str) -> Callable[[_T], _T]:
        """Serve `POST path` with the decorated function."""
        return _same

    def put(self, path: str) -> Callable[[_T], _T]:
        """Serve `PUT path` with the decorated function."""
        return _same

    def delete(self, path: str) -> Callable[[_T], _T]:
        """Serve `DELETE path` with the decorated function."""
        return _same

    def patch(self, path: str) -> Callable[[_T], _T]:
        """Serve `PATCH path` with the decorated function."""
        return _same


def _same(target: _T) -> _T:
    return target


class NetworkVolume:
    """A network volume; `size` in GB."""

    def __init__(self, **config: Any) -> None:
        self.config = config


class PodTemplate:
    """Settings of a worker's container."""

    def __init__(self, **config: Any) -> None:
        self.config = config

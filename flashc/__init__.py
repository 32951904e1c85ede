"""Provide the names of Flash's SDK for worker modules, and the version of flashc.

flashc is the compiler for Runpod Flash apps.

Worker modules and scripts may import `Endpoint` and the other names of the SDK from here instead of
from `runpod_flash`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` is not imported at run time, because that takes longer than the rest of this module
if TYPE_CHECKING:
    from .sdk import CpuInstanceType as CpuInstanceType
    from .sdk import CudaVersion as CudaVersion
    from .sdk import DataCenter as DataCenter
    from .sdk import Endpoint as Endpoint
    from .sdk import EndpointJob as EndpointJob
    from .sdk import EndpointNotFound as EndpointNotFound
    from .sdk import GpuGroup as GpuGroup
    from .sdk import GpuType as GpuType
    from .sdk import NetworkVolume as NetworkVolume
    from .sdk import NoContext as NoContext
    from .sdk import PodTemplate as PodTemplate
    from .sdk import RemoteError as RemoteError
    from .sdk import RemoteTimeout as RemoteTimeout
    from .sdk import ServerlessScalerType as ServerlessScalerType
    from .sdk import timeout as timeout

__version__ = "0.1.0"
__all__ = [
    "CpuInstanceType",
    "CudaVersion",
    "DataCenter",
    "Endpoint",
    "EndpointJob",
    "EndpointNotFound",
    "GpuGroup",
    "GpuType",
    "NetworkVolume",
    "NoContext",
    "PodTemplate",
    "RemoteError",
    "RemoteTimeout",
    "ServerlessScalerType",
    "timeout",
]


def __getattr__(name: str) -> object:
    """Import a name of the SDK when it is used, because the command line does not need the SDK."""
    if name in __all__:
        from . import sdk

        return getattr(sdk, name)
    raise AttributeError(f"module 'flashc' has no attribute {name!r}")

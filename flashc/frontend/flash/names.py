"""List the packages and public names of the Flash SDK."""

from __future__ import annotations

from enum import Enum

from flashc_ir.platform import catalogue

# `_flashc` is the artifact's runtime; with it, the modules of an artifact can be compiled again.
# `tetra_rp` is the name that the SDK had before.
PACKAGES = frozenset({"runpod_flash", "tetra_rp", "flashc", "_flashc"})
# The modules that contain the public names; their other names exist only in the SDK.
PUBLIC_MODULES = frozenset({"runpod_flash", "tetra_rp", "flashc", "flashc.sdk"})
# Inner modules of the SDK that define public names; the runtime has them as names of its own.
INNER_MODULES = ("client", "endpoint")
INNER = frozenset(f"{sdk}.{name}" for sdk in ("runpod_flash", "tetra_rp") for name in INNER_MODULES)
CLASSES = ("Endpoint", "NetworkVolume", "PodTemplate")
ENUMS: dict[str, type[Enum]] = {
    e.__name__: e
    for e in (
        catalogue.GpuGroup,
        catalogue.GpuType,
        catalogue.CpuInstanceType,
        catalogue.DataCenter,
        catalogue.ServerlessScalerType,
        catalogue.CudaVersion,
    )
}
NAMES = (*CLASSES, *ENUMS)
# The names of the older dialect, which the runtime has too.
REMOTE = "remote"
RESOURCE_CLASSES = (
    *("LiveServerless", "CpuLiveServerless", "ServerlessEndpoint", "CpuServerlessEndpoint"),
    *("LiveLoadBalancer", "CpuLiveLoadBalancer"),
    *("LoadBalancerSlsResource", "CpuLoadBalancerSlsResource"),
)
OLDER = (REMOTE, *RESOURCE_CLASSES)
# The exceptions of calls, which only flashc's SDK has.
ERRORS = ("RemoteError", "RemoteTimeout", "EndpointNotFound")
# Names of other packages that the SDK's package has too; the runtime takes them from there.
REEXPORTS = ("find_dotenv", "load_dotenv")

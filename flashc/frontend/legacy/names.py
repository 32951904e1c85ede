"""List the packages and names of the older dialect of Flash."""

from __future__ import annotations

from flashc.frontend.flash.names import REMOTE as REMOTE
from flashc.frontend.flash.names import RESOURCE_CLASSES

PACKAGES = frozenset({"runpod_flash", "tetra_rp", "_flashc"})
CLASSES = RESOURCE_CLASSES
LOAD_BALANCED = frozenset(name for name in CLASSES if "LoadBalancer" in name)
# Classes that start a worker from an image of the program's own.
OWN_IMAGE = frozenset(name for name in CLASSES if "Live" not in name)
SUFFIX = "-fb"  # the SDK removes it from names
DEFAULT_CPU = "cpu3g-2-8"

# The parameters of `Endpoint` by the fields of a resource class that mean the same.
PARAMETER_BY_FIELD = {
    "name": "name",
    "gpus": "gpu",
    "instanceIds": "cpu",
    "idleTimeout": "idle_timeout",
    "executionTimeoutMs": "execution_timeout_ms",
    "gpuCount": "gpu_count",
    "flashboot": "flashboot",
    "env": "env",
    "template": "template",
    "networkVolume": "volume",
    "networkVolumes": "volume",
    "datacenter": "datacenter",
    "minCudaVersion": "min_cuda_version",
    "scalerType": "scaler_type",
    "scalerValue": "scaler_value",
    "python_version": "python_version",
}
WORKERS = ("workersMin", "workersMax")
LOCATIONS = "locations"
# How fields are written whose values differ from those of the parameters.
USAGES = {
    "workers": "workersMin=1, workersMax=3",
    "gpu": "gpus=[GpuGroup.ADA_24]",
    "cpu": 'instanceIds=["cpu3c-1-2"]',
}
IMAGE_SOURCES = ("imageName", "templateId")
# Fields that no deployment reads, or that the SDK fills in itself.
UNUSED = frozenset(
    "id type cudaVersions allowedCudaVersions networkVolumeId flashEnvironmentId workersPFBTarget "
    "activeBuildid aiKey computeType createdAt gpuIds hubRelease repo userId flashBootType".split()
)
FIELDS = frozenset({*PARAMETER_BY_FIELD, *WORKERS, LOCATIONS, *IMAGE_SOURCES, *UNUSED})
# The parameters of `remote` in their order.
PARAMETERS = (
    "resource_config",
    "dependencies",
    "system_dependencies",
    "accelerate_downloads",
    "local",
    "method",
    "path",
)
OF_ENDPOINT = ("dependencies", "system_dependencies", "accelerate_downloads")

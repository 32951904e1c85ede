"""The public names of the SDK."""

from __future__ import annotations

from enum import Enum

from flashc_ir.platform import catalogue

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

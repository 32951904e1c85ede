"""How much memory a GPU has, in GB, by the name that Flash programs choose it by on the wire.

Source: the data sheets that NVIDIA publishes for each model; a pool's name ends with its memory.
"""

from __future__ import annotations

from .catalogue import GpuGroup, GpuType

_MODELS: dict[GpuType, int] = {
    GpuType.NVIDIA_GEFORCE_RTX_4090: 24,
    GpuType.NVIDIA_GEFORCE_RTX_5090: 32,
    GpuType.NVIDIA_RTX_6000_ADA_GENERATION: 48,
    GpuType.NVIDIA_RTX_PRO_6000_BLACKWELL_SERVER_EDITION: 96,
    GpuType.NVIDIA_RTX_PRO_6000_BLACKWELL_WORKSTATION_EDITION: 96,
    GpuType.NVIDIA_RTX_PRO_6000_BLACKWELL_MAX_Q_WORKSTATION_EDITION: 96,
    GpuType.NVIDIA_H100_80GB_HBM3: 80,
    GpuType.NVIDIA_RTX_A4000: 16,
    GpuType.NVIDIA_RTX_A4500: 20,
    GpuType.NVIDIA_RTX_4000_ADA_GENERATION: 20,
    GpuType.NVIDIA_RTX_2000_ADA_GENERATION: 16,
    GpuType.NVIDIA_RTX_A5000: 24,
    GpuType.NVIDIA_L4: 24,
    GpuType.NVIDIA_GEFORCE_RTX_3090: 24,
    GpuType.NVIDIA_A40: 48,
    GpuType.NVIDIA_RTX_A6000: 48,
    GpuType.NVIDIA_A100_80GB_PCIe: 80,
    GpuType.NVIDIA_A100_SXM4_80GB: 80,
    GpuType.NVIDIA_H200: 141,
    GpuType.NVIDIA_B200: 180,
}
_POOLS: dict[GpuGroup, int] = {
    GpuGroup.ADA_24: 24,
    GpuGroup.ADA_32_PRO: 32,
    GpuGroup.ADA_48_PRO: 48,
    GpuGroup.ADA_80_PRO: 80,
    GpuGroup.AMPERE_16: 16,
    GpuGroup.AMPERE_24: 24,
    GpuGroup.AMPERE_48: 48,
    GpuGroup.AMPERE_80: 80,
    GpuGroup.HOPPER_141: 141,
    GpuGroup.BLACKWELL_96: 96,
    GpuGroup.BLACKWELL_180: 180,
}
GPU_MEMORY: dict[str, int] = {
    **{model.value: memory for model, memory in _MODELS.items()},
    **{pool.value: memory for pool, memory in _POOLS.items()},
}

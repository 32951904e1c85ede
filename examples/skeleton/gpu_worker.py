"""A queue-based endpoint on a GPU; it also runs where there is none."""

from flashc import Endpoint, GpuGroup


@Endpoint(name="skeleton-gpu", gpu=GpuGroup.ADA_24, workers=(0, 3), idle_timeout=30)
async def describe(prompt: str, temperature: float = 0.7) -> dict:
    """Say what a model would be asked."""
    return {"prompt": prompt, "words": len(prompt.split()), "temperature": temperature}

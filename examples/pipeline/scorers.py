"""Scoring and labelling, on GPUs."""

from runpod_flash import Endpoint, GpuGroup, GpuType

POSITIVE = {"good", "great", "fine"}


@Endpoint(name="pipeline-score", gpu=[GpuType.NVIDIA_L4, GpuType.NVIDIA_RTX_A5000], workers=(0, 8))
async def score(sentence: str) -> int:
    words = [word.strip(",;").lower() for word in sentence.split()]
    return sum(word in POSITIVE for word in words) * 10 + len(words)


@Endpoint(name="pipeline-labels", gpu=GpuGroup.AMPERE_24)
class Labeller:
    """Built once per worker, like a model that is loaded when the worker starts."""

    def __init__(self, threshold: int = 10):
        self.threshold = threshold

    async def label(self, scores: list) -> list:
        return [self._name(value) for value in scores]

    def names(self) -> list:
        return ["high", "low"]

    def _name(self, value: int) -> str:
        return "high" if value >= self.threshold else "low"

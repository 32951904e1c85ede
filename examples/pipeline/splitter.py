"""Splitting texts, on CPUs."""

from runpod_flash import CpuInstanceType, Endpoint


@Endpoint(name="pipeline-splitter", cpu=CpuInstanceType.CPU5C_2_4, workers=3)
def split_sentences(text: str) -> list:
    if not text.strip():
        raise ValueError("the text is empty")
    return [part.strip() for part in text.replace("!", ".").split(".") if part.strip()]

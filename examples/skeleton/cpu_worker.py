"""A queue-based endpoint on CPUs, as a plain function."""

from flashc import CpuInstanceType, Endpoint


@Endpoint(name="skeleton-cpu", cpu=CpuInstanceType.CPU3C_2_4, workers=2, max_concurrency=4)
def count_words(texts: list, minimum: int = 1) -> dict:
    """Count the words of at least `minimum` letters."""
    words = [word for text in texts for word in text.split() if len(word) >= minimum]
    return {"words": len(words), "longest": max(words, key=len, default=None)}

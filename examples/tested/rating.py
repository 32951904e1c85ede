"""Rating reviews, on a GPU, and splitting them, on CPUs."""

import os

from models import EmptyReview, Review

from flashc import Endpoint, GpuGroup

GOOD = {"good", "great", "fine"}
calls = 0


@Endpoint(name="tested-model", gpu=GpuGroup.AMPERE_24, env={"LEAST_STARS": "1"})
class Model:
    """Built once per worker, like a model that is loaded when the worker starts."""

    def __init__(self):
        self.least = int(os.environ["LEAST_STARS"])

    def rate(self, text: str) -> Review:
        if not text.strip():
            raise EmptyReview("the review is empty")
        good = sum(word.strip(".,!").lower() in GOOD for word in text.split())
        print(f"rated {len(text)} characters")
        return Review(text, min(5, self.least + 2 * good))

    def count(self) -> int:
        """How often this worker was asked."""
        global calls
        calls += 1
        return calls


@Endpoint(name="tested-sentences", cpu="cpu3c-1-2")
def sentences(text: str):
    """Yield the sentences of a text, one by one."""
    for part in text.split("."):
        if part.strip():
            yield part.strip()


@Endpoint(name="tested-mean", cpu="cpu3c-1-2")
async def mean(reviews: list[Review]) -> float:
    return sum(review.stars for review in reviews) / len(reviews)

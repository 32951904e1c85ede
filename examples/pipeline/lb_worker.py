"""The way in: one route that has everything else done by other endpoints."""

import asyncio

from runpod_flash import Endpoint

api = Endpoint(name="pipeline-api", cpu="cpu3c-1-2", workers=(1, 5))


@api.post("/analyse")
async def analyse(text: str, top: int = 2) -> dict:
    """Split a text, score its sentences in parallel, and label each score."""
    from scorers import Labeller, score
    from splitter import split_sentences

    sentences = await split_sentences(text)
    scores = await asyncio.gather(*map(score, sentences))
    ranked = sorted(zip(scores, sentences), reverse=True)[:top]
    labels = await Labeller().label([value for value, _ in ranked])
    return {
        "sentences": len(sentences),
        "best": [
            {"text": sentence, "score": value, "label": label}
            for (value, sentence), label in zip(ranked, labels)
        ],
    }


@api.get("/labels")
async def labels() -> dict:
    from scorers import Labeller

    return {"labels": await Labeller().names()}

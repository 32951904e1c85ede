"""What travels between the endpoints."""

from dataclasses import dataclass


@dataclass
class Review:
    text: str
    stars: int


class EmptyReview(ValueError):
    """A review without text."""

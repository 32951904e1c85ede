"""What the endpoints have in common; callers import from here."""

from .prices import total
from .stock import available

__all__ = ["available", "total"]

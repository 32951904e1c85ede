"""Hold the places of the arguments of the app's routes, as the compiler found them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

from .place import Place

# By resource, route and parameter, the fields of its `Place`.  flashc writes the value; a route with
# a place that the source does not show is not in it.
PLACES: dict[str, dict[str, dict[str, tuple[str, str, bool, bool]]]] = {}


def find(
    resource: str,
    method: str,
    path: str,
    parameters: Callable[[], Sequence[inspect.Parameter]],
) -> dict[str, Place]:
    """Return where the arguments of a route travel; `parameters` have annotations that are objects."""
    known = PLACES.get(resource, {}).get(f"{method} {path}")
    if known is not None:
        return {name: Place(*fields) for name, fields in known.items()}
    from .placement import places_of

    return places_of(parameters(), method, path)

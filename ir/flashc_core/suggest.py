"""Suggest the correct name for a misspelt one, for messages."""

from __future__ import annotations

from collections.abc import Collection


def nearest(name: str, choices: Collection[str]) -> str | None:
    """Return the choice that is most similar to a misspelt name; None if none is similar."""
    import difflib  # importing it takes a while, and most names are correct

    known = sorted(set(choices))
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return close[0]
    folded = {choice.lower(): choice for choice in known}
    close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(name: str, choices: Collection[str], what: str = "") -> tuple[str, ...]:
    """Return a `help` line with the nearest choice, or with all choices if none is similar."""
    close = nearest(name, choices)
    if close is not None:
        return (f"did you mean `{close}`?",)
    known = sorted(set(choices))
    return (f"choose one of {what}{', '.join(f'`{choice}`' for choice in known)}",)

"""Provide the environment variables that every worker has, from `data/variables.json`."""

from __future__ import annotations

from functools import cache

from msgspec import Struct

from .facts import Names, read_facts


class VariableFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """The names, and the beginnings of names, of variables that every worker has."""

    prefixes: Names
    names: Names


@cache
def _facts() -> VariableFacts:
    """Return the facts of the data file."""
    return read_facts("variables", VariableFacts)


def is_set_by_platform(variable: str) -> bool:
    """Return whether the platform, the worker image or its operating system sets a variable."""
    return variable.startswith(_facts().prefixes.names) or variable in _facts().names.names

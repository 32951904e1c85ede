"""Choose the engine: the one that the user wants, or the first that is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from flashc_core import rules

from .base import Engine, EngineError

EngineName = Literal["auto", "docker", "process"]
_T = TypeVar("_T")


async def start_on_engine(
    wanted: EngineName,
    start: Callable[[Engine], Awaitable[_T]],
    *,
    docker: Callable[[], Engine],
    processes: Callable[[], Engine],
    note: Callable[[str], object],
) -> _T:
    """Start something on the engine that the user wants, and return it.

    "auto" is Docker if its daemon answers; else `note` is told why workers run as processes.

    Raises:
        EngineError: the engine can't be used.
    """
    if wanted != "process":
        try:
            return await start(docker())
        except EngineError as error:
            if wanted == "docker" or error.rule is not rules.ENGINE_MISSING:
                raise
            note(f"{error}: workers run as processes")
    return await start(processes())

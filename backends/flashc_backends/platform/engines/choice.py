"""Choose the engine that runs the workers: the one that the user names, else Docker if it answers, else processes."""

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
    """Call `start` with the chosen engine, and return its result.

    "auto" is Docker if its daemon answers.  If not, `note` is called with the reason why workers run as processes.

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

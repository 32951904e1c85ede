"""Order the steps of a plan, so that endpoints that are called come before their callers, and do steps at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from flashc_core.graphs import reachable

from .plan import Step

_PARALLEL = 8  # endpoints at once


def waves(due: Iterable[Step], steps: Iterable[Step]) -> list[list[Step]]:
    """Return the steps `due` in groups; what a step's endpoint calls is in an earlier group.

    Endpoints that call each other in a cycle are in the same group.  `steps` are all steps of the
    plan, because a call may lead through an endpoint that does not change.
    """
    calls = {step.name: step.calls for step in steps}
    reached = {step.name: reachable(step.calls, lambda name: calls.get(name, ())) for step in due}
    waiting = {step.name: step for step in due}
    groups: list[list[Step]] = []
    while waiting:
        group = [
            step
            for name, step in waiting.items()
            if all(
                name in reached[other] for other in reached[name] & waiting.keys() if other != name
            )
        ]
        groups.append(group)
        for step in group:
            del waiting[step.name]
    return groups


def for_each(work: Callable[[Step], Any], steps: Iterable[Step]) -> None:
    """Do something for several steps at once; the first failure is raised when all have ended.

    An interruption lets those end that have begun, and none begin.
    """
    pool = ThreadPoolExecutor(_PARALLEL)
    try:
        done = [pool.submit(work, step) for step in steps]
        wait(done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    for each in done:
        each.result()

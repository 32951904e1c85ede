"""Order the steps of a plan: endpoints that are called come before their callers."""

from __future__ import annotations

from collections.abc import Iterable

from flashc_core.graphs import reachable

from .plan import Step


def waves(due: Iterable[Step], steps: Iterable[Step]) -> list[list[Step]]:
    """Return the steps `due` in groups; what a step's endpoint calls is in an earlier group.

    Endpoints that call each other in a circle are in the same group.  `steps` are all steps of the
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

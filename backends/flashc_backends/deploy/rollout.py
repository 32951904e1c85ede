"""Watch a rollout until every worker runs the new release, or until the release shows that it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum, unique

from msgspec import Struct

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Endpoint
from flashc_backends.cloud.port import Cloud

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0  # seconds
_FAILED_STARTS = 3  # workers that ended before they were ready
_LINES = 20  # the last lines of a worker that failed
_READY = frozenset(("RUNNING", "IDLE"))


@unique
class Outcome(StrEnum):
    """How the rollout of an endpoint ended."""

    DONE = "done"  # every worker runs the new release
    FAILED = "failed"  # workers of the new release end before they are ready
    LATE = "late"  # not done in time
    UNKNOWN = "unknown"  # the platform does not tell


class Watched(Struct, frozen=True, kw_only=True):
    """The end of a rollout; `lines` are the last lines of a worker that failed."""

    endpoint: Endpoint
    outcome: Outcome
    lines: tuple[str, ...] = ()


def workers_now(cloud: Cloud, endpoints: Iterable[str]) -> dict[str, frozenset[str]]:
    """Return the ids of the workers of endpoints; endpoints of which nothing is told are left out."""
    found: dict[str, frozenset[str]] = {}
    for endpoint in endpoints:
        try:
            found[endpoint] = frozenset(worker.id for worker in cloud.workers(endpoint))
        except CloudError as error:
            if error.trouble not in (Trouble.MISSING, Trouble.RETIRED):
                raise
    return found


def watch(
    cloud: Cloud,
    endpoints: Iterable[Endpoint],
    old_workers: Mapping[str, frozenset[str]],
    *,
    seconds: float,
    report: Callable[[str], None],
) -> tuple[Watched, ...]:
    """Wait until the rollouts of endpoints end, and say how each ended.

    Args:
        cloud: the platform.
        endpoints: the endpoints whose workers are to be replaced.
        old_workers: the ids of the workers before the change, by endpoint.
        seconds: the longest time to wait.
        report: gets a short text when something changes.

    Raises:
        CloudError: the platform can't be asked.
    """
    until = time.monotonic() + seconds
    open_ = {e.id: _Rollout(e, old_workers.get(e.id)) for e in endpoints}
    ended: dict[str, Watched] = {}
    pause = _FIRST_PAUSE
    while open_:
        for rollout in list(open_.values()):
            outcome = rollout.look(cloud)
            if outcome is None and time.monotonic() >= until:
                outcome = Outcome.LATE
            if outcome is None:
                continue
            endpoint = rollout.endpoint
            del open_[endpoint.id]
            lines = rollout.last_lines(cloud) if outcome is Outcome.FAILED else ()
            ended[endpoint.id] = Watched(endpoint=endpoint, outcome=outcome, lines=lines)
            report(f"{endpoint.name}: {rollout.told or outcome}")
            if outcome is Outcome.FAILED:  # nobody needs to wait for the others
                for other in open_.values():
                    ended[other.endpoint.id] = Watched(
                        endpoint=other.endpoint, outcome=Outcome.LATE
                    )
                return tuple(ended.values())
        if open_:
            time.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    return tuple(ended.values())


class _Rollout:
    """The rollout of one endpoint, as it was seen until now."""

    def __init__(self, endpoint: Endpoint, old: frozenset[str] | None) -> None:
        self.endpoint = endpoint
        self.told = ""
        self._old = old
        self._new: dict[str, bool] = {}  # worker -> whether it was ready
        self._failed: list[str] = []

    def look(self, cloud: Cloud) -> Outcome | None:
        """Return the outcome; None if the rollout goes on."""
        if self._old is None:
            return Outcome.UNKNOWN
        try:
            rollout, workers = cloud.rollout(self.endpoint.id), cloud.workers(self.endpoint.id)
        except CloudError as error:
            if error.trouble in (Trouble.MISSING, Trouble.RETIRED):
                return Outcome.UNKNOWN
            raise
        new = {w.id: w.state in _READY for w in workers if w.id not in self._old}
        gone = [w for w, was_ready in self._new.items() if w not in new and not was_ready]
        self._failed += [worker for worker in gone if worker not in self._failed]
        self._new |= {w: ready or self._new.get(w, False) for w, ready in new.items()}
        self._failed += [
            w.id
            for w in workers
            if w.id in new
            and w.state == "UNHEALTHY"
            and w.id not in self._failed
            and not self._new[w.id]
        ]
        is_given_up = not rollout.in_progress and rollout.on_latest < rollout.total
        if self._failed and (is_given_up or len(self._failed) >= _FAILED_STARTS):
            return Outcome.FAILED
        current = {worker.id for worker in workers if not worker.is_stale}
        is_complete = rollout.on_latest >= self.endpoint.settings.workers_min
        if rollout.is_done and is_complete and not current & self._old and all(new.values()):
            count = rollout.total
            self.told = f"{count} worker{'s' if count != 1 else ''} with the new release"
            return Outcome.DONE
        return None

    def last_lines(self, cloud: Cloud) -> tuple[str, ...]:
        """Return the last lines of a worker that failed; none if the platform does not keep them."""
        for worker in reversed(self._failed):
            try:
                lines = [line.text for line in cloud.log(self.endpoint.id, worker, follow=False)]
            except CloudError:  # the outcome matters more than its lines
                continue
            if lines:
                return tuple(lines[-_LINES:])
        return ()

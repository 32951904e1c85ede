"""Watch a rollout until every worker runs the new release, or until the release shows that it fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Mapping
from enum import StrEnum, unique

from msgspec import Struct

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Endpoint
from flashc_backends.cloud.pace import STANDARD, Pace
from flashc_backends.cloud.port import Cloud

from .probe import Probe

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
    identities: Mapping[str, str],
    *,
    seconds: float,
    report: Callable[[str], None],
    pace: Pace = STANDARD,
) -> tuple[Watched, ...]:
    """Wait until the rollouts of endpoints end, and say how each ended.

    Args:
        cloud: the platform.
        endpoints: the endpoints whose workers are to be replaced.
        old_workers: the ids of the workers before the change, by endpoint.
        identities: the identity of the build that workers are to run, by endpoint; only of
            endpoints whose workers can be asked for it, which is done if the platform does not tell.
        seconds: the longest time to wait.
        report: gets a short text when something changes.
        pace: how long to wait between looks.

    Raises:
        CloudError: the platform can't be asked.
    """
    until = time.monotonic() + seconds
    open_ = {
        e.id: _Rollout(e, old_workers.get(e.id), identities.get(e.id), pace.settle)
        for e in endpoints
    }
    ended: dict[str, Watched] = {}
    pause, longest = pace.watch
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
            if outcome is Outcome.FAILED:  # waiting for the others would change nothing
                for other in open_.values():
                    ended[other.endpoint.id] = Watched(
                        endpoint=other.endpoint, outcome=Outcome.LATE
                    )
                return tuple(ended.values())
        if open_:
            time.sleep(pause)
            pause = min(pause * 1.5, longest)
    return tuple(ended.values())


def with_new_release(
    endpoints: Iterable[Endpoint], rollouts: Iterable[Watched], changed: Container[str]
) -> dict[str, Endpoint]:
    """Return the endpoints, by name, that may be taken to run the new release.

    `changed` are the ids of those whose workers are replaced or new.
    """
    outcomes = {found.endpoint.id: found.outcome for found in rollouts}
    return {
        endpoint.name: endpoint
        for endpoint in endpoints
        if endpoint.id not in changed
        or outcomes.get(endpoint.id) in (Outcome.DONE, Outcome.UNKNOWN)
    }


class _Rollout:
    """The rollout of one endpoint, as it was seen until now."""

    def __init__(
        self, endpoint: Endpoint, old: frozenset[str] | None, identity: str | None, settle: float
    ) -> None:
        self.endpoint = endpoint
        self.told = ""
        self._probe = None if identity is None else Probe(endpoint, identity)
        self._settle = settle
        self._done_since: float | None = None
        self._old = old
        self._new: dict[str, bool] = {}  # worker -> whether it was ready
        self._failed: list[str] = []

    def look(self, cloud: Cloud) -> Outcome | None:
        """Return the outcome; None if the rollout goes on."""
        if self._old is None:
            return self._ask_workers(cloud)
        try:
            rollout, workers = cloud.rollout(self.endpoint.id), cloud.workers(self.endpoint.id)
        except CloudError as error:
            if error.trouble in (Trouble.MISSING, Trouble.RETIRED):
                return self._ask_workers(cloud)
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
        least = self.endpoint.settings.workers_min
        # A platform that has not started workers yet says that all of its workers are new.
        is_complete = rollout.is_done and rollout.on_latest >= least
        # Nothing has to be replaced; the platform may wait for a job before it calls that done.
        is_asleep = not workers and not least
        if not ((is_complete or is_asleep) and all(new.values())):
            self._done_since = None
        elif self._is_over(bool(current & self._old)):
            count = rollout.total
            self.told = f"{count} worker{'s' if count != 1 else ''} with the new release"
            return Outcome.DONE
        return None

    def _ask_workers(self, cloud: Cloud) -> Outcome | None:
        """Return the outcome that the workers tell; None if the rollout goes on."""
        if self._probe is None:
            return Outcome.UNKNOWN
        return Outcome.DONE if self._probe.look(cloud) else None

    def _is_over(self, has_old: bool) -> bool:
        """Return whether a rollout that the platform calls done is over.

        `has_old`: old workers are called new, because the rollout has not begun yet, or because the
        platform does not replace workers for this change.
        """
        now = time.monotonic()
        self._done_since = self._done_since if self._done_since is not None else now
        return not has_old or now - self._done_since >= self._settle

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

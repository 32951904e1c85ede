"""Decide what an event does to a job: a pure function `(job, event, now) -> (job, effects)`.

A job may run more than once, because its worker dies or an answer is lost.  The client gets exactly one result: only
the worker that holds the job can report a result, and only while this worker holds the job.
"""

from __future__ import annotations

import math

from msgspec import Struct
from msgspec.structs import replace

from .records import Body, Job, Status

MAX_ATTEMPTS = 3
_EXECUTION_TIMEOUT = "the job ran longer than its execution timeout of {:g} s"
_GIVEN_UP = "the caller of the job no longer waits for it"
_LOST = "the worker was lost {} times while it ran this job"


class Taken(Struct, frozen=True):
    """A worker asks for the job."""

    worker: str


class Returned(Struct, frozen=True):
    """The job did not reach the worker, because the connection ended before that."""

    worker: str


class Progressed(Struct, frozen=True):
    """The worker reports a partial output."""

    worker: str
    output: Body


class Streamed(Struct, frozen=True):
    """The worker reports a part of a stream."""

    worker: str
    body: bytes


class Reported(Struct, frozen=True):
    """The worker reports the result; with an error, the job failed."""

    worker: str
    output: Body | None
    error: str | None = None


class Lost(Struct, frozen=True):
    """The worker no longer has the job: the worker died, or an answer was lost; clients see `reason`."""

    worker: str
    reason: str = ""


class Cancelled(Struct, frozen=True):
    """A client cancels the job."""


class Retried(Struct, frozen=True):
    """A client asks to run a failed job again."""


class TimePassed(Struct, frozen=True):
    """Time has passed."""


Event = (
    Taken | Returned | Progressed | Streamed | Reported | Lost | Cancelled | Retried | TimePassed
)


class Settled(Struct, frozen=True):
    """The job has its final state; the platform answers the clients that wait for it."""


class StopJob(Struct, frozen=True):
    """The worker has to stop the job."""

    worker: str


class KeepPart(Struct, frozen=True):
    """Keep a part of the stream until the client takes it."""

    body: bytes


class DropParts(Struct, frozen=True):
    """Drop the parts that the client has not taken; the job runs again from its start."""


class Forget(Struct, frozen=True):
    """Delete the job."""


Effect = Settled | StopJob | KeepPart | DropParts | Forget
Step = tuple[Job, tuple[Effect, ...]]


def step(job: Job, event: Event, now: float) -> Step:
    """Return the job after the event, and what the platform has to do.

    If the event does not apply to the job, the result is the same object and no effects.
    """
    match event:
        case Taken():
            return _take(job, event, now)
        case Returned():
            if not _is_held_by(job, event.worker):
                return job, ()
            return _queued(job, attempt=job.attempt - 1), (DropParts(),)
        case Progressed():
            if not _is_held_by(job, event.worker):
                return job, ()
            return replace(job, output=event.output), ()
        case Streamed():
            if not _is_held_by(job, event.worker):
                return job, ()
            return job, (KeepPart(event.body),)
        case Reported():
            if not _is_held_by(job, event.worker):
                return job, ()
            status = Status.COMPLETED if event.error is None else Status.FAILED
            return _settle(job, status, now, event.output, event.error)
        case Lost():
            return _lose(job, event, now)
        case Cancelled():
            return _cancel(job, now)
        case Retried():
            return _retry(job, now)
        case TimePassed():
            return _pass_time(job, now)


def next_change(job: Job) -> float:
    """Return the earliest time at which the event `TimePassed` changes the job."""
    if job.status.is_final:
        return job.expires if job.expires is not None else job.ttl_at
    soonest = job.ttl_at
    if job.due is not None and job.due < soonest:
        soonest = job.due
    if job.deadline is not None and job.deadline < soonest:
        soonest = job.deadline
    return soonest


def _is_held_by(job: Job, worker: str) -> bool:
    """Return whether a worker works on the job."""
    return job.status is Status.IN_PROGRESS and job.worker == worker


def _is_given_up(job: Job, now: float) -> bool:
    """Return whether the job's caller has stopped waiting."""
    return job.deadline is not None and job.deadline <= now


def _take(job: Job, event: Taken, now: float) -> Step:
    """Give a job in the queue to a worker."""
    if job.status is not Status.IN_QUEUE or job.ttl_at <= now or _is_given_up(job, now):
        return job, ()
    taken = replace(
        job,
        status=Status.IN_PROGRESS,
        worker=event.worker,
        attempt=job.attempt + 1,
        started=now,
        due=min(now + job.timeout, job.deadline or math.inf),
    )
    return taken, ()


def _lose(job: Job, event: Lost, now: float) -> Step:
    """Return a lost job to the queue; after too many attempts, it fails."""
    if not _is_held_by(job, event.worker):
        return job, ()
    if job.attempt >= MAX_ATTEMPTS:
        error = _LOST.format(job.attempt) + (f": {event.reason}" if event.reason else "")
        return _settle(job, Status.FAILED, now, None, error)
    return _queued(job, attempt=job.attempt), (DropParts(),)


def _cancel(job: Job, now: float) -> Step:
    """Cancel a job that is not final."""
    if job.status.is_final:
        return job, ()
    settled, effects = _settle(job, Status.CANCELLED, now, job.output, None)
    return settled, (*_stop(job), *effects)


def _retry(job: Job, now: float) -> Step:
    """Put a failed job into the queue again, as if it were new."""
    if job.status not in (Status.FAILED, Status.TIMED_OUT):
        return job, ()
    again = replace(
        _queued(job, attempt=0),
        finished=None,
        expires=None,
        error=None,
        deadline=None,
        ttl_at=now + (job.ttl_at - job.created),
        created=now,
    )
    return again, (DropParts(),)


def _pass_time(job: Job, now: float) -> Step:
    """Return the job after time has passed: it may have expired, or be timed out."""
    if job.status.is_final:
        return job, (Forget(),) if job.expires is not None and job.expires <= now else ()
    if job.ttl_at <= now:
        return job, (*_stop(job), Forget())
    if _is_given_up(job, now):
        settled, effects = _settle(job, Status.TIMED_OUT, now, job.output, _GIVEN_UP)
        return settled, (*_stop(job), *effects)
    if job.due is not None and job.due <= now:
        error = _EXECUTION_TIMEOUT.format(job.timeout)
        settled, effects = _settle(job, Status.TIMED_OUT, now, job.output, error)
        return settled, (*_stop(job), *effects)
    return job, ()


def _queued(job: Job, *, attempt: int) -> Job:
    """Return the job as it is in the queue, without a worker and an output."""
    return replace(
        job,
        status=Status.IN_QUEUE,
        worker=None,
        attempt=attempt,
        started=None,
        due=None,
        output=None,
    )


def _settle(job: Job, status: Status, now: float, output: Body | None, error: str | None) -> Step:
    """Return the job in a final state, with the effect `Settled`."""
    settled = replace(
        job,
        status=status,
        finished=now,
        due=None,
        expires=now + job.retention,
        output=output,
        error=error,
    )
    return settled, (Settled(),)


def _stop(job: Job) -> tuple[Effect, ...]:
    """Return the effect that its worker has to stop the job; none if no worker has it."""
    return (StopJob(job.worker),) if job.worker is not None else ()

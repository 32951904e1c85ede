"""Keep the jobs that wait for a worker in order: by priority, then by the order in which they were submitted."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from .records import Job


class ReadyQueue:
    """The waiting jobs of an endpoint.

    A job that returns to the queue is ordered by its old `sequence`, so it is before all jobs that came after it.
    """

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._heaps: tuple[list[tuple[int, str]], list[tuple[int, str]]] = ([], [])

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def add(self, job: Job) -> None:
        """Add a job, or replace the job with the same id."""
        if job.id not in self._jobs:
            heapq.heappush(self._heaps[job.low_priority], (job.sequence, job.id))
        self._jobs[job.id] = job

    def remove(self, job_id: str) -> None:
        """Remove the job with an id, if it is in the queue."""
        self._jobs.pop(job_id, None)

    def first(self) -> Job | None:
        """Return the next job for a worker; None if no job waits."""
        for heap in self._heaps:
            job = self._head(heap)
            if job is not None:
                return job
        return None

    def oldest(self) -> float | None:
        """Return when the job that has waited longest was submitted; None if no job waits."""
        heads = [job.created for heap in self._heaps if (job := self._head(heap)) is not None]
        return min(heads, default=None)

    def _head(self, heap: list[tuple[int, str]]) -> Job | None:
        """Return the first job of a heap; drop the jobs at the head that `remove` has removed."""
        while heap:
            job = self._jobs.get(heap[0][1])
            if job is not None:
                return job
            heapq.heappop(heap)
        return None

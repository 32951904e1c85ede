"""Record, store and find the spans of traces: one for each job, and for each request to a load balancer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import chain

from msgspec import Struct, structs

from .journal import Journal
from .records import Job
from .statements import Statement
from .store import Store, StoreError
from .tracing import Position, position_of

KEPT = 50_000  # spans in the store
_COLUMNS = "trace, span, parent, endpoint, label, name, start, finish, status, worker, job"
_INSERT = f"INSERT OR REPLACE INTO span ({_COLUMNS}) VALUES "
_VALUES = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_AT_ONCE = 200  # rows per INSERT; fewer statements mean fewer waits for the GIL
_SELECT = f"SELECT {_COLUMNS} FROM span WHERE trace=? ORDER BY start, number"
_TRIM = f"DELETE FROM span WHERE number <= (SELECT max(number) FROM span) - {KEPT}"


class Span(Struct, frozen=True, kw_only=True, gc=False):
    """One job or request.  `label` is the endpoint's name, `status` the status of the job, or the HTTP status."""

    trace: str
    span: str
    parent: str | None
    endpoint: str
    label: str
    name: str
    start: float
    end: float
    status: str
    worker: str | None
    job: str | None

    @property
    def has_failed(self) -> bool:
        """Return whether the job or request failed."""
        return self.status in ("FAILED", "TIMED_OUT", "EXPIRED") or self.status.startswith("5")


class Spans:
    """Buffers new spans and writes them to the store in batches.

    A span is written to the store up to a tenth of a second later, so that no answer has to wait for it.  If the
    platform is killed, the spans of that time are lost.  `label` returns an endpoint's name by its id; `export` gets
    each sampled span.  Both may be replaced.
    """

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store, self._journal = store, journal
        self._unsaved: list[Span] = []
        self._last_write: asyncio.Future[None] | None = None
        self._has_new = False
        self.label: Callable[[str], str] = lambda endpoint: endpoint
        self.export: Callable[[Span], None] = lambda _span: None

    def add_job(self, job: Job, status: str) -> None:
        """Add the span of a job that ended."""
        position = position_of(job.traceparent or "", job.parent_span)
        if position is not None:
            end = job.finished if job.finished is not None else time.time()
            self.add(
                position, job.endpoint, "job", job.created, end, status, job.worker, job=job.id
            )

    def add(
        self,
        position: Position,
        endpoint: str,
        name: str,
        start: float,
        end: float,
        status: str,
        worker: str | None,
        *,
        job: str | None = None,
    ) -> None:
        """Add a span."""
        span = Span(
            trace=position.trace,
            span=position.span,
            parent=position.parent,
            endpoint=endpoint,
            label=self.label(endpoint),
            name=name,
            start=start,
            end=end,
            status=status,
            worker=worker,
            job=job,
        )
        self._unsaved.append(span)
        self._journal.add("span", structs.asdict(span))
        if position.is_sampled:
            self.export(span)

    def flush(self) -> None:
        """Start to write the new spans to the store."""
        if not self._unsaved:
            return
        spans, self._unsaved = self._unsaved, []
        self._has_new = True
        starts = range(0, len(spans), _AT_ONCE)
        written = self._store.write([_insert(spans[at : at + _AT_ONCE]) for at in starts])
        written.add_done_callback(self._note_failure)
        self._last_write = written

    def _note_failure(self, done: asyncio.Future[None]) -> None:
        """Add to the journal that spans could not be stored, if a write has failed."""
        error = None if done.cancelled() else done.exception()
        if error is not None:
            self._journal.note("store", error=str(error))

    def trim(self) -> list[Statement]:
        """Return the statements that delete the oldest spans if there are too many; none if no span is new."""
        if not self._has_new:
            return []
        self._has_new = False
        return [Statement(_TRIM)]

    async def load_trace(self, trace: str) -> list[Span]:
        """Write the new spans, and return all spans of a trace in the order in which they began.

        Raises:
            StoreError: the store can't be read.
        """
        self.flush()
        if self._last_write is not None:  # wait also for an earlier write
            with suppress(StoreError):
                await asyncio.shield(self._last_write)
        return [
            Span(**dict(zip(Span.__struct_fields__, row, strict=True)))
            for row in self._store.query(_SELECT, trace)
        ]


def _insert(spans: list[Span]) -> Statement:
    """Return the statement that stores spans."""
    rows = ", ".join([_VALUES] * len(spans))
    return Statement(_INSERT + rows, tuple(chain.from_iterable(map(structs.astuple, spans))))

"""Make the SQL statements that write jobs and records, and make jobs from the rows of the database."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from .records import Body, Job, Record, Spilled, Status

_FIXED = (
    "sequence id endpoint low_priority input input_size extra timeout retention webhook traceparent"
    " parent_span"
).split()
_CHANGING = (
    "status attempt worker output output_size error created started finished due expires ttl_at deadline"
).split()
_COLUMNS = [*_FIXED, *_CHANGING]
_INSERT = f"INSERT INTO job ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_UPDATE = f"UPDATE job SET {', '.join(f'{column}=?' for column in _CHANGING)} WHERE id=?"
SELECT_JOB = f"SELECT {', '.join(_COLUMNS)} FROM job"


class Statement(Struct, frozen=True, gc=False):
    """A statement of SQL with its parameters."""

    sql: str
    parameters: tuple[Any, ...] = ()


def insert_job(job: Job) -> Statement:
    """Return the statement that stores a new job."""
    body, size = _columns_of(job.input)
    return Statement(
        _INSERT,
        (
            job.sequence,
            job.id,
            job.endpoint,
            job.low_priority,
            body,
            size,
            job.extra,
            job.timeout,
            job.retention,
            job.webhook,
            job.traceparent,
            job.parent_span,
            *_changing(job),
        ),
    )


def update_job(job: Job) -> Statement:
    """Return the statement that stores the fields of a job that can change."""
    return Statement(_UPDATE, (*_changing(job), job.id))


def _changing(job: Job) -> tuple[Any, ...]:
    """Return the values of the columns that can change."""
    output, output_size = _columns_of(job.output)
    return (
        job.status.value,
        job.attempt,
        job.worker,
        output,
        output_size,
        job.error,
        job.created,
        job.started,
        job.finished,
        job.due,
        job.expires,
        job.ttl_at,
        job.deadline,
    )


def save_record(record: Record) -> Statement:
    """Return the statement that stores a record of the management API."""
    return Statement(
        "INSERT INTO record (id, kind, body) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET body=excluded.body",
        (record.id, type(record).__name__, msgspec.json.encode(record)),
    )


def delete_record(record: Record) -> Statement:
    """Return the statement that deletes a record of the management API."""
    return Statement("DELETE FROM record WHERE id=?", (record.id,))


def _columns_of(body: Body | None) -> tuple[bytes | None, int | None]:
    """Return the two columns for a body: its bytes and None, or the name and the size of its file."""
    if isinstance(body, Spilled):
        return body.name.encode(), body.size
    return body, None


def _body_of(column: bytes | None, size: int | None) -> Body | None:
    """Return the body in two columns; the inverse of `_columns_of`."""
    if column is None or size is None:
        return column
    return Spilled(column.decode(), size)


def job_of(row: tuple[Any, ...]) -> Job:
    """Return the job of a row of `SELECT_JOB`."""
    values = dict(zip(_COLUMNS, row, strict=True))
    values["status"] = Status(values["status"])
    values["low_priority"] = bool(values["low_priority"])
    values["input"] = _body_of(values["input"], values.pop("input_size"))
    values["output"] = _body_of(values["output"], values.pop("output_size"))
    return Job(**values)

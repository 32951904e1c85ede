"""Store and read the platform's jobs, records and bodies: in a SQLite database, and in files for large bodies.

One thread writes.  It commits all writes that wait in one transaction, and a caller learns that its write is done when
that transaction is committed.  If this process is killed, no committed write is lost.  If the power fails, the last
transactions can be lost, unless the store is `durable`.
"""

from __future__ import annotations

import asyncio
import hashlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from flashc_core.files import replacing

from .records import Body, Job, Record, Spilled, Status
from .schema import NewerVersion, migrate
from .statements import SELECT_JOB, Statement, job_of

SPILL_ABOVE = 256 * 1024  # bytes; a larger body in a row would delay all writes of its transaction
_GROUP = 512  # writes in a transaction
_CACHE_KIB = 16 * 1024  # of pages; the indexes of some ten thousand jobs fit in


class StoreError(Exception):
    """The database can't be read or written: a full disk, no permission, a damaged file."""


class _Write(Struct, frozen=True):
    """Statements that are committed together; `when_done` is called after that, with the error if there is one."""

    statements: Sequence[Statement]
    when_done: Callable[[StoreError | None], None]


class Store:
    """The database in a folder, with the files of large bodies next to it.

    The constructor, `spill`, `is_small` and `read_body` may be called in any thread, all other methods only in the thread of
    the event loop.
    """

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        """Open or create the database.

        Raises:
            StoreError: the database can't be opened, or a newer flashc wrote it.
        """
        self._bodies = folder / "bodies"
        self._path = folder / "platform.sqlite"
        with ExitStack() as failed:
            try:
                self._bodies.mkdir(parents=True, exist_ok=True)
                self._writer = self._connect(failed)
                self._writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                migrate(self._writer)
                self._reader = self._connect(failed)
            except (sqlite3.Error, OSError, NewerVersion) as error:
                raise StoreError(f"{self._path}: {error}") from error
            failed.pop_all()
        self._waiting: list[_Write] = []
        self._queue: queue.SimpleQueue[list[_Write] | None] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="flashc-store", daemon=True)

    def _connect(self, failed: ExitStack) -> sqlite3.Connection:
        """Open a connection to the database; `failed` closes it if the constructor fails."""
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        failed.callback(connection.close)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        connection.execute("PRAGMA busy_timeout=5000")
        return connection

    def start(self) -> None:
        """Start the thread that writes; call this in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    @property
    def is_started(self) -> bool:
        """Return whether the thread that writes is running."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Commit the writes that wait, and close the database."""
        if self._thread.is_alive():
            self._hand_over_writes()
            self._queue.put(None)
            self._thread.join()
        self._reader.close()
        with suppress(sqlite3.Error):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._writer.close()

    # Writing -------------------------------------------------------------------------------------

    def write(self, statements: Sequence[Statement]) -> asyncio.Future[None]:
        """Let the thread commit the statements, all or none; return a future that ends after the commit.

        The future raises `StoreError` if the statements can't be committed.
        """
        assert self._loop is not None
        future: asyncio.Future[None] = self._loop.create_future()
        self.submit(statements, lambda error: end_future(future, error))
        return future

    def submit(
        self, statements: Sequence[Statement], when_done: Callable[[StoreError | None], None]
    ) -> None:
        """Let the thread commit the statements, all or none; call `when_done` after that.

        This method exists besides `write` because a future takes longer than the write itself.
        """
        assert self._loop is not None
        if (
            not self._waiting
        ):  # the thread is woken once for all writes of one turn of the event loop
            self._loop.call_soon(self._hand_over_writes)
        self._waiting.append(_Write(statements, when_done))

    def _hand_over_writes(self) -> None:
        """Give the writes that wait to the thread."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._queue.put(waiting)

    def _run(self) -> None:
        """Commit the writes in the queue, several at once, until `close` ends the queue."""
        while True:
            first = self._queue.get()
            if first is None:
                return
            group = first
            ends = False
            while len(group) < _GROUP and not ends:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    ends = True
                else:
                    group.extend(item)
            self._commit(group)
            if ends:
                return

    def _commit(self, group: list[_Write]) -> None:
        """Commit several writes in one transaction, and report the results to the event loop.

        If the transaction fails, each write is committed in a transaction of its own, so that a wrong write does not
        prevent the others.
        """
        results: list[tuple[_Write, str | None]]
        try:
            self._transact([statement for write in group for statement in write.statements])
            results = [(write, None) for write in group]
        except sqlite3.Error:
            results = [(write, self._commit_alone(write)) for write in group]
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed, so no caller waits for the result
            self._loop.call_soon_threadsafe(_report_results, results)

    def _commit_alone(self, write: _Write) -> str | None:
        """Commit one write; return the error as text, or None."""
        try:
            self._transact(write.statements)
        except sqlite3.Error as error:
            return f"{self._path}: {error}"
        return None

    def _transact(self, statements: Iterable[Statement]) -> None:
        """Execute statements in one transaction; undo all of them if one fails."""
        execute = self._writer.execute
        execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                execute(statement.sql, statement.parameters)
            execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._writer.execute("ROLLBACK")
            raise

    # Reading -------------------------------------------------------------------------------------

    def load_job(self, job_id: str) -> Job | None:
        """Read a stored job; return None if there is none.

        Raises:
            StoreError: the database can't be read.
        """
        rows = self._run_query(f"{SELECT_JOB} WHERE id=?", (job_id,))
        return job_of(rows[0]) if rows else None

    def load_open_jobs(self, endpoint: str) -> list[Job]:
        """Read the stored jobs of an endpoint that are not final, ordered by `Job.sequence`."""
        sql = f"{SELECT_JOB} WHERE endpoint=? AND finished IS NULL ORDER BY sequence"
        return [job_of(row) for row in self._run_query(sql, (endpoint,))]

    def load_recent_jobs(self, endpoint: str, count: int) -> list[Job]:
        """Read the newest `count` stored jobs of an endpoint, newest first."""
        sql = f"{SELECT_JOB} WHERE endpoint=? ORDER BY sequence DESC LIMIT ?"
        return [job_of(row) for row in self._run_query(sql, (endpoint, count))]

    def last_sequence(self) -> int:
        """Read the highest `Job.sequence` of all stored jobs; 0 if there are none."""
        return int(self._run_query("SELECT coalesce(max(sequence), 0) FROM job")[0][0])

    def count_jobs(self, endpoint: str) -> dict[Status, int]:
        """Count the stored jobs of an endpoint by their states."""
        sql = "SELECT status, count(*) FROM job WHERE endpoint=? GROUP BY status"
        return {Status(status): count for status, count in self._run_query(sql, (endpoint,))}

    def load_parts(self, job_id: str) -> list[tuple[int, bytes]]:
        """Read (number, body) for each part of a job's stream that no client has taken."""
        return self._run_query(
            "SELECT number, body FROM part WHERE job=? ORDER BY number", (job_id,)
        )

    def query(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a query and return its rows.

        Raises:
            StoreError: the database can't be read.
        """
        return self._run_query(sql, parameters)

    def load_records(self) -> list[Record]:
        """Read all records of the management API."""
        kinds = {kind.__name__: kind for kind in Record.__args__}
        rows = self._run_query("SELECT kind, body FROM record")
        return [msgspec.json.decode(body, type=kinds[kind]) for kind, body in rows]

    def _run_query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a query and return its rows.

        Raises:
            StoreError: the database can't be read.
        """
        try:
            with closing(self._reader.execute(sql, parameters)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}") from error

    # Bodies --------------------------------------------------------------------------------------

    @staticmethod
    def is_small(body: bytes) -> bool:
        """Return whether a body is stored in the database itself, not in a file."""
        return len(body) <= SPILL_ABOVE

    def spill(self, body: bytes) -> Body:
        """Write a body to a file if it is too large for the database; return what is stored in the database.

        Raises:
            StoreError: the file can't be written.
        """
        if self.is_small(body):
            return body
        name = hashlib.sha256(body).hexdigest()
        path = self._bodies / name
        try:
            if not path.exists():
                with replacing(path) as temporary:
                    temporary.write_bytes(body)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        return Spilled(name, len(body))

    def read_body(self, body: Body) -> bytes:
        """Return the bytes of a stored body; read them from its file if it has one.

        Raises:
            StoreError: the file can't be read.
        """
        if isinstance(body, bytes):
            return body
        try:
            return (self._bodies / body.name).read_bytes()
        except OSError as error:
            raise StoreError(f"{error.filename}: {error.strerror}") from error

    def sweep(self, now: float) -> list[Statement]:
        """Remove the files of bodies that no job refers to; return the statements that delete expired jobs.

        The caller writes the statements.  A file stays until its job has been expired for a minute.
        """
        used = {
            name.decode() if isinstance(name, bytes) else name
            for row in self._run_query(
                "SELECT input, output FROM job WHERE (input_size IS NOT NULL OR output_size IS NOT NULL)"
                " AND (expires IS NULL OR expires > ?)",
                (now - 60,),
            )
            for name in row
            if name is not None and len(name) == _NAME_LENGTH
        }
        for path in self._bodies.iterdir():
            with suppress(OSError):
                if path.name not in used and now - path.stat().st_mtime > 60:
                    path.unlink()
        return [
            Statement(
                "DELETE FROM part WHERE job IN (SELECT id FROM job WHERE expires <= ?)", (now,)
            ),
            Statement("DELETE FROM job WHERE expires <= ?", (now,)),
        ]


_NAME_LENGTH = hashlib.sha256().digest_size * 2


def _report_results(results: list[tuple[_Write, str | None]]) -> None:
    """Call `when_done` of each write with its result; this runs in the thread of the event loop."""
    for write, error in results:
        write.when_done(None if error is None else StoreError(error))


def end_future(future: asyncio.Future[None], error: StoreError | None) -> None:
    """Set the result of a write's future, unless the future was cancelled."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)

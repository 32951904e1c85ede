"""Read what workers print: the lines of several workers in one stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from queue import Empty, SimpleQueue

from msgspec import Struct

from flashc_backends.cloud.errors import CloudError, Trouble
from flashc_backends.cloud.model import Endpoint, LogLine
from flashc_backends.cloud.port import Cloud

_PARALLEL = 16  # workers at once
_PAUSE = 2.0  # seconds between looks for new workers
_NO_LINES = frozenset((Trouble.MISSING, Trouble.RETIRED))


class WorkerLine(Struct, frozen=True, kw_only=True):
    """A line of a worker; `at` is a time in ISO 8601, `source` the stream."""

    at: str
    endpoint: str
    worker: str
    source: str
    text: str


class LogReader:
    """Reads the lines of the workers of some endpoints; those since a time, if there is one."""

    def __init__(
        self, cloud: Cloud, endpoints: tuple[Endpoint, ...], since: datetime | None
    ) -> None:
        self._cloud = cloud
        self._endpoints = endpoints
        self._since = since
        self._news: SimpleQueue[WorkerLine] = SimpleQueue()
        self._running: dict[str, threading.Thread] = {}
        self._last: dict[str, str] = {}  # worker -> the time of its last line

    def read(self, show: Callable[[WorkerLine], None]) -> int:
        """Pass on all lines that there are, by their time; return how many workers had some.

        Raises:
            CloudError: the platform can't be asked.
        """
        with ThreadPoolExecutor(_PARALLEL) as pool:
            found = list(pool.map(self._lines, self._workers()))
        for line in sorted((line for lines in found for line in lines), key=lambda line: line.at):
            show(line)
        return sum(1 for lines in found if lines)

    def follow(self, show: Callable[[WorkerLine], None]) -> None:
        """Pass on all lines and wait for more, also of new workers, until an exception ends it.

        Raises:
            CloudError: the platform can't be asked.
        """
        looked = 0.0
        while True:
            if time.monotonic() - looked >= _PAUSE:
                looked = time.monotonic()
                for endpoint, worker in self._workers():
                    self._start(endpoint, worker)
            try:
                show(self._news.get(timeout=_PAUSE / 4))
            except Empty:
                continue

    def _workers(self) -> list[tuple[str, str]]:
        """Return the workers of all endpoints as pairs of the endpoint's and the worker's id."""
        return [
            (endpoint.id, worker.id)
            for endpoint in self._endpoints
            for worker in self._cloud.workers(endpoint.id)
        ]

    def _start(self, endpoint: str, worker: str) -> None:
        """Read the lines of a worker in a thread; again if an earlier thread has ended."""
        running = self._running.get(worker)
        if running is not None and running.is_alive():
            return
        # A thread waits for lines for as long as the worker lives, so it must not hold the process.
        thread = threading.Thread(target=self._listen, args=(endpoint, worker), daemon=True)
        self._running[worker] = thread
        thread.start()

    def _listen(self, endpoint: str, worker: str) -> None:
        """Queue the lines of a worker; if the connection breaks, `_start` begins again after them."""
        after = self._last.get(worker, "")
        try:
            for line in self._cloud.log(endpoint, worker, follow=True):
                if line.at > after and self._is_wanted(line):
                    self._last[worker] = line.at
                    self._news.put(self._line(endpoint, worker, line))
        except CloudError:
            return

    def _lines(self, pair: tuple[str, str]) -> list[WorkerLine]:
        endpoint, worker = pair
        try:
            return [
                self._line(endpoint, worker, line)
                for line in self._cloud.log(endpoint, worker, follow=False)
                if self._is_wanted(line)
            ]
        except CloudError as error:
            if error.trouble in _NO_LINES:  # the worker has just ended
                return []
            raise

    def _is_wanted(self, line: LogLine) -> bool:
        if self._since is None:
            return True
        try:
            at = datetime.fromisoformat(line.at)
        except ValueError:
            return True
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)) >= self._since

    def _line(self, endpoint: str, worker: str, line: LogLine) -> WorkerLine:
        name = next(found.name for found in self._endpoints if found.id == endpoint)
        return WorkerLine(
            at=line.at, endpoint=name, worker=worker, source=line.source, text=line.text
        )
